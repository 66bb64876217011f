package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Difference is one row in which two databases differ.
type Difference struct {
	Table string `json:"table"`
	// Key is the row's primary key, Want and Got the row in either database;
	// one of them is empty where the row is missing.
	Key  string `json:"key"`
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
}

func (d Difference) String() string {
	switch {
	case d.Key == integrityKey:
		return fmt.Sprintf("%s: %s", d.Table, d.Got)
	case d.Key == definitionKey && d.Want == "":
		return fmt.Sprintf("%s should not be there: %s", d.Table, oneLine(d.Got))
	case d.Key == definitionKey && d.Got == "":
		return fmt.Sprintf("%s is missing: %s", d.Table, oneLine(d.Want))
	case d.Key == definitionKey:
		return fmt.Sprintf("%s\n  is        %s\n  should be %s", d.Table, oneLine(d.Got), oneLine(d.Want))
	case d.Want == "":
		return fmt.Sprintf("%s: row %s should not be there: %s", d.Table, d.Key, d.Got)
	case d.Got == "":
		return fmt.Sprintf("%s: row %s is missing: %s", d.Table, d.Key, d.Want)
	}
	return fmt.Sprintf("%s: row %s\n  is        %s\n  should be %s", d.Table, d.Key, d.Got, d.Want)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Comparison is what Compare found.
type Comparison struct {
	Rows int64 `json:"rows"`
	// Others are the definitions and the entries of the full-text index that
	// Examine compared.
	Others    int64 `json:"others,omitempty"`
	Different int64 `json:"different"`
	// Extra are those of the different rows that should not be there.
	Extra       int64        `json:"extra,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
}

// Compare walks both databases in canonical order and returns the first limit
// differences and the number of all. want is how the rows should be.
func Compare(ctx context.Context, want, got Queryer, limit int) (Comparison, error) {
	var res Comparison
	err := res.compareRows(ctx, want, got, limit)
	return res, err
}

func (r *Comparison) compareRows(ctx context.Context, want, got Queryer, limit int) error {
	wantTables, err := Tables(ctx, want)
	if err != nil {
		return err
	}
	gotTables, err := Tables(ctx, got)
	if err != nil {
		return err
	}
	have := map[string]Table{}
	for _, t := range gotTables {
		have[t.Name] = t
	}
	for _, t := range wantTables {
		g, ok := have[t.Name]
		delete(have, t.Name)
		if !ok {
			r.add(limit, Difference{Table: t.Name, Key: "(table)", Want: fmt.Sprint(t.Columns)})
			continue
		}
		if fmt.Sprint(g.Columns) != fmt.Sprint(t.Columns) {
			r.add(limit, Difference{Table: t.Name, Key: "(table)", Want: fmt.Sprint(t.Columns), Got: fmt.Sprint(g.Columns)})
			continue
		}
		if err := compareTable(ctx, t, want, got, limit, r); err != nil {
			return err
		}
	}
	for _, t := range gotTables {
		if _, extra := have[t.Name]; extra {
			r.add(limit, Difference{Table: t.Name, Key: "(table)", Got: fmt.Sprint(t.Columns)})
		}
	}
	return nil
}

func (r *Comparison) add(limit int, d Difference) {
	r.Different++
	if len(r.Differences) < limit {
		r.Differences = append(r.Differences, d)
	}
}

// compareTable merges both sides by key.
func compareTable(ctx context.Context, t Table, want, got Queryer, limit int, res *Comparison) (err error) {
	w, err := t.open(ctx, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.rows.Close()) }()
	g, err := t.open(ctx, got)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.rows.Close()) }()

	wk, wr, wok, err := w.next()
	if err != nil {
		return err
	}
	gk, gr, gok, err := g.next()
	if err != nil {
		return err
	}
	for wok || gok {
		res.Rows++
		takeWant, takeGot := wok, gok
		order := 0
		if wok && gok {
			order = w.compare(g)
		}
		switch {
		case wok && gok && order == 0:
			if wr != gr {
				res.add(limit, Difference{Table: t.Name, Key: wk, Want: wr, Got: gr})
			}
		case !gok || order < 0:
			takeGot = false
			res.add(limit, Difference{Table: t.Name, Key: wk, Want: wr})
		default:
			takeWant = false
			res.Extra++
			res.add(limit, Difference{Table: t.Name, Key: gk, Got: gr})
		}
		if takeWant {
			if wk, wr, wok, err = w.next(); err != nil {
				return err
			}
		}
		if takeGot {
			if gk, gr, gok, err = g.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare orders two rows by key as SQLite does: numbers before texts, and a
// column without case without case. Keys that differ in case alone are one row.
func (c *cursor) compare(o *cursor) int {
	for i, at := range c.table.key {
		if d := compareValues(c.vals[at], o.vals[at], c.table.nocase[i]); d != 0 {
			return d
		}
	}
	return 0
}

func compareValues(a, b any, nocase bool) int {
	if ra, rb := class(a), class(b); ra != rb {
		return ra - rb
	}
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(float64(a), number(b))
	case float64:
		return cmp.Compare(a, number(b))
	case string:
		b, _ := b.(string)
		if nocase {
			return cmp.Compare(foldASCII(a), foldASCII(b))
		}
		return cmp.Compare(a, b)
	}
	return 0
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func class(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case int64, float64:
		return 1
	case string:
		return 2
	}
	return 3
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
