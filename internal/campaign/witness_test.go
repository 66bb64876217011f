package campaign

import (
	"database/sql"
	"path/filepath"
	"testing"
)

func TestWitness_LearnsFromQueueAndTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &witness{spool: filepath.Join(dir, "spool.db"), tables: filepath.Join(dir, "rosey.db")}
	if n := w.look(t.Context()); n != 0 {
		t.Errorf("without files it knows %d lines", n)
	}
	do := func(path string, statements ...string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	do(w.tables, "CREATE TABLE chat_messages (seq INTEGER PRIMARY KEY, notice TEXT, username TEXT, message TEXT)",
		"INSERT INTO chat_messages VALUES (7, '', 'ann', '3 hello'), (9, '', 'ann', '4 hello'), (12, 'server', '[server]', '99 hello'), (13, '', 'rosey', '98 mine')")
	if n := w.look(t.Context()); n != 4 {
		t.Errorf("by the tables it knows %d lines, want 4", n)
	}
	do(w.spool, "CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT, data BLOB)",
		`INSERT INTO events VALUES (1, 'message.log', '{"message":"5 hello"}'), (2, 'message.log', '{"message":"6 hello"}'), (3, 'user.left', '{}')`)
	if n := w.look(t.Context()); n != 6 {
		t.Errorf("by the spool it knows %d lines, want 6", n)
	}
	do(w.spool, "DELETE FROM events")
	do(w.tables, "DELETE FROM chat_messages")
	if n := w.look(t.Context()); n != 6 {
		t.Errorf("it has forgotten: %d", n)
	}
}
