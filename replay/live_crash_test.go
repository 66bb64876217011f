package replay_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// filesOf lists what stands beside a store's link and belongs to a generation,
// without what SQLite keeps beside each.
func filesOf(t *testing.T, store schema.Store) []string {
	t.Helper()
	found, err := filepath.Glob(store.Link + ".g*")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found {
		name := strings.TrimPrefix(f, store.Link+".")
		if !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			list = append(list, name)
		}
	}
	return list
}

// What is on the disk at each point is copied, as a process that ends there would
// leave it, and a start is made with it: the tables are right, the rebuild is
// either there or gone, and going on works.
func TestSupervisor_CrashAtEachPoint(t *testing.T) {
	t.Parallel()
	undone := []string{"replay.before_catch_up", "replay.before_hand_over", "replay.before_swap", "replay.after_swap", "replay.after_hand_over"}
	for _, tt := range []struct {
		name, kind string
		points     []string
	}{
		{"rebuild", replay.KindRebuild, append(replay.CrashPoints(), "projector.before_commit", "projector.after_commit")},
		{"undo", replay.KindUndo, undone},
		{"remake", "", []string{"replay.before_finish", "replay.before_catch_up", "replay.before_swap", "replay.after_swap"}},
	} {
		for _, point := range tt.points {
			t.Run(tt.name+" "+point, func(t *testing.T) {
				t.Parallel()
				crashAt(t, tt.kind, point)
			})
		}
	}
}

func crashAt(t *testing.T, kind, point string) {
	env, store, left := streamstest.New(t), newStore(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	if kind == "" {
		change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	}
	cfg := supervisorConfig(env, store)
	var s *supervised
	var mu sync.Mutex
	armed, grown, reached := false, false, false
	cfg.Projector.Crash = func(at string) {
		mu.Lock()
		defer mu.Unlock()
		if !armed || reached {
			return
		}
		if !grown && (at == "replay.before_finish" || at == "replay.before_catch_up") {
			// More comes while the next one is made; the projector has it at once.
			grown, armed = true, false
			evening(t, env, "p2", 5)
			if kind != "" {
				mu.Unlock()
				s.caughtUp(t, env)
				mu.Lock()
			}
			armed = true
		}
		if at != point {
			return
		}
		reached = true
		if err := os.CopyFS(filepath.Dir(left.Link), os.DirFS(filepath.Dir(store.Link))); err != nil {
			t.Error(err)
		}
	}
	arm := func() {
		mu.Lock()
		defer mu.Unlock()
		armed = true
	}
	if kind == "" {
		arm()
	}
	s = supervise(t, cfg)
	s.caughtUp(t, env)
	if kind == replay.KindUndo {
		s.do(t, replay.Request{Kind: replay.KindRebuild})
	}
	if kind != "" {
		arm()
		s.do(t, replay.Request{Kind: kind})
	} else if w := s.ended(t); w.Error != "" {
		t.Errorf("remake: %s", w.Error)
	}
	s.stop()
	wantEqual(t, env, store)
	mu.Lock()
	defer mu.Unlock()
	if !reached {
		t.Fatal("the point was not reached")
	}

	after := slices.Contains([]string{"replay.after_swap", "replay.after_hand_over"}, point)
	want := 1
	if after != (kind == replay.KindUndo) {
		want = 2
	}
	if n := currentNumber(t, left); n != want {
		t.Errorf("the crash left generation %d as the current one, want %d", n, want)
	}
	again := supervise(t, supervisorConfig(env, left))
	eventually(t, "the tables are this program's", func() bool { return !again.Database().AtRest })
	again.caughtUp(t, env)
	again.stop()
	wantEqual(t, env, left)
	files := []string{"g1", "g2"}
	if !after && kind == replay.KindRebuild {
		files = files[:1]
	}
	if got := filesOf(t, left); !slices.Equal(got, files) {
		t.Errorf("left %v, want %v", got, files)
	}
}
