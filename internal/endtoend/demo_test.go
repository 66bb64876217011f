package endtoend

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/schema"
)

// demoSummary is what rosey demo --json prints.
type demoSummary struct {
	Channel  string
	Database string
	Seq      int64
	Equal    bool
	Counts   []struct {
		Name               string
		Happened, Recorded int64
	}
}

func demo(t *testing.T, data string) demoSummary {
	t.Helper()
	out := must(t, "demo", "--for", "5s", "--rate", "150", "--data", data, "--json")
	var s demoSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return s
}

// dump is the canonical form of a database file.
func dump(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	if err := schema.WriteDump(t.Context(), openFile(t, path), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// firstDifference keeps a failure readable.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func TestDemo_TablesAgreeAndComeBack(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(data, "rosey.db")
	sum := demo(t, data)
	if !sum.Equal || sum.Database != path {
		t.Errorf("summary: %+v", sum)
	}
	db := openTables(t, data)
	for i, query := range []string{
		"SELECT count(*) FROM chat_messages WHERE channel = ? AND notice = ''",
		"SELECT count(*) FROM user_stats WHERE channel = ? AND total_chat_lines > 0",
		"SELECT sum(joins) FROM user_stats WHERE channel = ?",
		"SELECT count(*) FROM user_stats WHERE channel = ? AND joins > 0",
		"SELECT count(*) FROM polls WHERE channel = ?",
		"SELECT count(*) FROM media_history WHERE channel = ?",
		"SELECT max_users FROM channel_stats WHERE channel = ?",
		"SELECT max_connected FROM channel_stats WHERE channel = ?",
	} {
		c := sum.Counts[i]
		if got := number(t, db, query, sum.Channel); got != c.Recorded || got != c.Happened || got == 0 {
			t.Errorf("%s: the tables hold %d; the summary says %d happened, %d recorded", c.Name, got, c.Happened, c.Recorded)
		}
	}
	if got := checkpoint(t, data); got != sum.Seq {
		t.Errorf("checkpoint %d, the summary says %d", got, sum.Seq)
	}
	compareModel(t, data)
	before := dump(t, path)

	if out := must(t, "replay", "--verify", "--data", data); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify says: %s", out)
	}
	changeByHand(t, path)
	code, out, _ := run(t, "replay", "--verify", "--data", data)
	if code != 1 || !strings.Contains(out, "user_stats") || !strings.Contains(out, "__proto__") || !strings.Contains(out, "different: 1 of") {
		t.Errorf("verify of a changed row: exit code %d\n%s", code, out)
	}
	must(t, "replay", "--data", data)
	if got := dump(t, path); got != before {
		t.Errorf("replay did not bring the row back: %s", firstDifference(got, before))
	}

	// The link alone is deleted, and then all of it.
	for _, pattern := range []string{"rosey.db", "rosey.db*"} {
		remove(t, filepath.Join(data, pattern))
		server := start(t, "server", "--data", data, "--nats-port", "0", "--monitor-port", "off")
		projector := start(t, "projector", "--data", data)
		until(t, "the tables are back", func() bool { return checkpoint(t, data) == sum.Seq })
		projector.stop()
		server.stop()
		if got := dump(t, path); got != before {
			t.Errorf("%s deleted: %s", pattern, firstDifference(got, before))
		}
	}

	// What comes afterwards changes nothing about what was.
	remove(t, filepath.Join(data, "rosey.db*"))
	if again := demo(t, data); !again.Equal || again.Seq <= sum.Seq {
		t.Errorf("second evening: %+v", again)
	}
	into := filepath.Join(t.TempDir(), "then.db")
	must(t, "replay", "--data", data, "--into", into, "--until-seq", fmt.Sprint(sum.Seq))
	if got := dump(t, into); got != before {
		t.Errorf("rebuilt to seq=%d: %s", sum.Seq, firstDifference(got, before))
	}
	must(t, "replay", "--verify", "--data", data)
}

func changeByHand(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	res, err := db.ExecContext(t.Context(), "UPDATE user_stats SET total_chat_lines = total_chat_lines + 1 WHERE username = '__proto__'")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		t.Fatalf("%d rows changed, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
