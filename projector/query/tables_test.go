package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rosey/projector/query"
	"rosey/schema"
)

func TestReadTable_EveryTableAndView(t *testing.T) {
	t.Parallel()
	q := newEvening(t).joined("zoe").joined("Ann").said("ann", "hi").counted(1, 2).played("x").tables()
	names, err := query.Tables(t.Context(), q)
	if err != nil || !slices.Contains(names, "recent_chat") || !slices.Contains(names, "user_stats") {
		t.Fatalf("got %v, %v", names, err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "chat_search") || strings.HasPrefix(name, "sqlite_") {
			t.Errorf("%s is the inside of something", name)
		}
		var columns []string
		err := query.ReadTable(t.Context(), q, name, func(c []string) error { columns = slices.Clone(c); return nil }, func(v []any) error {
			if len(v) != len(columns) {
				t.Errorf("%s: %d values in %d columns", name, len(v), len(columns))
			}
			return nil
		})
		if err != nil || len(columns) == 0 {
			t.Errorf("%s: %v, %v", name, columns, err)
		}
	}
}

func TestReadTable_RowsComeInTheOrderOfTheKey(t *testing.T) {
	t.Parallel()
	q := newEvening(t).joined("zoe").joined("Bob").joined("ann").tables()
	var got []string
	err := query.ReadTable(t.Context(), q, "USER_STATS", func([]string) error { return nil }, func(v []any) error {
		got = append(got, fmt.Sprint(v[1]))
		return nil
	})
	if err != nil || strings.Join(got, " ") != "ann Bob zoe" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestReadTable_RefusesOtherNames(t *testing.T) {
	t.Parallel()
	q := newEvening(t).tables()
	for _, name := range []string{"", "nope", "chat_search", "chat_search_data", "sqlite_master", `user_stats"; DROP TABLE polls; --`, "user_stats, polls"} {
		err := query.ReadTable(t.Context(), q, name, nil, nil)
		var missing *query.NotFoundError
		if !errors.As(err, &missing) || !slices.Contains(missing.Known, "polls") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestReadTable_StopsWhereItsReaderStops(t *testing.T) {
	t.Parallel()
	q := newEvening(t).joined("zoe").joined("ann").tables()
	enough, n := errors.New("enough"), 0
	err := query.ReadTable(t.Context(), q, "user_stats", func([]string) error { return nil }, func([]any) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d rows: %v", n, err)
	}
}

// Questions are answered while a projector writes, and cannot change anything.
func TestQueries_WhileAProjectorWrites(t *testing.T) {
	t.Parallel()
	e := newEvening(t).said("ann", "0")
	q := e.tables()
	done := make(chan error, 1)
	go func() {
		for i := range 100 {
			o, err := query.Status(t.Context(), q, "")
			if err != nil {
				done <- fmt.Errorf("question %d: %w", i, err)
				return
			}
			if len(o.Channels) != 1 {
				done <- fmt.Errorf("question %d: %d channels", i, len(o.Channels))
				return
			}
		}
		done <- nil
	}()
	for i := range 100 {
		e.said("ann", fmt.Sprint(i+1))
		if _, err := e.applier.Apply(t.Context(), e.items); err != nil {
			t.Error(err)
		}
		e.items = nil
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := q.(*schema.DB).ExecContext(t.Context(), "DELETE FROM user_stats"); err == nil {
		t.Error("a reader deleted rows")
	}
}
