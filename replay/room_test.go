package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// swell makes the current database look larger than what any disk has left, and
// returns what makes it as it was. The file has a hole at its end, which SQLite
// never looks at.
func swell(t *testing.T, store schema.Store) (shrink func()) {
	t.Helper()
	path := current(t, store).Path
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, 8<<40)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Truncate(path, info.Size()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSwap_NothingIsBegunWithoutRoom(t *testing.T) {
	t.Parallel()
	env, store := rebuilt(t)
	before, files := dump(t, store.Link), filesOf(t, store)
	shrink := swell(t, store)
	for name, ask := range map[string]func() error{
		"a rebuild":    func() error { _, err := replay.Swap(t.Context(), store, config(env)); return err },
		"a comparison": func() error { _, err := replay.Verify(t.Context(), store, config(env), 1); return err },
	} {
		err := ask()
		var room *schema.RoomError
		if !errors.As(err, &room) || !errors.Is(err, syscall.ENOSPC) || room.Free <= 0 || room.Need <= room.Free {
			t.Fatalf("%s: %v, want a RoomError with figures", name, err)
		}
		if !strings.Contains(err.Error(), "8388608 MiB") || !strings.Contains(err.Error(), "MiB left") {
			t.Errorf("%s: %q says no figures", name, err)
		}
		if next := room.Remedy(); !strings.Contains(next, "free at least") || !strings.Contains(next, store.Link+".g1") {
			t.Errorf("%s: the next step is %q, want it to name what may go", name, next)
		}
	}
	if left := filesOf(t, store); !slices.Equal(left, files) {
		t.Errorf("left %v, before there were %v", left, files)
	}
	shrink()
	if dump(t, store.Link) != before {
		t.Error("the tables changed")
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Errorf("with room: %v", err)
	}
}

func TestInto_NothingIsBegunWithoutRoom(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	shrink := swell(t, store)
	path := filepath.Join(t.TempDir(), "into.db")
	for name, limit := range map[string]func(*replay.Config){
		"the whole": func(*replay.Config) {},
		"the half":  func(c *replay.Config) { c.UntilSeq = 10 },
	} {
		cfg := config(env)
		cfg.Like = store
		limit(&cfg)
		_, err := replay.Into(t.Context(), path, cfg)
		var room *schema.RoomError
		if !errors.As(err, &room) || room.Free <= 0 || room.Need <= room.Free {
			t.Errorf("%s: %v, want a RoomError with figures", name, err)
		}
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
	shrink()
	cfg := config(env)
	cfg.Like = store
	if _, err := replay.Into(t.Context(), path, cfg); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// Another version's tables answer for as long as there is no room for this one's.
func TestSupervisor_ServesTheOldTablesWithoutRoom(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	shrink := swell(t, store)
	s := supervise(t, supervisorConfig(env, store))
	w := s.ended(t)
	if w.Class != "disk_full" || w.Reason != replay.ReasonProgram || !strings.Contains(w.Error, "nothing was begun") || !strings.Contains(w.Remedy, "free at least") {
		t.Fatalf("it came to %+v", w)
	}
	eventually(t, "it says that the tables stand still, and why", func() bool {
		st := s.Status()
		return errors.Is(st.Trouble, projector.ErrOtherProgram) && strings.Contains(st.Trouble.Error(), "MiB left")
	})
	if seq, _, err := fresh(store.Link)(); err != nil || seq == 0 || !s.Database().Current {
		t.Errorf("the old tables do not answer: seq=%d, %v", seq, err)
	}
	if left := filesOf(t, store); !slices.Equal(left, []string{"g1"}) {
		t.Errorf("left %v", left)
	}
	shrink()
	s.do(t, replay.Request{Kind: replay.KindRebuild})
	evening(t, env, "p2", 5)
	s.caughtUp(t, env)
	s.stop()
	wantEqual(t, env, store)
}
