package replay_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams/streamstest"
)

func TestInto_SaysWhatItIs(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	m, err := env.Stream.Get(t.Context(), 12)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "into.db")
	cfg := config(env)
	cfg.UntilSeq, cfg.UntilTime, cfg.Program = 15, m.Time, "v9"
	if _, err := replay.Into(t.Context(), path, cfg); err != nil {
		t.Fatal(err)
	}
	got := schematest.Read(t, path, schema.ReadOrigin)
	if got.Made.IsZero() {
		t.Error("when it was made is not said")
	}
	got.Made = got.Made.Add(-got.Made.Sub(m.Time))
	want := schema.Origin{
		StreamID: env.Stream.Identity().ID, FromSeq: 1, ToSeq: 12, UntilSeq: 15, UntilTime: m.Time, Program: "v9", Made: m.Time,
	}
	if got != want {
		t.Errorf("origin %+v, want %+v", got, want)
	}
}

// A database of one channel has a checkpoint like any other.
func TestSwap_OneChannelIsTakenForNoWholeDatabase(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	limited := current(t, store)
	db, err := schema.OpenWriter(t.Context(), limited.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(schema.WriteOrigin(t.Context(), db, schema.Origin{Channel: "movies"}), db.Close()); err != nil {
		t.Fatal(err)
	}

	refused := func(what string, err error) {
		t.Helper()
		var start *projector.StartError
		if !errors.Is(err, projector.ErrOneChannel) || !errors.As(err, &start) || !strings.Contains(start.Remedy, "rosey replay --force") {
			t.Errorf("%s: %v, want a StartError for ErrOneChannel with a remedy", what, err)
		}
	}
	_, err = projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	refused("projector", err)
	_, err = replay.Swap(t.Context(), store, config(env))
	refused("rebuild", err)
	_, err = replay.Verify(t.Context(), store, config(env), 5)
	refused("verification", err)

	cfg := config(env)
	cfg.Force = true
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.Kept != limited.Path {
		t.Fatalf("%+v, %v: want %s kept", res, err, limited.Path)
	}
	project(t, env, store)
	if v, err := replay.Verify(t.Context(), store, config(env), 5); err != nil || !v.Equal {
		t.Errorf("after the rebuild: %+v, %v", v, err)
	}
}
