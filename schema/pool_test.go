package schema_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rosey/schema"
	"rosey/schema/schematest"
)

func opened(t testing.TB, path string) schema.Opened {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Opened{Path: path, File: info, Current: true}
}

func TestOpenPool_NothingCanBeWritten(t *testing.T) {
	t.Parallel()
	w := schematest.Open(t)
	pool, err := schema.OpenPool(t.Context(), opened(t, w.Path()), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	for _, statement := range []string{
		"DELETE FROM user_stats",
		"INSERT INTO stream_holes VALUES (1, 2)",
		"CREATE TABLE mine (x)",
		"PRAGMA user_version = 7",
		// Even where somebody takes back what is only asked for.
		"PRAGMA query_only = 0; INSERT INTO stream_holes VALUES (1, 2)",
		"PRAGMA query_only = 0; DROP TABLE user_stats",
	} {
		if _, err := pool.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s is done", statement)
		}
	}
}

func TestOpenPool_AnotherFileOfThatName(t *testing.T) {
	t.Parallel()
	w := schematest.Open(t)
	o := opened(t, w.Path())
	other := schematest.Open(t)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "rosey.db")
	if err := os.Symlink(other.Path(), link); err != nil {
		t.Fatal(err)
	}
	o.Path = link
	if _, err := schema.OpenPool(t.Context(), o, 1); !errors.Is(err, schema.ErrReplaced) {
		t.Errorf("got %v, want ErrReplaced", err)
	}
	if _, err := schema.OpenPool(t.Context(), schema.Opened{Path: link + "x"}, 1); !errors.Is(err, schema.ErrNoDatabase) {
		t.Errorf("got %v, want ErrNoDatabase", err)
	}
}

// lockedFile tells the test's second process which database to write to.
const lockedFile = "SCHEMA_TEST_LOCKED_FILE"

// A process loses its locks on a file with any descriptor of it that it closes.
// SQLite sees to its own: what reads beside the writer comes and goes, and no
// other process can write meanwhile.
func TestOpenPool_ClosedBesideTheWriter(t *testing.T) {
	if path := os.Getenv(lockedFile); path != "" {
		writeOrTell(t, path)
		return
	}
	t.Parallel()
	w := schematest.Open(t)
	tx, err := w.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO stream_holes VALUES (1, 2)"); err != nil {
		t.Fatal(err)
	}
	pool, err := schema.OpenPool(t.Context(), opened(t, w.Path()), 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.ReadCheckpoint(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), lockedFile+"="+w.Path())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "it is locked") {
		t.Errorf("another process, %v:\n%s", err, out)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

// writeOrTell is what the second process does.
func writeOrTell(t *testing.T, path string) {
	db, err := schema.OpenWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	switch _, err := c.ExecContext(t.Context(), "INSERT INTO stream_holes VALUES (3, 4)"); {
	case schema.IsBusy(err):
		t.Log("it is locked")
	default:
		t.Fatalf("it is not locked: %v", err)
	}
}
