package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CreateInMemory makes a database with all tables that is gone when it is closed,
// and leaves nothing behind.
func CreateInMemory(ctx context.Context) (*DB, error) {
	now, late, err := statements()
	if err != nil {
		return nil, err
	}
	// It lives as long as its one connection.
	db, err := open(ctx, "file::memory:", "a database in memory", 1)
	if err != nil {
		return nil, err
	}
	if err := db.exec(ctx, append(now, late...)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Row is one row of a table, its values written as the canonical dump writes them.
type Row struct {
	Columns []string
	Values  []string
}

// Differing names the columns in which another row of the same table differs.
func (r *Row) Differing(o *Row) []string {
	if strings.Join(r.Columns, ",") != strings.Join(o.Columns, ",") {
		return []string{"columns"}
	}
	var list []string
	for i, c := range r.Columns {
		if r.Values[i] != o.Values[i] {
			list = append(list, c)
		}
	}
	return list
}

// RowAt reads the row of a table whose key is a stream sequence; nil where there is
// none.
func RowAt(ctx context.Context, q Queryer, table string, seq uint64) (*Row, error) {
	rows, err := Rows(ctx, q, "SELECT * FROM "+quote(table)+" WHERE seq = ?", int64(seq))
	if err != nil {
		return nil, fmt.Errorf("schema: read %s seq=%d: %w", table, seq, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

// Rows reads what a query comes to.
func Rows(ctx context.Context, q Queryer, query string, args ...any) (list []Row, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	vals, ptrs := make([]any, len(columns)), make([]any, len(columns))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		row := Row{Columns: columns}
		for _, v := range vals {
			var b strings.Builder
			writeValue(&b, v)
			row.Values = append(row.Values, b.String())
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// Value is the value of a column, "" where there is no such column.
func (r *Row) Value(column string) string {
	if i := slices.Index(r.Columns, column); i >= 0 {
		return r.Values[i]
	}
	return ""
}
