package endtoend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
)

// fill appends a long evening's talk at once.
func fill(t *testing.T, data string, lines int) {
	t.Helper()
	const producer = "p-fill"
	a := attach(t, data)
	at := time.Now().Add(-time.Hour).UnixMilli()
	for n := 1; n <= lines; {
		var batch []streams.AppendMessage
		for ; n <= lines && len(batch) < 250; n++ {
			e := &events.Event{
				ID: events.MakeID(producer, uint64(n)), Platform: events.PlatformCyTube, Channel: "busy",
				TimeMS: at + int64(n), ReceivedMS: at + int64(n), Kind: events.KindMessageLog,
				Payload: &events.MessageLog{Username: "bob", Message: fmt.Sprintf("old line %d", n)},
			}
			text, err := events.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			batch = append(batch, streams.AppendMessage{Subject: events.Subject(e.Kind), MsgID: e.ID, Data: text})
		}
		if _, err := a.Stream.AppendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

// attach connects to a running installation until the end of the test.
func attach(t *testing.T, data string) *installation.Attachment {
	t.Helper()
	cfg, err := installation.Dir(data).ClientConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := installation.AttachTo(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// onlooker asks and reads all the while: the service, and the file as any SQLite
// client opens it. Nothing may fail, and nothing may go backwards.
type onlooker struct {
	mu     sync.Mutex
	seen   []query.Rebuild
	phases map[string]bool
	asked  int
	read   int
}

// look looks on until the returned function is called.
func look(t *testing.T, data string) (*onlooker, func()) {
	t.Helper()
	o := &onlooker{phases: map[string]bool{}}
	a := attach(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { o.ask(ctx, t, a.Conn) })
	wg.Go(func() { o.readFile(ctx, t, filepath.Join(data, "rosey.db")) })
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return o, stop
}

func (o *onlooker) ask(ctx context.Context, t *testing.T, conn *streams.Conn) {
	client := query.Client{Conn: conn, Timeout: 2 * time.Minute}
	var before uint64
	for ctx.Err() == nil {
		s, err := client.ServiceStatus(ctx, "")
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("a question failed: %v", err)
			return
		}
		if s.Seq < before {
			t.Errorf("an answer of seq=%d after one of seq=%d", s.Seq, before)
		}
		before = s.Seq
		o.mu.Lock()
		o.asked++
		if s.Rebuild != nil {
			o.seen = append(o.seen, *s.Rebuild)
			o.phases[s.Rebuild.Phase] = true
		}
		o.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func (o *onlooker) readFile(ctx context.Context, t *testing.T, path string) {
	var before uint64
	for ctx.Err() == nil {
		seq, err := readCheckpoint(ctx, path)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("the file could not be read: %v", err)
			return
		}
		if seq < before {
			t.Errorf("the file shows seq=%d after seq=%d", seq, before)
		}
		before = seq
		o.mu.Lock()
		o.read++
		o.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func readCheckpoint(ctx context.Context, path string) (seq uint64, err error) {
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := schema.ReadCheckpoint(ctx, db)
	return c.Seq, err
}

// rebuilds are those that were told of so far.
func (o *onlooker) rebuilds() []query.Rebuild {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]query.Rebuild(nil), o.seen...)
}

// busy waits until the onlooker has looked often enough to have seen something.
func (o *onlooker) busy(t *testing.T) {
	t.Helper()
	until(t, "it was looked on many times", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.asked >= 50 && o.read >= 50 || t.Failed()
	})
}

// resting waits until no rebuild is under way.
func resting(t *testing.T, data string) {
	t.Helper()
	client := query.Client{Conn: attach(t, data).Conn}
	until(t, "no rebuild is under way", func() bool {
		s, err := client.ServiceStatus(t.Context(), "")
		return err == nil && s.Rebuild == nil
	})
}

const (
	talkLines  = 1200
	otherLines = "SELECT count(*) FROM chat_messages WHERE style LIKE 'other %'"
	ownLines   = "SELECT count(*) FROM chat_messages WHERE style NOT LIKE 'other %'"
)

// A new version of the program answers from the old tables while it makes its own,
// and records.
func TestReplay_AnotherProgramRebuildsBesideTheOldTables(t *testing.T) {
	t.Parallel()
	channel, data := lively(t), filepath.Join(t.TempDir(), "data")
	upArgs := append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)
	old := start(t, upArgs...)
	until(t, "it records", func() bool { return checkpoint(t, data) > 0 })
	fill(t, data, talkLines)
	until(t, "the lines are in the tables", func() bool { return numberOf(t, data, ownLines) > talkLines })
	old.stop()
	lines := numberOf(t, data, ownLines)

	env, letGo := holdRebuilds(t)
	fresh := startProgram(t, another(t), env, upArgs...)
	until(t, "the server answers", func() bool { _, err := installation.Dir(data).Endpoint(); return err == nil })
	stream := attach(t, data).Stream
	client := query.Client{Conn: attach(t, data).Conn}
	until(t, "the old tables answer", func() bool { _, err := client.Status(t.Context(), ""); return err == nil })
	o, stop := look(t, data)
	until(t, "the rebuild is told of", func() bool { return len(o.rebuilds()) > 0 })
	if r := o.rebuilds()[0]; r.Reason != replay.ReasonProgram || r.Kind != replay.KindRebuild {
		t.Errorf("told of %+v", r)
	}
	before, err := stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the bot records meanwhile", func() bool {
		s, err := stream.State(t.Context())
		return err == nil && s.LastSeq > before.LastSeq
	})
	if n := numberOf(t, data, otherLines); n != 0 {
		t.Errorf("%d lines are the new program's already: the test saw nothing of the old tables", n)
	}
	letGo()
	until(t, "the new tables are there", func() bool { return numberOf(t, data, otherLines) > lines })
	if n := numberOf(t, data, ownLines); n != 0 {
		t.Errorf("%d lines are still the old program's", n)
	}
	resting(t, data)
	seq := checkpoint(t, data)
	until(t, "the projection goes on", func() bool { return checkpoint(t, data) > seq })
	o.busy(t)
	stop()
	fresh.stop()
	if out := mustOther(t, "replay", "--verify", "--data", data); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify says: %s", out)
	}
}

// mustOther runs the other build to its end, which must be a good one.
func mustOther(t *testing.T, args ...string) string {
	t.Helper()
	p := startProgram(t, another(t), nil, args...)
	if code := p.wait(); code != 0 {
		t.Fatalf("rosey %s: exit code %d\n%s%s", strings.Join(args, " "), code, p.out.String(), p.err.String())
	}
	return p.out.String()
}

// told reads the JSON lines of progress.
func told(t *testing.T, p *program) (list []replay.Progress) {
	t.Helper()
	for line := range strings.Lines(p.err.String()) {
		var pr replay.Progress
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "\n") {
			continue
		}
		if err := json.Unmarshal([]byte(line), &pr); err != nil {
			t.Errorf("%v in %s", err, line)
		}
		list = append(list, pr)
	}
	return list
}

// The command reaches the process that keeps the tables, which goes on with its
// work; it can be broken off, gone on with and taken back.
func TestReplay_ByCommandOfARunningInstallation(t *testing.T) {
	t.Parallel()
	channel, data := lively(t), filepath.Join(t.TempDir(), "data")
	env, letGo := holdRebuilds(t)
	up := startProgram(t, another(t), env, append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)...)
	until(t, "it records", func() bool { return checkpoint(t, data) > 0 })
	fill(t, data, talkLines)
	until(t, "the lines are in the tables", func() bool { return numberOf(t, data, otherLines) > talkLines })
	link := func() string {
		target, err := os.Readlink(filepath.Join(data, "rosey.db"))
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	first := link()
	o, stop := look(t, data)

	// Broken off: everything is as it was.
	broken := start(t, "replay", "--data", data)
	until(t, "all rows are there, and it waits", func() bool {
		told := o.rebuilds()
		return len(told) > 0 && told[len(told)-1].Last > 0 && told[len(told)-1].Seq >= told[len(told)-1].Last
	})
	if code, _, errs := run(t, "replay", "--undo", "--data", data); code != 1 || !strings.Contains(errs, "at work on another request") {
		t.Errorf("an undo meanwhile: exit code %d\n%s", code, errs)
	}
	broken.interrupt()
	if code := broken.wait(); code != 1 || !strings.Contains(broken.err.String(), "interrupted") || !strings.Contains(broken.err.String(), "try: ") {
		t.Errorf("exit code %d\n%s", code, broken.err.String())
	}
	resting(t, data)
	if now := link(); now != first {
		t.Errorf("readers see %s after a rebuild that was broken off, want %s", now, first)
	}

	// Gone on with.
	letGo()
	again := start(t, "replay", "--data", data, "--json")
	if code := again.wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, again.err.String())
	}
	var res replay.Result
	parse(t, again.out.String(), &res)
	second := link()
	if filepath.Base(res.Path) != second || second == first || res.Seq < talkLines {
		t.Errorf("readers see %s, the result is %+v", second, res)
	}
	progress := told(t, again)
	for i, p := range progress {
		if p.Phase == "" || i > 0 && p.ElapsedSeconds < progress[i-1].ElapsedSeconds {
			t.Errorf("progress %d: %+v", i, p)
		}
	}
	if len(progress) == 0 || progress[len(progress)-1].Phase != replay.PhaseDone {
		t.Errorf("progress %+v", progress)
	}

	// Taken back: the tables before, which catch up.
	if out := must(t, "replay", "--undo", "--data", data); !strings.Contains(out, first) {
		t.Errorf("undo says: %s", out)
	}
	if now := link(); now != first {
		t.Errorf("readers see %s after an undo, want %s", now, first)
	}
	seq := checkpoint(t, data)
	until(t, "the projection goes on", func() bool { return checkpoint(t, data) > seq })
	o.busy(t)
	stop()
	up.stop()
	if out := mustOther(t, "replay", "--verify", "--data", data); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify says: %s", out)
	}
	if n := numberOf(t, data, "SELECT sum(duplicates) FROM producer_positions"); n != 0 {
		t.Errorf("%d duplicates", n)
	}
}
