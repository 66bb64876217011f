package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"rosey/schema"
	"rosey/schema/schematest"
)

// chatted is a database with a few messages and their full-text index.
func chatted(t *testing.T) *schema.DB {
	t.Helper()
	db := schematest.Open(t)
	for i, text := range []string{"good evening", "evening all", "what plays", "a good film"} {
		exec(t, db, `INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
			VALUES (?, 'tv', ?, 'ann', ?, ?, '', '', 0, 0)`, i+1, i*1000, text, i)
		exec(t, db, "INSERT INTO chat_search (rowid, message) VALUES (?, ?)", i+1, text)
	}
	return db
}

func examine(t *testing.T, want, got string, limit int) schema.Comparison {
	t.Helper()
	sides := make([]*schema.DB, 2)
	for i, path := range []string{want, got} {
		db, err := schema.OpenForExamination(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		sides[i] = db
	}
	c, err := schema.Examine(t.Context(), sides[0], sides[1], limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExamine_NamesWhatNoRowShows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		statements []string
		want       []string
	}{
		{"nothing", nil, nil},
		{"an index is missing", []string{"DROP INDEX chat_messages_key"}, []string{"index chat_messages_key is missing: CREATE UNIQUE INDEX"}},
		{"an index is another", []string{"DROP INDEX chat_messages_user", "CREATE INDEX chat_messages_user ON chat_messages (username)"}, []string{"should be CREATE INDEX chat_messages_user ON chat_messages (channel,"}},
		{"an index too many", []string{"CREATE INDEX mine ON chat_messages (style)"}, []string{"index mine should not be there: "}},
		{"a view is missing", []string{"DROP VIEW recent_chat"}, []string{"view recent_chat is missing: "}},
		{"a table is missing", []string{"DROP TABLE polls"}, []string{"polls: row (table) is missing"}},
		{"a table too many", []string{"CREATE TABLE mine (id INTEGER PRIMARY KEY)"}, []string{"mine: row (table) should not be there"}},
		{"the full-text index is missing", []string{"DROP TABLE chat_search"}, []string{"table chat_search is missing: "}},
		{"the full-text index lost a message", []string{
			"INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages WHERE seq = 3",
		}, []string{`chat_search: row term="plays" is missing`, `chat_search: row term="what" is missing`, "chat_search: row id=3 is missing"}},
		{"the full-text index has a message twice", []string{
			"INSERT INTO chat_search (rowid, message) VALUES (9, 'plays')",
		}, []string{`chat_search: row term="plays"`, "chat_search: row id=9 should not be there"}},
		{"the full-text index has a message under another's number", []string{
			"INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages WHERE seq = 3",
			"INSERT INTO chat_search (rowid, message) SELECT 30, message FROM chat_messages WHERE seq = 3",
		}, []string{"chat_search: row id=3 is missing", "chat_search: row id=30 should not be there"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want, got := chatted(t), chatted(t)
			for _, s := range tt.statements {
				exec(t, got, s)
			}
			c := examine(t, want.Path(), got.Path(), 20)
			if int(c.Different) != len(tt.want) || len(c.Differences) != len(tt.want) {
				t.Fatalf("%d differences %v, want %d", c.Different, c.Differences, len(tt.want))
			}
			for i, text := range tt.want {
				if d := c.Differences[i].String(); !strings.Contains(d, text) {
					t.Errorf("difference %q, want one with %q", d, text)
				}
			}
			if c.Rows != 4 || c.Others == 0 {
				t.Errorf("compared %d rows and %d others, want the four messages and what belongs to them", c.Rows, c.Others)
			}
		})
	}
}

func TestExamine_NamesSomeAndCountsAll(t *testing.T) {
	t.Parallel()
	want, got := chatted(t), chatted(t)
	exec(t, got, "INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages")
	// Seven words and four messages.
	if c := examine(t, want.Path(), got.Path(), 3); c.Different != 11 || len(c.Differences) != 3 {
		t.Errorf("%d differences, named %v: want 11 and 3", c.Different, c.Differences)
	}
}

// An index that lacks an entry of a row that is there: only SQLite's own check
// sees it.
func TestExamine_NamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	want, got := chatted(t), chatted(t)
	var id, page int
	var sql string
	err := got.QueryRowContext(t.Context(), "SELECT rowid, rootpage, sql FROM sqlite_master WHERE name = 'chat_messages_user'").Scan(&id, &page, &sql)
	if err != nil {
		t.Fatal(err)
	}
	path := got.Path()
	reopened := func(statement string, args ...any) {
		t.Helper()
		db, err := schema.OpenWriter(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		exec(t, db, "PRAGMA writable_schema = 1")
		exec(t, db, statement, args...)
	}
	exec(t, got, "CREATE TABLE aside AS SELECT * FROM chat_messages WHERE seq = 2")
	exec(t, got, "DELETE FROM chat_messages WHERE seq = 2")
	reopened("DELETE FROM sqlite_master WHERE name = 'chat_messages_user'")
	reopened(`INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
		SELECT seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow FROM aside`)
	reopened("DROP TABLE aside")
	reopened("INSERT INTO sqlite_master (rowid, type, name, tbl_name, rootpage, sql) VALUES (?, 'index', 'chat_messages_user', 'chat_messages', ?, ?)", id, page, sql)

	c := examine(t, want.Path(), path, 5)
	text := fmt.Sprint(c.Differences)
	if c.Different == 0 || !strings.Contains(text, "file: ") || !strings.Contains(text, "chat_messages_user") {
		t.Errorf("%d differences %s, want that the index is named", c.Different, text)
	}
}

func TestOpenForExamination_CannotWrite(t *testing.T) {
	t.Parallel()
	db := chatted(t)
	reader, err := schema.OpenForExamination(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	before := schematest.Dump(t, db)
	for _, s := range []string{
		"DELETE FROM chat_messages", "CREATE TABLE mine (id INTEGER PRIMARY KEY)", "DROP INDEX chat_messages_key",
		"INSERT INTO chat_search (chat_search) VALUES ('delete-all')",
	} {
		if _, err := reader.ExecContext(t.Context(), s); err == nil {
			t.Errorf("%s: no error", s)
		}
	}
	if got := schematest.Dump(t, db); got != before {
		t.Error("the database changed")
	}
}
