package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
)

// lostBlock is a stopped installation whose disk has lost a file of the server's store
// that the tables were made with.
func lostBlock(t *testing.T) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	server := startServer(t, data)
	projector := start(t, "projector", "--data", data)
	fillBlocks(t, installation.Dir(data), 60)
	until(t, "the tables have caught up", func() bool { return checkpoint(t, data) == streamEnd(t, data) })
	projector.stop()
	server.stop()
	block := filepath.Join(data, "jetstream", "jetstream", "$G", "streams", streams.StreamName, "msgs", "2.blk")
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	return data
}

// What a store has lost shows in whatever copies it: nothing takes such a copy for a
// good one, and it is made all the same.
func TestLost_ABackupIsNoGoodOne(t *testing.T) {
	t.Parallel()
	data := lostBlock(t)
	dir := filepath.Join(t.TempDir(), "backup")
	code, out, errs := run(t, "backup", "--data", data, dir)
	if code != 1 || !strings.Contains(out, "\nlost       ") || !strings.Contains(errs, "backup: made, but do not take it for a good one: the server lists many messages as erased that the tables have: ") ||
		!strings.Contains(errs, "\ntry:   keep the last good backup") || !strings.Contains(errs, "rosey doctor") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	set, err := backup.Open(dir)
	if err != nil || set.Lost == nil || set.Lost.Messages <= streams.ManyAdjacent {
		t.Fatalf("the manifest has %+v, %v", set, err)
	}
	code, out, _ = run(t, "backup", "--data", data, "--json", filepath.Join(t.TempDir(), "json"))
	var m backup.Manifest
	if err := json.Unmarshal([]byte(out), &m); err != nil || code != 1 || m.Lost == nil || *m.Lost != *set.Lost {
		t.Errorf("--json: exit code %d, %v\n%s", code, err, out)
	}

	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	code, out, errs = run(t, "restore", dir, "--check", "--data", elsewhere)
	if code != 1 || !strings.HasPrefix(out, "sound: ") || !strings.Contains(errs, "not a good one: ") || !strings.Contains(errs, "\ntry:   ") {
		t.Errorf("restore --check: exit code %d\n%s%s", code, out, errs)
	}
	if out := must(t, "restore", dir, "--data", elsewhere); !strings.Contains(out, "\nlost       ") || !strings.Contains(out, "\ntry:       an older backup") {
		t.Errorf("restore says\n%s", out)
	}
	if code, out, _ := run(t, "doctor", "--data", elsewhere); code != 1 || !strings.Contains(out, "erased that the tables have") {
		t.Errorf("doctor of what was restored: exit code %d\n%s", code, out)
	}
}

// A start says it once, as an error with the next step, and records all the same; whoever
// watches sees it.
func TestLost_AStartSaysIt(t *testing.T) {
	t.Parallel()
	data := lostBlock(t)
	const said = "the stream has lost messages that the tables have; recording goes on"
	up := start(t, append([]string{"up", watched(t), "--data", data, "--metrics-port", "0"}, anyPorts...)...)
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE joined_ms > 0") > 0 })
	until(t, "its metrics have it", func() bool {
		_, body := page(t, up, "/metrics")
		m := regexp.MustCompile(`(?m)^rosey_stream_lost_messages (\d+)$`).FindStringSubmatch(body)
		return m != nil && m[1] != "0"
	})
	if _, r := ready(t, up); r.Parts["stream"].Lost <= streams.ManyAdjacent || !r.Parts["stream"].Ready {
		t.Errorf("it is ready as %+v", r)
	}
	up.stop()
	server := startServer(t, data)
	projector := start(t, "projector", "--data", data)
	until(t, "the projector says it", func() bool { return strings.Contains(projector.out.String()+projector.err.String(), said) })
	projector.stop()
	server.stop()
	for _, p := range []*program{up, projector} {
		log := p.out.String() + p.err.String()
		if strings.Count(log, said) != 1 || !regexp.MustCompile(`(?i)error.*`+said+`.*first_seq=.*rosey doctor`).MatchString(log) {
			t.Errorf("rosey %s says\n%s", p.cmd.Args[1], log)
		}
	}
}
