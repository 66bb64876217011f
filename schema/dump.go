package schema

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table is one table of a database in its canonical form: columns in the order
// of their definition, rows in the order of the primary key. Indexes, views and
// the inside of the full-text index are no part of it.
type Table struct {
	Name    string
	Columns []string
	source  string // what the rows are read from; default: Name
	key     []int
	nocase  []bool // for each column of the key
}

// ownTables selects the tables that rows are kept in, as m. How a file was made
// is none of them.
const ownTables = ` FROM sqlite_master m, %s WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%%' AND m.name NOT LIKE 'chat_search%%'
	AND m.name <> '` + originTable + `'`

// Tables lists the tables by name.
func Tables(ctx context.Context, q Queryer) ([]Table, error) {
	nocase, err := nocaseKeys(ctx, q)
	if err != nil {
		return nil, err
	}
	// hidden 0 and 2, 3: ordinary and generated columns.
	rows, err := q.QueryContext(ctx, "SELECT m.name, x.name, x.pk"+fmt.Sprintf(ownTables, "pragma_table_xinfo(m.name) x")+
		" AND x.hidden <> 1 ORDER BY m.name, x.cid")
	if err != nil {
		return nil, fmt.Errorf("schema: list tables: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Table
	for rows.Next() {
		var table, column string
		var pk int
		if err := rows.Scan(&table, &column, &pk); err != nil {
			return nil, fmt.Errorf("schema: list tables: %w", err)
		}
		if len(list) == 0 || list[len(list)-1].Name != table {
			list = append(list, Table{Name: table})
		}
		t := &list[len(list)-1]
		if pk > 0 {
			for len(t.key) < pk {
				t.key, t.nocase = append(t.key, 0), append(t.nocase, false)
			}
			t.key[pk-1], t.nocase[pk-1] = len(t.Columns), nocase[table+"."+column]
		}
		t.Columns = append(t.Columns, column)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: list tables: %w", err)
	}
	for _, t := range list {
		if len(t.key) == 0 {
			return nil, fmt.Errorf("schema: table %s has no primary key, and so no canonical order", t.Name)
		}
	}
	return list, nil
}

// nocaseKeys finds the columns of keys that compare without case. A table keyed
// by its rowid has no index for it, and nothing to fold.
func nocaseKeys(ctx context.Context, q Queryer) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, "SELECT m.name, x.name"+
		fmt.Sprintf(ownTables, "pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x")+" AND l.origin = 'pk' AND x.key = 1 AND x.coll = 'NOCASE'")
	if err != nil {
		return nil, fmt.Errorf("schema: collations: %w", err)
	}
	defer func() { _ = rows.Close() }()
	keys := map[string]bool{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return nil, fmt.Errorf("schema: collations: %w", err)
		}
		keys[table+"."+column] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: collations: %w", err)
	}
	return keys, nil
}

func (t *Table) query() string {
	order := make([]string, len(t.key))
	for i, k := range t.key {
		order[i] = quote(t.Columns[k])
	}
	cols := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		cols[i] = quote(c)
	}
	source := cmp.Or(t.source, t.Name)
	return "SELECT " + strings.Join(cols, ", ") + " FROM " + quote(source) + " ORDER BY " + strings.Join(order, ", ")
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// cursor walks the rows of one table in canonical order.
type cursor struct {
	table Table
	rows  *sql.Rows
	vals  []any
	ptrs  []any
}

func (t Table) open(ctx context.Context, q Queryer) (*cursor, error) {
	rows, err := q.QueryContext(ctx, t.query())
	if err != nil {
		return nil, fmt.Errorf("schema: read %s: %w", t.Name, err)
	}
	c := &cursor{table: t, rows: rows, vals: make([]any, len(t.Columns)), ptrs: make([]any, len(t.Columns))}
	for i := range c.vals {
		c.ptrs[i] = &c.vals[i]
	}
	return c, nil
}

// next returns the key and the whole row as text; ok is false at the end.
func (c *cursor) next() (key, row string, ok bool, err error) {
	if !c.rows.Next() {
		return "", "", false, errors.Join(c.rows.Err(), c.rows.Close())
	}
	if err := c.rows.Scan(c.ptrs...); err != nil {
		return "", "", false, fmt.Errorf("schema: read %s: %w", c.table.Name, err)
	}
	var k, r strings.Builder
	for i, at := range c.table.key {
		if i > 0 {
			k.WriteByte(' ')
		}
		k.WriteString(c.table.Columns[at] + "=")
		writeValue(&k, c.vals[at])
	}
	r.WriteByte('{')
	for i, v := range c.vals {
		if i > 0 {
			r.WriteByte(',')
		}
		r.WriteString(strconv.Quote(c.table.Columns[i]) + ":")
		writeValue(&r, v)
	}
	r.WriteByte('}')
	return k.String(), r.String(), true, nil
}

// writeValue writes a value as JSON. Whole numbers and fractions stay apart, as
// SQLite keeps them apart; a blob is an object with its hexadecimal digits.
func writeValue(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eEnI") {
			s += ".0"
		}
		b.WriteString(s)
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case []byte:
		b.WriteString(`{"hex":"` + hex.EncodeToString(v) + `"}`)
	case string:
		writeText(b, v)
	default:
		fmt.Fprintf(b, "%q", fmt.Sprint(v))
	}
}

// writeText writes a text so that every row is one line, whatever shows it: the
// encoder escapes the older control characters, the newer ones are done here. A
// text that is not UTF-8 is written like a blob, for no other to look the same.
func writeText(b *strings.Builder, v string) {
	text, err := json.Marshal(v)
	if err != nil || !utf8.ValidString(v) {
		b.WriteString(`{"text_hex":"` + hex.EncodeToString([]byte(v)) + `"}`)
		return
	}
	for _, r := range string(text) {
		if r >= 0x7f && r <= 0x9f {
			fmt.Fprintf(b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
}

// WriteDump writes the canonical form of the database: a line for each row, its
// table first. Equal databases have equal dumps.
func WriteDump(ctx context.Context, q Queryer, w io.Writer) error {
	tables, err := Tables(ctx, q)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for _, t := range tables {
		c, err := t.open(ctx, q)
		if err != nil {
			return err
		}
		for {
			_, row, ok, err := c.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if _, err := out.WriteString(t.Name + " " + row + "\n"); err != nil {
				return fmt.Errorf("schema: dump %s: %w", t.Name, err)
			}
		}
	}
	return out.Flush()
}

// Dump is WriteDump into a text.
func Dump(ctx context.Context, q Queryer) (string, error) {
	var b strings.Builder
	err := WriteDump(ctx, q, &b)
	return b.String(), err
}
