package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// obstruct puts something in the place of an old generation that cannot be removed.
func obstruct(t *testing.T, store schema.Store, number string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(store.Link+".g"+number, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// After the swap the tables are remade, whatever becomes of the old ones.
func TestSwap_OldGenerationsThatStayAreNoError(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	obstruct(t, store, "2")
	cfg := config(env)
	cfg.Keep = 1
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.Note == "" || currentNumber(t, store) != 3 {
		t.Fatalf("%+v, %v: want a note", res, err)
	}
	cfg.Keep = 2
	if res, err = replay.Swap(t.Context(), store, cfg); err != nil || res.Note == "" {
		t.Fatalf("%+v, %v: want a note", res, err)
	}
	cfg.Keep = 1
	if res, err = replay.Undo(t.Context(), store, cfg); err != nil || res.Note == "" || currentNumber(t, store) != 3 {
		t.Errorf("undone: %+v, %v: want a note", res, err)
	}
	wantEqual(t, env, store)
}

func TestSupervisor_ProjectsThoughOldGenerationsStay(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	obstruct(t, store, "2")
	cfg := supervisorConfig(env, store)
	cfg.Keep = 1
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	if w := s.ended(t); w.Error != "" || w.Result == nil || w.Result.Note == "" {
		t.Errorf("the work came to %+v", w)
	}
	if w := s.do(t, replay.Request{Kind: replay.KindRebuild}); w.Result.Note == "" {
		t.Errorf("beside the projection: %+v", w.Result)
	}
	evening(t, env, "p2", 5)
	s.caughtUp(t, env)
	s.stop()
	wantEqual(t, env, store)
}

// Beside nobody too, no one is taken back.
func TestUndo_ReplacesWhatIsBehindOnly(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	change(t, store.Link, "UPDATE projection_state SET seq = seq + 10")
	if _, err := replay.Undo(t.Context(), store, config(env)); !errors.Is(err, replay.ErrBehind) {
		t.Errorf("error %v, want ErrBehind", err)
	}
	if n := currentNumber(t, store); n != 2 {
		t.Errorf("generation %d is the current one, want 2", n)
	}
}
