package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// run are the sequences from one to another.
func run(first, last uint64) (seqs []uint64) {
	for seq := first; seq <= last; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

// wantRefused wants the error of tables that may be the only copy.
func wantRefused(t *testing.T, err error, detail string) {
	t.Helper()
	var refused *projector.StartError
	if !errors.Is(err, replay.ErrManyErased) || !errors.As(err, &refused) || refused.Detail != detail ||
		!strings.Contains(refused.Remedy, "rosey doctor") || !strings.Contains(refused.Remedy, "rosey replay --accept-erased") {
		t.Errorf("error %v, want ErrManyErased with %q and a remedy", err, detail)
	}
}

// Single messages are erased on purpose: a rebuild is without them and says so, once
// as news.
func TestSwap_SaysWhatWasErasedSince(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 40)
	erase(t, env, 6)
	project(t, env, store)
	erase(t, env, slices.Concat(run(7, 7+streams.ManyAdjacent-1), []uint64{30})...)
	const since, all = streams.ManyAdjacent + 1, streams.ManyAdjacent + 2
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.ErasedSince != since || res.Erased != all || res.Kept != "" {
		t.Fatalf("%+v, %v: want %d erased, %d of them since", res, err, all, since)
	}
	if res, err = replay.Swap(t.Context(), store, config(env)); err != nil || res.ErasedSince != 0 || res.Erased != all {
		t.Errorf("again: %+v, %v: want %d erased, none since", res, err, all)
	}
	if res, err = replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), config(env)); err != nil || res.Erased != all {
		t.Errorf("into a file: %+v, %v: want %d erased", res, err, all)
	}
	wantEqual(t, env, store)
}

// What looks like the loss of a damaged store is not swapped in before somebody says
// that it is none, and the old tables stay for good then.
func TestSwap_ManyErasedAreRefused(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 40)
	project(t, env, store)
	before := dump(t, store.Link)
	erase(t, env, run(10, 10+streams.ManyAdjacent)...)
	for range 2 {
		cfg := config(env)
		cfg.Progress = func(replay.Progress) { t.Error("it was begun") }
		_, err := replay.Swap(t.Context(), store, cfg)
		wantRefused(t, err, "17, of which one after the other seq=10 to seq=26")
	}
	if files, err := filepath.Glob(store.Link + ".g*"); err != nil || len(files) != 1 || dump(t, store.Link) != before {
		t.Fatalf("%q, %v: want the one generation, as it was", files, err)
	}
	cfg := config(env)
	cfg.AcceptErased = true
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.ErasedSince != 17 || res.Kept != store.Link+".g1" {
		t.Fatalf("%+v, %v: want 17 erased, and the first generation kept", res, err)
	}
	for range 2 { // they are no news any more, and remove all they may
		cfg := config(env)
		cfg.Keep, cfg.Grace = 1, 1
		if res, err := replay.Swap(t.Context(), store, cfg); err != nil || res.ErasedSince != 0 || res.Kept != "" {
			t.Fatalf("again: %+v, %v", res, err)
		}
	}
	if got := dump(t, store.Link+".g1"); got != before {
		t.Errorf("the tables that had them:\n%s\nwant:\n%s", got, before)
	}
	wantEqual(t, env, store)
}

// However they lie, a thousand is much.
func TestSwap_ManySingleOnesAreRefused(t *testing.T) {
	t.Parallel()
	env, store, other := streamstest.New(t), newStore(t), newStore(t)
	var list []streams.AppendMessage
	for n := range 2*streams.ManyErased + 4 {
		list = append(list, message(t, "p1", n+1, events.KindMessageLog, &events.MessageLog{Username: "ann", Message: "line"}))
	}
	env.Append(t, list...)
	project(t, env, store)
	project(t, env, other)
	for seq := uint64(2); seq <= 2*streams.ManyErased; seq += 2 {
		erase(t, env, seq)
	}
	if res, err := replay.Swap(t.Context(), other, config(env)); err != nil || res.ErasedSince != streams.ManyErased {
		t.Errorf("%d erased: %+v, %v", streams.ManyErased, res, err)
	}
	erase(t, env, 2*streams.ManyErased+2)
	_, err := replay.Swap(t.Context(), store, config(env))
	if !errors.Is(err, replay.ErrManyErased) || !strings.Contains(err.Error(), "1001, seq=2, seq=4, ") || !strings.Contains(err.Error(), "and 991 more runs") {
		t.Errorf("one more: %v, want ErrManyErased", err)
	}
}

// What an archive forgot is gone as well, and no list of the stream's has it.
func TestSwap_ManyForgottenByTheArchiveAreRefused(t *testing.T) {
	t.Parallel()
	env, store, dir := streamstest.New(t), newStore(t), t.TempDir()
	evening(t, env, "p1", 40)
	project(t, env, store)
	archived(t, env, dir)
	if _, err := archive.Forget(t.Context(), dir, run(5, 24), archive.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	trim(t, env, 40)
	a, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(env)
	cfg.Archive = a
	_, err = replay.Swap(t.Context(), store, cfg)
	wantRefused(t, err, "20, of which one after the other seq=5 to seq=24")
	if n := currentNumber(t, store); n != 1 {
		t.Errorf("generation %d is the current one, want 1", n)
	}
	cfg.AcceptErased = true
	if res, err := replay.Swap(t.Context(), store, cfg); err != nil || res.ErasedSince != 20 || res.Kept == "" {
		t.Errorf("%+v, %v: want 20 forgotten, and the tables before kept", res, err)
	}
}

// The tables that are gone back to may lack what the present ones have.
func TestUndo_ManyErasedAreRefused(t *testing.T) {
	t.Parallel()
	env, store := rebuilt(t)
	evening(t, env, "p2", 40)
	project(t, env, store)
	before := dump(t, store.Link)
	last := stateOf(t, store).Seq
	erase(t, env, run(last-29, last-10)...)
	_, err := replay.Undo(t.Context(), store, config(env))
	if !errors.Is(err, replay.ErrManyErased) || dump(t, store.Link) != before {
		t.Fatalf("error %v, want ErrManyErased and the tables as they were", err)
	}
	cfg := config(env)
	cfg.AcceptErased = true
	res, err := replay.Undo(t.Context(), store, cfg)
	if err != nil || res.ErasedSince != 20 || res.Kept != store.Link+".g2" {
		t.Fatalf("%+v, %v: want 20 erased, and the second generation kept", res, err)
	}
	if res, err = replay.Undo(t.Context(), store, config(env)); err != nil || res.ErasedSince != 0 {
		t.Errorf("and back: %+v, %v", res, err)
	}
}

func TestSupervisor_ManyErasedAreRefused(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 40)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	before := dump(t, store.Link)
	erase(t, env, run(10, 29)...)
	refused := func(kind string) {
		t.Helper()
		s.ask(t, replay.Request{Kind: kind})
		w := s.ended(t)
		if w.Class != "many_erased" || !w.FailedBy(replay.ErrManyErased) || !strings.Contains(w.Remedy, "--accept-erased") || !strings.Contains(w.Error, "seq=10 to seq=29") {
			t.Errorf("%s: %+v, want many_erased with a remedy", kind, w)
		}
		if now := dump(t, store.Link); now != before {
			t.Errorf("%s: the tables are\n%s\nwant:\n%s", kind, now, before)
		}
	}
	refused(replay.KindRebuild)
	w := s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptErased: true})
	if w.Result.ErasedSince != 20 || w.Result.Kept != store.Link+".g1" {
		t.Errorf("%+v: want 20 erased, and the first generation kept", w.Result)
	}
	// Whoever is asked next to go back lacks what the projection had since.
	first := s.caughtUp(t, env) + 1
	evening(t, env, "p2", 40)
	last := s.caughtUp(t, env)
	before = dump(t, store.Link)
	erase(t, env, run(first+2, last-2)...)
	s.ask(t, replay.Request{Kind: replay.KindUndo})
	if w := s.ended(t); !w.FailedBy(replay.ErrManyErased) || dump(t, store.Link) != before {
		t.Errorf("%+v: want the tables as they were", w)
	}
	evening(t, env, "p3", 1) // and it goes on in them
	s.caughtUp(t, env)
}

// Nobody is there to ask: the tables of another version go on answering.
func TestSupervisor_RemakesNothingThatTheStreamLost(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 40)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	erase(t, env, run(10, 29)...)
	s := supervise(t, supervisorConfig(env, store))
	eventually(t, "it was tried", func() bool { return errors.Is(s.Status().Trouble, replay.ErrManyErased) })
	if w := s.Work(); w.Reason != replay.ReasonProgram || !w.FailedBy(replay.ErrManyErased) || !strings.Contains(w.Remedy, "--accept-erased") {
		t.Errorf("the work was %+v", w)
	}
	if !s.Database().AtRest || currentNumber(t, store) != 1 {
		t.Errorf("it answers from %+v", s.Database())
	}
	if w := s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptErased: true}); w.Result.ErasedSince != 20 || w.Result.Kept == "" {
		t.Errorf("%+v: want 20 erased, and the tables before kept", w.Result)
	}
	s.caughtUp(t, env)
}

// A disk loses a file of the server's store: the server lists what was in it as
// erased, and only the tables have it still.
func TestSwap_ALostBlockOfTheStore(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true})
	env, store := external(t, server), newStore(t)
	text := strings.Repeat(strings.Repeat("long", 500)+" ", 100)
	const lines = 110
	for n := range lines {
		env.Append(t, message(t, "p1", n+1, events.KindMessageLog, &events.MessageLog{Username: "ann", Message: text}))
	}
	project(t, env, store)
	before := chatLines(t, store)
	env.Conn.Close()
	server.Stop()
	blocks, err := filepath.Glob(filepath.Join(server.Store(), "jetstream", "*", "streams", streams.StreamName, "msgs", "2.blk"))
	if err != nil || len(blocks) != 1 {
		t.Fatalf("%q, %v: want one block", blocks, err)
	}
	if err := os.Remove(blocks[0]); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	env = external(t, server)
	state, err := env.Stream.State(t.Context())
	if err != nil || state.FirstSeq != 1 || state.Deleted <= streams.ManyAdjacent {
		t.Fatalf("%+v, %v: want a hole in the stream", state, err)
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.Is(err, replay.ErrManyErased) {
		t.Errorf("by command: %v, want ErrManyErased", err)
	}
	s := supervise(t, supervisorConfig(env, store))
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	if w := s.ended(t); !w.FailedBy(replay.ErrManyErased) {
		t.Errorf("live: %+v, want ErrManyErased", w)
	}
	if got := chatLines(t, store); got != before || got < lines {
		t.Errorf("%d rows of chat, want %d", got, before)
	}
}

// external connects to a server in a process of its own.
func external(t *testing.T, server *streamstest.External) *streamstest.Env {
	t.Helper()
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, Timeout: time.Minute, MaxReconnectWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	env := &streamstest.Env{Conn: conn}
	if env.Stream, _, err = streams.Setup(t.Context(), conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	return env
}

func chatLines(t *testing.T, store schema.Store) int {
	t.Helper()
	return schematest.Read(t, store.Link, func(ctx context.Context, q schema.Queryer) (n int, err error) {
		err = q.QueryRowContext(ctx, "SELECT count(*) FROM chat_messages").Scan(&n)
		return n, err
	})
}

// Holes that cannot be read do not keep the tables from being made again.
func TestSwap_UnreadableHolesAreMendedByIt(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	change(t, store.Link, "INSERT INTO stream_holes VALUES (5, 'damaged')")
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, env, store)
}
