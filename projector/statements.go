package projector

import (
	"context"
	"database/sql"
	"fmt"

	"rosey/schema"
)

// statements keeps what batches run prepared, until the database is closed.
// To read a statement takes longer than to run it where a batch has a few events,
// as it has in quiet times: without this, half of the time went there.
type statements struct {
	db   *schema.DB
	kept map[string]*sql.Stmt
	want []string // of the last batch, not kept yet
}

// maxKept bounds the statements that are kept; all that there are is half of it.
const maxKept = 256

func newStatements(db *schema.DB) *statements {
	return &statements{db: db, kept: map[string]*sql.Stmt{}}
}

// begin begins a batch's transaction. What the batch before had to prepare for
// itself is kept from here on: the database has one connection, which is the
// transaction's from now to its end.
func (s *statements) begin(ctx context.Context) (*transaction, error) {
	for _, query := range s.want {
		if s.kept[query] != nil || len(s.kept) == maxKept {
			continue
		}
		stmt, err := s.db.PrepareContext(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("prepare %.60s: %w", query, err)
		}
		s.kept[query] = stmt
	}
	s.want = s.want[:0]
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &transaction{Tx: tx, statements: s, own: map[string]*sql.Stmt{}}, nil
}

// transaction runs on kept statements, and has each statement once: a batch runs
// some of them for every event, and what it prepared is open until it ends.
type transaction struct {
	*sql.Tx
	statements *statements
	own        map[string]*sql.Stmt
}

// PrepareContext returns the statement for this transaction; it ends with it.
func (t *transaction) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if own := t.own[query]; own != nil {
		return own, nil
	}
	if kept := t.statements.kept[query]; kept != nil {
		t.own[query] = t.StmtContext(ctx, kept)
		return t.own[query], nil
	}
	stmt, err := t.Tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	t.statements.want = append(t.statements.want, query)
	t.own[query] = stmt
	return stmt, nil
}

// ExecContext runs a statement that returns no rows.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext runs a query.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext runs a query for one row.
func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := t.PrepareContext(ctx, query)
	if err != nil {
		return t.Tx.QueryRowContext(ctx, query, args...) // tells the error with the row
	}
	return stmt.QueryRowContext(ctx, args...)
}
