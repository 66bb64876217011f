package endtoend

import (
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/streams"

	"github.com/nats-io/nats.go/jetstream"
)

// tried is the command that a complaint advises, as words.
var tried = regexp.MustCompile("`(rosey [^`]*--accept-gap)`")

// A trimmed stream is refused, by the name of what is lost and with the very
// command that gives it up; that command works, and is not needed again.
func TestProjector_ATrimmedStreamByHand(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	startServer(t, data)
	cfg, err := installation.Dir(data).ClientConfig(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := streams.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	stream, err := streams.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	say := func(n int) {
		for range n {
			m := streams.AppendMessage{Subject: events.Subject(events.KindUserLeft), Data: []byte(`{"username":"ann","channel":"tv","timestamp":1700000000}`)}
			if _, err := stream.Append(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	projector := []string{"projector", "--data", data}
	// project has the tables hold what the stream holds.
	project := func(command []string) {
		t.Helper()
		p := start(t, command...)
		until(t, "the tables have caught up", func() bool { return checkpoint(t, data) == streamEnd(t, data) })
		p.stop()
	}
	say(10)
	project(projector)
	say(10)
	js, err := conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.Purge(t.Context(), jetstream.WithPurgeSequence(15))
	}
	if err != nil {
		t.Fatal(err)
	}

	code, _, stderr := run(t, projector...)
	if code != 1 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	checkComplaint(t, stderr, `no longer holds what follows`, `4 events, seq=11 to seq=14`)
	advised := tried.FindStringSubmatch(stderr)
	if advised == nil {
		t.Fatalf("no command in\n%s", stderr)
	}
	project(strings.Fields(advised[1])[1:])
	project(projector)
	db := openTables(t, data)
	if n := number(t, db, "SELECT count(*) FROM operator_decisions WHERE first_seq = 11 AND last_seq = 14 AND checkpoint_seq = 10"); n != 1 {
		t.Errorf("%d decisions in the tables, want 1", n)
	}
	if n := number(t, db, "SELECT count(*) FROM stream_holes WHERE first_seq = 11 AND last_seq = 14"); n != 1 {
		t.Errorf("%d holes in the tables, want 1", n)
	}

	// A rebuild gives up more, and says so.
	code, _, stderr = run(t, "replay", "--data", data)
	if code != 1 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	checkComplaint(t, stderr, `no longer holds what follows`, `14 events, seq=1 to seq=14.*--accept-gap`)
	if code, _, stderr = run(t, "replay", "--data", data, "--accept-gap"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	if code, stdout, stderr := run(t, "replay", "--data", data, "--verify"); code != 0 {
		t.Errorf("verify: exit code %d\n%s%s", code, stdout, stderr)
	}
}
