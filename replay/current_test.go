package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// recreate makes the stream anew, with the same identity if it is to look like
// one that was restored.
func recreate(t *testing.T, env *streamstest.Env, same bool) {
	t.Helper()
	js := env.Conn.JetStream()
	old, err := js.Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.DeleteStream(t.Context(), streams.StreamName)
	}
	if err != nil {
		t.Fatal(err)
	}
	if same {
		_, err = js.CreateStream(t.Context(), old.CachedInfo().Config)
	} else {
		_, _, err = streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	}
	if err == nil {
		env.Stream, err = streams.Open(t.Context(), env.Conn)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damage makes the checkpoint unreadable and leaves the rows as they are.
func damage(t *testing.T, store schema.Store) {
	t.Helper()
	change(t, store.Link, "ALTER TABLE projection_state RENAME COLUMN msg_id TO another")
}

func current(t *testing.T, store schema.Store) schema.Generation {
	t.Helper()
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSwap_AnotherHistoryIsReplacedByForceAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, env *streamstest.Env, store schema.Store)
		want error
	}{
		{"a new and empty stream", func(t *testing.T, env *streamstest.Env, _ schema.Store) {
			recreate(t, env, false)
		}, projector.ErrOtherStream},
		{"another stream that is longer", func(t *testing.T, env *streamstest.Env, _ schema.Store) {
			recreate(t, env, false)
			evening(t, env, "p7", 30)
		}, projector.ErrOtherStream},
		{"an older state", func(t *testing.T, env *streamstest.Env, _ schema.Store) {
			recreate(t, env, true)
			evening(t, env, "p1", 3)
		}, projector.ErrAhead},
		{"an older state that has grown since", func(t *testing.T, env *streamstest.Env, _ schema.Store) {
			recreate(t, env, true)
			evening(t, env, "p1", 3)
			evening(t, env, "p2", 30)
		}, projector.ErrOtherHistory},
		{"a checkpoint that cannot be read", func(t *testing.T, _ *streamstest.Env, store schema.Store) {
			damage(t, store)
		}, replay.ErrUnreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 10)
			project(t, env, store)
			tt.do(t, env, store)
			good, want := current(t, store), dump(t, store.Link)

			for range 2 {
				_, err := replay.Swap(t.Context(), store, config(env))
				var refused *projector.StartError
				if !errors.Is(err, tt.want) || !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "rosey replay --force") {
					t.Fatalf("error %v, want a StartError for %v that names --force", err, tt.want)
				}
				if got := current(t, store); got != good || dump(t, store.Link) != want {
					t.Fatalf("readers see %s, want %s as it was", got.Path, good.Path)
				}
				if left, _ := filepath.Glob(store.Link + ".g*"); len(left) != 1 {
					t.Fatalf("files %v, want the good one alone", left)
				}
			}

			cfg := config(env)
			cfg.Force = true
			res, err := replay.Swap(t.Context(), store, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := current(t, store); got.Path != res.Path || res.Kept != good.Path {
				t.Errorf("readers see %s and %q is kept, want %s and %s", got.Path, res.Kept, res.Path, good.Path)
			}
			// However often this stream is rebuilt now, the other history stays.
			for range schema.Keep + 1 {
				if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
					t.Fatal(err)
				}
			}
			if got := dump(t, good.Path); got != want {
				t.Error("the database before is not what it was")
			}
			project(t, env, store) // and the projector goes on with it
		})
	}
}

// A restored copy stands at the link's own place.
func TestSwap_AnotherHistoryInARestoredCopy(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	if _, err := replay.Into(t.Context(), store.Link, config(env)); err != nil {
		t.Fatal(err)
	}
	want := dump(t, store.Link)
	recreate(t, env, false)
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.Is(err, projector.ErrOtherStream) {
		t.Fatalf("error %v, want ErrOtherStream", err)
	}
	if info, err := os.Lstat(store.Link); err != nil || !info.Mode().IsRegular() {
		t.Fatalf("the copy was moved: %v, %v", info, err)
	}
	cfg := config(env)
	cfg.Force = true
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range schema.Keep + 1 {
		if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
			t.Fatal(err)
		}
	}
	if got := dump(t, res.Kept); got != want {
		t.Errorf("%s is not the copy", res.Kept)
	}
}

func TestSwap_ARestoredCopyOfTheSameHistoryIsReplaced(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	if _, err := replay.Into(t.Context(), store.Link, config(env)); err != nil {
		t.Fatal(err)
	}
	want := dump(t, store.Link)
	cfg := config(env)
	cfg.Grace = time.Nanosecond
	for range 3 {
		if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if got := dump(t, store.Link); got != want {
		t.Error("the tables differ from the copy's")
	}
	if left, _ := filepath.Glob(store.Link + ".g*"); len(left) != schema.Keep {
		t.Errorf("files %v, want %d", left, schema.Keep)
	}
}

func TestSwap_ForceLeavesAForeignFileAlone(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	const text = "somebody's notes, long enough for a header"
	if err := os.WriteFile(store.Link, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(env)
	cfg.Force = true
	if _, err := replay.Swap(t.Context(), store, cfg); !errors.Is(err, schema.ErrNotADatabase) {
		t.Errorf("error %v, want ErrNotADatabase", err)
	}
	if got, err := os.ReadFile(store.Link); err != nil || string(got) != text {
		t.Errorf("the file is %q, %v", got, err)
	}
}

func TestSwap_ForceReplacesARuinedGeneration(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	want, ruined := dump(t, store.Link), current(t, store)
	if err := os.WriteFile(ruined.Path, []byte("nothing that SQLite knows"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.Is(err, replay.ErrUnreadable) || !errors.Is(err, schema.ErrNotADatabase) {
		t.Errorf("error %v, want ErrUnreadable and its cause", err)
	}
	cfg := config(env)
	cfg.Force = true
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.Kept != ruined.Path {
		t.Fatalf("%+v, %v: want that %s is kept", res, err, ruined.Path)
	}
	if got := dump(t, store.Link); got != want {
		t.Error("the tables differ from those before")
	}
}

// A new version of the program rebuilds by itself: nobody has to force it.
func TestSwap_AnotherProgramsTablesAreReplaced(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	want := dump(t, store.Link)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	if _, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store}); !errors.Is(err, projector.ErrOtherProgram) {
		t.Fatalf("error %v, want ErrOtherProgram", err)
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, store.Link); got != want {
		t.Error("the tables differ from those before")
	}
}

// What is in the way here is not the database's own fault, and no force helps.
func TestSwap_ForceLeavesADatabaseThatCannotBeOpenedNow(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	good := current(t, store)
	if err := os.Mkdir(good.Path+"-wal", 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := config(env)
	cfg.Force = true
	if _, err := replay.Swap(t.Context(), store, cfg); err == nil || errors.Is(err, replay.ErrUnreadable) {
		t.Errorf("error %v, want SQLite's own", err)
	}
	if got := current(t, store); got != good {
		t.Errorf("readers see %s, want %s", got.Path, good.Path)
	}
	if err := os.Remove(good.Path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Error(err)
	}
}

func TestSwap_ForceDoesNotTakeReadersBack(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	cfg := config(env)
	cfg.UntilSeq, cfg.Force = 4, true
	if _, err := replay.Swap(t.Context(), store, cfg); !errors.Is(err, replay.ErrBehind) {
		t.Errorf("error %v, want ErrBehind", err)
	}
}
