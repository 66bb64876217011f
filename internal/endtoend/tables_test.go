package endtoend

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // any SQLite client will do: the tables are read as an analyst reads them
)

// openTables opens the database of a data folder for reading.
func openTables(t *testing.T, data string) *sql.DB {
	t.Helper()
	return openFile(t, filepath.Join(data, "rosey.db"))
}

func openFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// number is the answer to a query for one whole number.
func number(t *testing.T, db *sql.DB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// numberOf asks a data folder that may have no database yet: then it is -1.
func numberOf(t *testing.T, data, query string, args ...any) int64 {
	t.Helper()
	path := filepath.Join(data, "rosey.db")
	if _, err := os.Stat(path); err != nil {
		return -1
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var n int64
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		return -1 // it is being made
	}
	return n
}

// counts is the answer to a query for names and numbers.
func counts(t *testing.T, db *sql.DB, query string, args ...any) map[string]int {
	t.Helper()
	got := map[string]int{}
	each(t, db, func(r *sql.Rows) error {
		var name string
		var n int
		if err := r.Scan(&name, &n); err != nil {
			return err
		}
		got[name] = n
		return nil
	}, query, args...)
	return got
}

func each(t *testing.T, db *sql.DB, row func(*sql.Rows) error, query string, args ...any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// checkpoint is the last sequence the tables hold.
func checkpoint(t *testing.T, data string) int64 {
	t.Helper()
	return numberOf(t, data, "SELECT coalesce(max(seq), 0) FROM projection_state")
}

// text is the JSON of a value, for messages and comparisons: keys are sorted.
func text(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
