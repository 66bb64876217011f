// Package schematest opens a real database for a test, in one call.
package schematest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rosey/schema"
)

// Open makes a database with all tables in a temporary directory. It is closed
// and removed with the test.
func Open(t testing.TB) *schema.DB {
	t.Helper()
	db, err := Create(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

// Create is schema.Create for tests that need many databases: the tables are
// made once in the process and copied.
func Create(ctx context.Context, path string) (*schema.DB, error) {
	data, err := fresh()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return nil, err
	}
	return schema.OpenWriter(ctx, path)
}

// fresh is the file of a database without a row.
var fresh = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "schematest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "rosey.db")
	db, err := schema.Create(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Dump is the canonical form of a database.
func Dump(t testing.TB, q schema.Queryer) string {
	t.Helper()
	text, err := schema.Dump(t.Context(), q)
	if err != nil {
		t.Fatalf("dump database: %v", err)
	}
	return text
}

// Read reads something of the database at path, such as its schema.Dump, and closes
// it again.
func Read[T any](t testing.TB, path string, read func(context.Context, schema.Queryer) (T, error)) T {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	defer func() { _ = db.Close() }() // it was only read
	v, err := read(t.Context(), db)
	if err != nil {
		t.Fatalf("read database: %v", err)
	}
	return v
}
