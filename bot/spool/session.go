package spool

import (
	"context"
	"database/sql"
)

// session is the writer's connection with its statements prepared: where events
// are put one by one, as they are in quiet times, to read a statement takes longer
// than to run it.
type session struct {
	*sql.Conn
	kept map[string]*sql.Stmt
}

// maxKept bounds the statements that are kept; all that there are is half of it.
const maxKept = 32

func newSession(c *sql.Conn) *session { return &session{Conn: c, kept: map[string]*sql.Stmt{}} }

// statement returns the statement prepared. It belongs to the session, and ends
// with its connection.
func (s *session) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := s.kept[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(s.kept) == maxKept {
		for other, old := range s.kept {
			_ = old.Close()
			delete(s.kept, other)
			break
		}
	}
	s.kept[query] = stmt
	return stmt, nil
}

// ExecContext runs a statement that returns no rows.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.statement(ctx, query) //nolint:sqlclosecheck // Close closes it
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryRowContext runs a query for one row.
func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.statement(ctx, query) //nolint:sqlclosecheck // Close closes it
	if err != nil {
		return s.Conn.QueryRowContext(ctx, query, args...) // tells the error with the row
	}
	return stmt.QueryRowContext(ctx, args...)
}

// Close ends the session.
func (s *session) Close() error {
	for _, stmt := range s.kept {
		_ = stmt.Close()
	}
	return s.Conn.Close()
}
