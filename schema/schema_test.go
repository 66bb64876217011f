package schema_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rosey/schema"
	"rosey/schema/schematest"
)

func exec(t *testing.T, db *schema.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func names(t *testing.T, db *schema.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// loaded is a database made the way of a rebuild.
func loaded(t *testing.T, fill func(*schema.DB)) *schema.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loaded.db")
	db, err := schema.CreateForLoading(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if fill != nil {
		fill(db)
	}
	if err := db.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err = schema.OpenWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Everything that the files say is in the database: a comment or a semicolon
// eats no statement.
func TestCreate_EveryStatementOfTheFilesIsThere(t *testing.T) {
	t.Parallel()
	create := regexp.MustCompile(`(?m)^CREATE (?:UNIQUE |VIRTUAL )?(?:TABLE|INDEX|VIEW|TRIGGER) (\w+)`)
	files, err := filepath.Glob("tables/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no table files: %v", err)
	}
	have := names(t, schematest.Open(t), "SELECT name FROM sqlite_master")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := create.FindAllStringSubmatch(string(text), -1)
		if n := strings.Count(string(text), "CREATE "); len(found) != n {
			t.Errorf("%s has %d CREATE, %d at the beginning of a line", file, n, len(found))
		}
		for _, m := range found {
			if !slices.Contains(have, m[1]) {
				t.Errorf("%s: %s is not in the database", file, m[1])
			}
		}
	}
}

// The log beside a database is not synced by every commit: after a power cut the
// file may stand alone. It must still say whose it is, and hold its tables.
func TestCreate_TheFileItselfIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	db, err := schema.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO stream_holes VALUES (1, 2)") // in the log alone
	alone, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "alone.db")
	if err := os.WriteFile(restored, alone, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err = schema.OpenWriter(t.Context(), restored)
	if err != nil {
		t.Fatalf("the file without its log: %v", err)
	}
	defer func() { _ = db.Close() }()
	if list := names(t, db, "SELECT name FROM sqlite_schema WHERE name = 'stream_holes'"); len(list) != 1 {
		t.Errorf("the file without its log has %d tables of that name", len(list))
	}
}

func TestFinish_GivesTheSchemaOfCreate(t *testing.T) {
	t.Parallel()
	const query = "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY type, name"
	want, got := names(t, schematest.Open(t), query), names(t, loaded(t, nil), query)
	if !slices.Equal(got, want) {
		t.Errorf("after loading:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFinish_LeavesADurableDatabaseForManyReaders(t *testing.T) {
	t.Parallel()
	db := loaded(t, func(db *schema.DB) {
		exec(t, db, `INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
			VALUES (1, 'tv', 5, 'ann', 'some words', 1, '', '', 0, 0)`)
	})
	if got := names(t, db, "PRAGMA journal_mode"); !slices.Equal(got, []string{"wal"}) {
		t.Errorf("journal mode %v, want wal", got)
	}
	if got := names(t, db, "SELECT message FROM chat_search WHERE chat_search MATCH 'words'"); len(got) != 1 {
		t.Errorf("found %v by its words", got)
	}
	reader, err := schema.OpenReader(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	exec(t, db, "DELETE FROM chat_messages")
	if got := names(t, reader, "SELECT message FROM chat_messages"); len(got) != 0 {
		t.Errorf("a reader sees %v after a commit that deleted it", got)
	}
}

func TestFinish_RefusesABrokenDatabase(t *testing.T) {
	t.Parallel()
	db, err := schema.CreateForLoading(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec(t, db, `CREATE TABLE t (a INTEGER CHECK (a > 0))`)
	exec(t, db, `PRAGMA ignore_check_constraints = 1`)
	exec(t, db, `INSERT INTO t VALUES (-1)`)
	exec(t, db, `PRAGMA ignore_check_constraints = 0`)
	if err := db.Finish(t.Context()); err == nil {
		t.Error("a database that breaks its own rules was finished")
	}
}

func TestFinish_RefusesAnIndexOfOtherWords(t *testing.T) {
	t.Parallel()
	db, err := schema.CreateForLoading(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec(t, db, `INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
		VALUES (1, 'tv', 5, 'ann', 'some words', 1, '', '', 0, 0)`)
	exec(t, db, `INSERT INTO chat_search (rowid, message) VALUES (1, 'others')`)
	if err := db.Finish(t.Context()); err == nil || !strings.Contains(err.Error(), "full-text index") {
		t.Errorf("finished with %v", err)
	}
}

func TestOpenReader_CannotWrite(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	exec(t, db, "INSERT INTO stream_holes VALUES (1, 2)")
	reader, err := schema.OpenReader(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for _, attempt := range []string{
		"DELETE FROM stream_holes", "UPDATE stream_holes SET last_seq = 9", "INSERT INTO stream_holes VALUES (3, 4)", "DROP TABLE stream_holes",
		"CREATE TABLE t (a)", "PRAGMA user_version = 7", "VACUUM",
	} {
		// On every connection of the pool.
		for range 5 {
			if _, err := reader.ExecContext(t.Context(), attempt); err == nil {
				t.Errorf("%s: no error", attempt)
			}
		}
	}
	tx, err := reader.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	exec(t, db, "INSERT INTO stream_holes VALUES (5, 6)") // a reader's transaction is in nobody's way
	if got := names(t, db, "SELECT first_seq || '-' || last_seq FROM stream_holes"); !slices.Equal(got, []string{"1-2", "5-6"}) {
		t.Errorf("rows %v", got)
	}
}

func TestOpen_WhatIsNoDatabaseOfOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := schematest.Open(t)
	exec(t, foreign, "PRAGMA application_id = 1")
	for path, want := range map[string]error{
		filepath.Join(dir, "nothing"): schema.ErrNoDatabase,
		write("empty", ""):            schema.ErrNotADatabase,
		write("text", "hello"):        schema.ErrNotADatabase,
		write("rubbish", "SQLite format 3\x00"+strings.Repeat("rubbish", 999)): schema.ErrNotADatabase,
		foreign.Path(): schema.ErrForeignDatabase,
	} {
		for name, open := range map[string]func(context.Context, string) (*schema.DB, error){"writer": schema.OpenWriter, "reader": schema.OpenReader} {
			db, err := open(t.Context(), path)
			if !errors.Is(err, want) {
				t.Errorf("%s of %s: %v, want %v", name, filepath.Base(path), err, want)
			}
			if err == nil {
				_ = db.Close()
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("opening made a file")
	}
}

func TestOpen_PathsThatLookLikeSomethingElse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space", "what?mode=ro", "a#b", "100%25", "ünï", "semi;colon", "file:x", "quote'\"", ":memory:"} {
		path := filepath.Join(t.TempDir(), name, "rosey.db")
		db, err := schema.Create(t.Context(), path)
		if err != nil {
			t.Errorf("create in %q: %v", name, err)
			continue
		}
		exec(t, db, "INSERT INTO stream_holes VALUES (1, 2)")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("in %q there is no database: %v", name, err)
		}
		reader, err := schema.OpenReader(t.Context(), path)
		if err != nil {
			t.Errorf("read in %q: %v", name, err)
			continue
		}
		if got := names(t, reader, "SELECT last_seq FROM stream_holes"); !slices.Equal(got, []string{"2"}) {
			t.Errorf("in %q: %v", name, got)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCreate_DoesNotTouchAnExistingFile(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	for _, create := range []func(context.Context, string) (*schema.DB, error){schema.Create, schema.CreateForLoading} {
		if _, err := create(t.Context(), db.Path()); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create over a database: %v", err)
		}
	}
}

func TestCreate_LeavesNothingWhenItFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, create := range []func(context.Context, string) (*schema.DB, error){schema.Create, schema.CreateForLoading} {
		path := filepath.Join(t.TempDir(), "rosey.db")
		if _, err := create(ctx, path); !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v, want the context's error", err)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	}
}

func TestCreate_IsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	store := schema.Store{Link: filepath.Join(dir, "rosey.db")}
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	for i, create := range []func(context.Context, string) (*schema.DB, error){schema.Create, schema.CreateForLoading} {
		g, err := store.Next()
		if err != nil {
			t.Fatal(err)
		}
		db, err := create(t.Context(), g.Path)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		defer func() { _ = db.Close() }()
		exec(t, db, "INSERT INTO stream_holes VALUES (1, 2)")
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFingerprint_DependsOnEveryPart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, parts := range [][]string{nil, {""}, {"a"}, {"a", "b"}, {"ab"}, {"b", "a"}, {"a", "b", ""}} {
		print, err := schema.Fingerprint(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := schema.Fingerprint(parts...); again != print {
			t.Errorf("%q: %s and %s", parts, print, again)
		}
		text := strings.Join(parts, "|")
		if other, ok := seen[print]; ok && parts != nil {
			t.Errorf("%q and %q have one fingerprint", text, other)
		}
		seen[print] = text
	}
}

func TestCheckpoint_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	none, err := schema.ReadCheckpoint(t.Context(), db)
	if err != nil || none != (schema.Checkpoint{}) {
		t.Fatalf("of an empty database: %+v, %v", none, err)
	}
	for _, c := range []schema.Checkpoint{
		{Seq: 7, TimeMS: 1, MsgID: "a-1", StreamID: "s", StreamCreatedMS: 2, Fingerprint: "f", DefaultChannel: "tv"},
		{Seq: 1<<63 - 1, TimeMS: -5},
	} {
		if err := schema.WriteCheckpoint(t.Context(), db, c); err != nil {
			t.Fatal(err)
		}
		if got, err := schema.ReadCheckpoint(t.Context(), db); err != nil || got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
}
