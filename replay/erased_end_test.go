package replay_test

import (
	"strings"
	"testing"

	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams/streamstest"
)

// What the last messages of the stream did is gone with them, and readers are not
// taken back.
func TestSwap_TheEndOfTheStreamWasErased(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	before := stateOf(t, store)
	erase(t, env, before.Seq-1, before.Seq)
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.Seq != before.Seq {
		t.Fatalf("%+v, %v: want seq=%d", res, err, before.Seq)
	}
	if now := stateOf(t, store); now != before {
		t.Errorf("checkpoint %+v, want %+v", now, before)
	}
	wantEqual(t, env, store)
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Errorf("again: %v", err)
	}
	// The next message is gone as well, and another comes: a rebuild finds one hole.
	evening(t, env, "p2", 1)
	erase(t, env, before.Seq+1)
	project(t, env, store)
	if text := dump(t, store.Link); strings.Count(text, "stream_holes ") != 1 {
		t.Errorf("holes of:\n%s\nwant one", text)
	}
	wantEqual(t, env, store)
}

func TestSupervisor_TheEndOfTheStreamWasErased(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	cfg := supervisorConfig(env, store)
	// What is erased while the new tables are complete already.
	var late uint64
	cfg.Projector.Crash = func(point string) {
		if point == "replay.before_hand_over" && late > 0 {
			erase(t, env, late)
			late = 0
		}
	}
	s := supervise(t, cfg)
	last := s.caughtUp(t, env)
	before := stateOf(t, store)
	erase(t, env, last-1, last)
	w := s.do(t, replay.Request{Kind: replay.KindRebuild})
	if now := stateOf(t, store); w.Result.Seq != last || now != before {
		t.Errorf("result %+v, checkpoint %+v, want %+v", w.Result, now, before)
	}
	wantEqual(t, env, store)
	late = last - 2
	s.do(t, replay.Request{Kind: replay.KindUndo})
	if now := stateOf(t, store); now != before {
		t.Errorf("after an undo: checkpoint %+v, want %+v", now, before)
	}
	evening(t, env, "p2", 5)
	s.caughtUp(t, env)
	s.do(t, replay.Request{Kind: replay.KindRebuild})
	s.stop()
	wantEqual(t, env, store)
}

// An older database goes back in the place of one that had what is erased now.
func TestUndo_TheEndOfTheStreamWasErased(t *testing.T) {
	t.Parallel()
	env, store := rebuilt(t)
	evening(t, env, "p2", 5)
	project(t, env, store)
	before := stateOf(t, store)
	erase(t, env, before.Seq)
	if _, err := replay.Undo(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	if now := stateOf(t, store); now != before {
		t.Errorf("checkpoint %+v, want %+v", now, before)
	}
	wantEqual(t, env, store)
}

func stateOf(t *testing.T, store schema.Store) schema.Checkpoint {
	t.Helper()
	return schematest.Read(t, store.Link, schema.ReadCheckpoint)
}
