package projector

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// writer is the transaction of one batch.
type writer struct {
	tx *transaction
	// loading is set during a rebuild: indexes that only readers need are filled
	// at its end.
	loading     bool
	searchEvery int   // see chat
	held        *held // nil where nothing is held back
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	if _, err := w.tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	return nil
}

// bulkRows is how many rows one statement carries, the most first. What is left
// over goes by the smaller ones rather than by one of its own size, which would
// have to be prepared each time.
var bulkRows = [...]int{64, 16, 4, 1}

// bulk gathers rows for one INSERT and writes many with each statement.
type bulk struct {
	head string // INSERT INTO t (a, b) VALUES
	tail string // ON CONFLICT ...
	cols int
	args []any
}

func (b *bulk) add(vals ...any) {
	if len(vals) != b.cols {
		panic(fmt.Sprintf("projector: %d values for %s", len(vals), b.head))
	}
	b.args = append(b.args, vals...)
}

func (b *bulk) rows() int { return len(b.args) / b.cols }

func (b *bulk) flush(ctx context.Context, w *writer) error {
	rest := b.args
	for _, rows := range bulkRows {
		step := rows * b.cols
		if len(rest) < step {
			continue
		}
		stmt, err := w.tx.PrepareContext(ctx, b.sql(rows))
		if err != nil {
			return fmt.Errorf("%.60s: %w", b.head, err)
		}
		for ; len(rest) >= step; rest = rest[step:] {
			if _, err := stmt.ExecContext(ctx, rest[:step]...); err != nil {
				return fmt.Errorf("%.60s: %w", b.head, err)
			}
		}
	}
	clear(b.args) // texts are not kept for the next batch
	b.args = b.args[:0]
	return nil
}

func (b *bulk) sql(rows int) string {
	row := "(?" + strings.Repeat(",?", b.cols-1) + ")"
	return b.head + " " + row + strings.Repeat(","+row, rows-1) + " " + b.tail
}

// upsert spells the clause that takes every column but the key from the new row.
func upsert(key, columns string) string {
	var set []string
	for _, c := range strings.Split(columns, ", ") {
		set = append(set, c+" = excluded."+c)
	}
	return "ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// fold names compare without case; so do the tables' username columns.
func foldName(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			b := []byte(name)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return name
}

// seconds is the established unit of the older columns; it rounds to the past.
func seconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// optional is NULL for nil.
func optional[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// each runs a query and hands every row to scan.
func each(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, scan func(*sql.Rows) error, query string, args ...any,
) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%.60s: %w", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%.60s: %w", query, err)
	}
	return nil
}
