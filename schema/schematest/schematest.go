// Package schematest opens a real database for a test, in one call.
package schematest

import (
	"path/filepath"
	"testing"

	"rosey/schema"
)

// Open makes a database with all tables in a temporary directory. It is closed
// and removed with the test.
func Open(t testing.TB) *schema.DB {
	t.Helper()
	db, err := schema.Create(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
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

// Dump is the canonical form of a database.
func Dump(t testing.TB, q schema.Queryer) string {
	t.Helper()
	text, err := schema.Dump(t.Context(), q)
	if err != nil {
		t.Fatalf("dump database: %v", err)
	}
	return text
}
