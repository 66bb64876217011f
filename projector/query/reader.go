package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rosey/schema"
)

// maxStatements bounds the statements that a reader keeps.
const maxStatements = 64

// reader is a connection to a database for one question at a time. It keeps the
// statements of former ones: reading their SQL takes longer than answering most
// of them.
type reader struct {
	conn *sql.Conn
	kept map[string]*sql.Stmt
}

func newReader(ctx context.Context, db *schema.DB) (*reader, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("query: read %s: %w", db.Path(), err)
	}
	return &reader{conn: c, kept: map[string]*sql.Stmt{}}, nil
}

func (r *reader) close() error {
	var errs []error
	for _, s := range r.kept {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.conn.Close())...)
}

// errBroken means that a reader cannot be used any more.
var errBroken = errors.New("the connection is broken")

// read answers a question in one transaction, so that all of the answer is of one
// moment, also while the projector writes.
func (r *reader) read(ctx context.Context, question func(schema.Queryer) error) error {
	if _, err := r.conn.ExecContext(ctx, "BEGIN"); err != nil {
		if ctx.Err() == nil {
			// Nothing is read as yet: it is not the file's fault.
			err = fmt.Errorf("%w: %w", errBroken, err)
		}
		return fmt.Errorf("query: begin to read: %w", err)
	}
	defer func() {
		// Nothing was written. It has to end also where the question was broken off.
		_, _ = r.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}()
	return question(r)
}

// statement returns the statement for a text, nil where none is kept.
func (r *reader) statement(ctx context.Context, text string) *sql.Stmt {
	if s, ok := r.kept[text]; ok {
		return s
	}
	if len(r.kept) >= maxStatements {
		return nil
	}
	s, err := r.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil // asking without it says what is wrong
	}
	r.kept[text] = s
	return s
}

// QueryContext implements schema.Queryer.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.conn.QueryContext(ctx, query, args...)
}

// QueryRowContext implements schema.Queryer.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := r.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return r.conn.QueryRowContext(ctx, query, args...)
}
