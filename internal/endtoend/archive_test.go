package endtoend

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/archive"
)

// trim makes a sequence the first of a running installation's stream.
func trim(t *testing.T, data string, first uint64) {
	t.Helper()
	cfg, err := installation.Dir(data).ClientConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := installation.AttachTo(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	s, err := a.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = s.Purge(t.Context(), jetstream.WithPurgeSequence(first))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An installation is archived while it records, its stream trimmed, its tables made
// again from the archive by the process that keeps them, and all of it restored
// elsewhere, where it goes on.
func TestArchive_OfARunningInstallationIsRestoredElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, folder, elsewhere := filepath.Join(dir, "data"), filepath.Join(dir, "archive"), filepath.Join(dir, "elsewhere")
	up := startUp(t, data)
	last := inject(t, data, lines("before", 200)...)
	var written archive.Written
	if err := json.Unmarshal([]byte(must(t, "export", "events", "--archive", folder, "--verify", "--json", "--data", data)), &written); err != nil || written.LastSeq < last || written.FirstSeq != 1 {
		t.Fatalf("archived %+v, %v", written, err)
	}
	trim(t, data, written.LastSeq)
	inject(t, data, lines("after", 50)...)
	until(t, "the tables have caught up", func() bool { return checkpoint(t, data) == streamEnd(t, data) })
	if code, _, errs := run(t, "replay", "--data", data); code == 0 || !strings.Contains(errs, "--from-archive") {
		t.Errorf("a rebuild without the archive: exit code %d, %s", code, errs)
	}
	must(t, "replay", "--from-archive", folder, "--data", data)
	if n := numberOf(t, data, "SELECT count(*) FROM chat_messages"); n != 250 {
		t.Errorf("%d lines in the tables, want 250", n)
	}
	up.settle(data, "watched")
	must(t, "export", "events", "--archive", folder, "--data", data)

	must(t, "import", "events", folder, "--data", elsewhere)
	must(t, "replay", "--data", elsewhere)
	if got, want := dump(t, filepath.Join(elsewhere, "rosey.db")), dump(t, filepath.Join(data, "rosey.db")); got != want {
		t.Errorf("the restored tables: %s", firstDifference(got, want))
	}
	healthy(t, elsewhere)
	// There it goes on, and here it is verified against the original's archive.
	second := startUp(t, elsewhere)
	until(t, "it records anew", func() bool {
		return numberOf(t, elsewhere, "SELECT count(*) FROM bot_sessions WHERE joined_ms > 0") == 2
	})
	inject(t, elsewhere, lines("elsewhere", 10)...)
	until(t, "the tables have caught up", func() bool { return checkpoint(t, elsewhere) == streamEnd(t, elsewhere) })
	second.stop()
	must(t, "replay", "--verify", "--data", elsewhere)
	must(t, "export", "events", "--archive", folder, "--verify", "--data", elsewhere)
	if code, _, errs := run(t, "export", "events", "--archive", folder, "--data", data); code == 0 || !strings.Contains(errs, "try: ") {
		t.Errorf("the original, which is older than the archive now: exit code %d, %s", code, errs)
	}
}

// lines are chat lines of a publisher without ids.
func lines(text string, n int) []streams.AppendMessage {
	list := make([]streams.AppendMessage, n)
	for i := range list {
		list[i] = streams.AppendMessage{Subject: "rosey.db.message.log", Data: fmt.Appendf(nil, `{"username":"zoe","channel":"watched","message":"%s %d"}`, text, i)}
	}
	return list
}
