package replay_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/streamstest"
)

const channel = "test"

// begin is when the recorded evening starts, on the recorder's clock.
const begin = int64(1_795_000_000_000)

// message encodes the n-th event of a producer.
func message(t *testing.T, producer string, n int, kind events.Kind, p events.Payload) streams.AppendMessage {
	t.Helper()
	at := begin + int64(n)*1000
	e := &events.Event{
		ID: events.MakeID(producer, uint64(n)), Platform: events.PlatformCyTube, Channel: channel, TimeMS: at, ReceivedMS: at,
		Kind: kind, Payload: p,
	}
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return streams.AppendMessage{Subject: events.Subject(kind), MsgID: e.ID, Data: data}
}

// evening appends a few dozen events of one producer.
func evening(t *testing.T, env *streamstest.Env, producer string, lines int) {
	t.Helper()
	n := 0
	add := func(kind events.Kind, p events.Payload) {
		n++
		env.Append(t, message(t, producer, n, kind, p))
	}
	add(events.KindBotStarted, &events.BotStarted{Producer: producer})
	add(events.KindBotRecording, &events.BotRecording{Producer: producer})
	add(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
	add(events.KindUserRoster, &events.UserRoster{Users: []events.User{{Username: "ann", Rank: 2}, {Username: "Bob", Rank: 1}}})
	for i := range lines {
		add(events.KindMessageLog, &events.MessageLog{Username: "ann", Message: fmt.Sprintf("line %d of %s", i, producer)})
	}
	add(events.KindUserLeft, &events.UserLeft{Username: "Bob"})
	add(events.KindBotStopped, &events.BotStopped{Reason: "stopped"})
}

// project keeps the store current until it has caught up with the stream.
func project(t *testing.T, env *streamstest.Env, store schema.Store) {
	t.Helper()
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waitCtx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if err := p.WaitFor(waitCtx, state.LastSeq); err != nil {
		t.Errorf("wait for seq=%d: %v", state.LastSeq, err)
	}
	cancel()
	if err := errors.Join(<-done, p.Close()); err != nil {
		t.Fatal(err)
	}
}

// rebuilt is a stream, and a database that was rebuilt from it once.
func rebuilt(t *testing.T) (*streamstest.Env, schema.Store) {
	t.Helper()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	return env, store
}

func dump(t *testing.T, path string) string {
	t.Helper()
	return schematest.Read(t, path, schema.Dump)
}

func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := schema.OpenWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T) schema.Store {
	return schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
}

func config(env *streamstest.Env) replay.Config { return replay.Config{Stream: env.Stream} }

func TestSwap_EqualsTheLiveDatabase(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 30)
	project(t, env, store)
	evening(t, env, "p2", 30)
	project(t, env, store)
	want := dump(t, store.Link)
	old, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()

	cfg := config(env)
	cfg.BatchSize = 7
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(t, store.Link); got != want {
		t.Errorf("tables after the rebuild:\n%s\nwant:\n%s", got, want)
	}
	now, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	if now.Number != old.Number+1 || now.Path != res.Path {
		t.Errorf("generation %d at %s, want %d at %s", now.Number, now.Path, old.Number+1, res.Path)
	}
	if got, err := schema.Dump(t.Context(), reader); err != nil || got != want {
		t.Errorf("the reader of the old generation lost it: %v", err)
	}
	project(t, env, store) // and the projector goes on with the new one
	if info, err := os.Stat(now.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of %s: %v, %v", now.Path, info.Mode(), err)
	}
}

func TestSwap_WithoutADatabaseMakesOne(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
}

func TestSwap_EmptyStream(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.Seq != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	evening(t, env, "p1", 5)
	project(t, env, store)
}

// A projector that ends before its first commit leaves tables without a checkpoint.
// They know nothing that the stream could have lost.
func TestSwap_ReplacesTablesWithoutACheckpoint(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.Seq == 0 || res.ErasedSince != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
}

func TestSwap_BesideAProjectorIsRefused(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	var inUse *schema.InUseError
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.As(err, &inUse) {
		t.Errorf("error %v, want an InUseError", err)
	}
}

func TestSwap_ReplacesWhatIsBehindOnly(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	want := dump(t, store.Link)
	cfg := config(env)
	cfg.UntilSeq = 4
	if _, err := replay.Swap(t.Context(), store, cfg); !errors.Is(err, replay.ErrBehind) {
		t.Errorf("error %v, want ErrBehind", err)
	}
	if got := dump(t, store.Link); got != want {
		t.Error("the database changed")
	}
	left, err := filepath.Glob(store.Link + ".g*")
	if err != nil || len(left) != 1 {
		t.Errorf("files %v, %v: want the current one alone", left, err)
	}
}

func TestSwap_CrashLeavesTheOldDatabase(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"projector.before_commit", "projector.after_commit", "replay.before_finish", "replay.before_swap"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 10)
			project(t, env, store)
			want := dump(t, store.Link)

			reached := false
			cfg := config(env)
			cfg.Crash = func(at string) {
				if at == point {
					reached = true
					panic(point)
				}
			}
			func() {
				// A panic stands for the process's end as far as files are concerned:
				// nothing after the point runs, apart from giving locks back.
				defer func() { _ = recover() }()
				_, _ = replay.Swap(t.Context(), store, cfg)
			}()
			if !reached {
				t.Fatal("the point was not reached")
			}
			if got := dump(t, store.Link); got != want {
				t.Error("readers see something else than the old database")
			}
			if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
				t.Fatalf("the next rebuild: %v", err)
			}
			if got := dump(t, store.Link); got != want {
				t.Error("the next rebuild gives other tables")
			}
		})
	}
}

func TestInto_StopsAtAFailureThatIsNew(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	bad := env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "p9-1", Data: []byte("{")})
	path := filepath.Join(t.TempDir(), "into.db")

	var failure *projector.NewFailureError
	if _, err := replay.Into(t.Context(), path, config(env)); !errors.As(err, &failure) || failure.Seq != bad {
		t.Fatalf("error %v, want a NewFailureError at seq=%d", err, bad)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the failed rebuild is still there: %v", err)
	}
	cfg := config(env)
	cfg.AcceptFailures = true
	res, err := replay.Into(t.Context(), path, cfg)
	if err != nil || res.DeadLetters != 1 {
		t.Errorf("%+v, %v: want one dead letter", res, err)
	}
	// A failure that the live database knows with the same class is not new.
	project(t, env, store)
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Errorf("rebuild with a known dead letter: %v", err)
	}
	change(t, store.Link, "UPDATE dead_letters SET reason_class = 'fold'")
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.As(err, &failure) {
		t.Errorf("error %v, want a NewFailureError for another class", err)
	}
}

// The live projection would have made a dead letter of it: it is none the less so
// in a rebuild that comes there first.
func TestSwap_AFailureBeyondTheCheckpointIsNotNew(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	project(t, env, store)
	bad := env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "p9-1", Data: []byte("{")})
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.DeadLetters != 1 || res.Seq != bad {
		t.Errorf("%+v, %v: want one dead letter, at seq=%d", res, err, bad)
	}
	cfg := config(env)
	cfg.Known, cfg.KnownTo = map[uint64]string{}, bad
	var failure *projector.NewFailureError
	if _, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), cfg); !errors.As(err, &failure) || failure.Seq != bad {
		t.Errorf("error %v, want a NewFailureError at seq=%d, which the other database applied", err, bad)
	}
}

func TestInto_UntilSeqAndTime(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	m, err := env.Stream.Get(t.Context(), 12)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bySeq, byTime := config(env), config(env)
	bySeq.UntilSeq, byTime.UntilTime = 12, m.Time
	if _, err := replay.Into(t.Context(), filepath.Join(dir, "seq.db"), bySeq); err != nil {
		t.Fatal(err)
	}
	res, err := replay.Into(t.Context(), filepath.Join(dir, "time.db"), byTime)
	if err != nil {
		t.Fatal(err)
	}
	if res.Seq != 12 {
		t.Errorf("rebuilt up to seq=%d, want 12", res.Seq)
	}
	if a, b := dump(t, filepath.Join(dir, "seq.db")), dump(t, filepath.Join(dir, "time.db")); a != b {
		t.Errorf("by sequence:\n%s\nby time:\n%s", a, b)
	}
	if _, err := replay.Into(t.Context(), filepath.Join(dir, "seq.db"), bySeq); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that the file exists", err)
	}
}

func TestInto_SaysThatTheStreamEndsBeforeTheLimit(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 5)
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, tt := range []struct {
		change func(*replay.Config)
		want   bool
	}{
		{func(c *replay.Config) { c.UntilSeq = state.LastSeq }, false},
		{func(c *replay.Config) { c.UntilSeq = state.LastSeq + 1 }, true},
		{func(c *replay.Config) { c.UntilTime = state.LastTime }, false},
		{func(c *replay.Config) { c.UntilTime = time.Now().Add(time.Hour) }, true},
		{func(c *replay.Config) { c.UntilSeq, c.UntilTime = state.LastSeq, time.Now().Add(time.Hour) }, false},
		{func(*replay.Config) {}, false},
	} {
		cfg := config(env)
		tt.change(&cfg)
		res, err := replay.Into(t.Context(), filepath.Join(dir, fmt.Sprintf("%d.db", i)), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.EndsBefore != tt.want || res.Seq != state.LastSeq {
			t.Errorf("until seq=%d time=%v: %+v, want that it ends before: %v", cfg.UntilSeq, cfg.UntilTime, res, tt.want)
		}
	}
}

func TestInto_RefusesWhatComesToNothing(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 5)
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := config(env)
	cfg.UntilTime = state.FirstTime.Add(-time.Second)
	if _, err := replay.Into(t.Context(), filepath.Join(dir, "early.db"), cfg); !errors.Is(err, replay.ErrNothingBefore) {
		t.Errorf("error %v, want ErrNothingBefore", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere", "x", "into.db"), filepath.Join(file, "into.db"), filepath.Join(file, "x", "into.db")} {
		if _, err := replay.Into(t.Context(), path, config(env)); !errors.Is(err, replay.ErrNoFolder) {
			t.Errorf("into %s: %v, want ErrNoFolder", path, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v: want the file alone", left, err)
	}
}

func TestInto_ErasedMessagesAreHoles(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{8, 9, 14} {
		if err := js.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	project(t, env, store)
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
	if got := dump(t, store.Link); strings.Count(got, "stream_holes ") != 2 {
		t.Errorf("holes of:\n%s\nwant two", got)
	}
}

func TestInto_TrimmedStreamIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.Purge(t.Context(), purgeTo(10)); err != nil {
		t.Fatal(err)
	}
	_, err = replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), config(env))
	var refused *projector.StartError
	if !errors.Is(err, projector.ErrTrimmed) || !errors.As(err, &refused) || refused.Remedy == "" || !strings.Contains(err.Error(), "made from nothing") || strings.Contains(err.Error(), "checkpoint is") {
		t.Errorf("error %v, want ErrTrimmed with a remedy, and no checkpoint that is nobody's", err)
	}
}
