package schema_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"rosey/schema"
)

// A file can be suspended and gone on with at every step of its way.
func TestSuspend_IsGoneOnWith(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "loading.db")
	db, err := schema.CreateForLoading(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	steps := []func(db *schema.DB) error{
		func(db *schema.DB) error {
			exec(t, db, "INSERT INTO chat_messages VALUES (1, 'tv', 5, 'ann', 'hello there', 9, '', '', 0, 0)")
			return nil
		},
		func(db *schema.DB) error { return db.Finish(ended) },
		func(db *schema.DB) error { // one index is there, the others are not
			exec(t, db, "CREATE INDEX chat_messages_user ON chat_messages (channel, username, time_ms)")
			return nil
		},
		func(db *schema.DB) error { return db.Finish(t.Context()) },
		func(db *schema.DB) error { // as after an interruption of the check, and the stream has grown
			exec(t, db, "INSERT INTO chat_messages VALUES (2, 'tv', 6, 'ann', 'hello again', 9, '', '', 0, 0)")
			return db.Finish(t.Context())
		},
	}
	for i, step := range steps {
		if err := step(db); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("step %d: %v", i, err)
		}
		if err := db.Suspend(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if db, err = schema.OpenForLoading(t.Context(), path); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := db.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err = schema.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if res, err := schema.Check(t.Context(), db, 5); err != nil || res.Different != 0 {
		t.Errorf("%+v, %v: want the definitions as they are", res, err)
	}
	if got := names(t, db, "SELECT message FROM chat_messages WHERE seq IN (SELECT rowid FROM chat_search WHERE chat_search MATCH 'hello')"); len(got) != 2 {
		t.Errorf("found %v, want both", got)
	}
}

func TestClaim_IsOnesOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	for range 2 {
		release, err := schema.Claim(path)
		if err != nil {
			t.Fatal(err)
		}
		var inUse *schema.InUseError
		if _, err := schema.Claim(path); !errors.As(err, &inUse) {
			t.Errorf("error %v, want an InUseError", err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + ".lock"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it leaves its lock: %v", err)
		}
	}
}

func TestPublish_OverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, path := filepath.Join(dir, "made"), filepath.Join(dir, "path")
	for name, text := range map[string]string{made: "new", path: "old"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := schema.Publish(made, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want that it exists", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if err := schema.RemoveUnfinished(made); !errors.Is(err, schema.ErrForeignDatabase) {
		t.Errorf("error %v, want that it is none of Rosey's", err)
	}
}
