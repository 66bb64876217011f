package query

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"rosey/schema"
)

// Tables lists the tables and views that can be read whole. The inside of the
// full-text index is none of them.
func Tables(ctx context.Context, q schema.Queryer) ([]string, error) {
	return collect(ctx, q, "tables", func(r *sql.Rows, name *string) error { return r.Scan(name) },
		`SELECT name FROM sqlite_master WHERE type IN ('table', 'view')
			AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'chat\_search%' ESCAPE '\' ORDER BY name`)
}

// Table returns a table's name as the database spells it. The error is
// ErrNotFound, with the tables there are.
func Table(ctx context.Context, q schema.Queryer, name string) (string, error) {
	all, err := Tables(ctx, q)
	if err != nil {
		return "", err
	}
	for _, t := range all {
		if strings.EqualFold(t, name) {
			return t, nil
		}
	}
	return "", &NotFoundError{What: "table", Name: name, Known: all}
}

// ReadTable reads a table or view row by row, in the order of its primary key or
// as the view has it. The columns come first, then each row; its values are nil,
// int64, float64, string or []byte, valid during the call. The error is
// ErrNotFound, or what a function returned.
func ReadTable(ctx context.Context, q schema.Queryer, name string, columns func([]string) error, row func([]any) error) error {
	table, err := Table(ctx, q, name)
	if err != nil {
		return err
	}
	order, err := primaryKey(ctx, q, table)
	if err != nil {
		return err
	}
	statement := "SELECT * FROM " + identifier(table)
	if len(order) > 0 {
		statement += " ORDER BY " + strings.Join(order, ", ")
	}
	rows, err := q.QueryContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("query: read %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	return readRows(rows, table, columns, row)
}

func readRows(rows *sql.Rows, table string, columns func([]string) error, row func([]any) error) error {
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("query: read %s: %w", table, err)
	}
	if err := columns(names); err != nil {
		return err
	}
	values, at := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		at[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return fmt.Errorf("query: read %s: %w", table, err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("query: read %s: %w", table, err)
	}
	return nil
}

func primaryKey(ctx context.Context, q schema.Queryer, table string) ([]string, error) {
	return collect(ctx, q, "key of "+table, func(r *sql.Rows, name *string) error {
		err := r.Scan(name)
		*name = identifier(*name)
		return err
	}, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
}

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
