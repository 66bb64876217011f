package query

import (
	"context"
	"database/sql"
	"fmt"

	"rosey/schema"
)

// Bounds of every list.
const (
	DefaultLimit = 20
	MaxLimit     = 1000
)

// limited is how many rows are returned for a wish: 0 means DefaultLimit, and
// nobody gets more than MaxLimit.
func limited(wish int) int {
	if wish <= 0 {
		return DefaultLimit
	}
	return min(wish, MaxLimit)
}

// collect reads all rows of a bounded statement; scan reads one. The result is
// never nil, so that it is a list in JSON too.
func collect[T any](ctx context.Context, q schema.Queryer, what string, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	list := []T{}
	err := each(ctx, q, what, func(r *sql.Rows) error {
		var v T
		if err := scan(r, &v); err != nil {
			return err
		}
		list = append(list, v)
		return nil
	}, query, args...)
	return list, err
}

func each(ctx context.Context, q schema.Queryer, what string, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("query: %s: %w", what, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("query: %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("query: %s: %w", what, err)
	}
	return nil
}

// older is the SQL bound for paging towards the past by key: 0 begins at the
// newest row.
func older(before int64) int64 {
	if before <= 0 {
		return 1<<63 - 1
	}
	return before
}
