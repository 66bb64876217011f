package projector

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"rosey/streams/streamstest"
)

// The list is what a campaign works through: a point that is never reached would
// be one that is never tried.
func TestCrashPoints_EachIsReachedByAFirstStart(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	var mu sync.Mutex
	reached := map[string]bool{}
	cfg := liveConfig(env, store)
	cfg.Crash = func(point string) {
		mu.Lock()
		defer mu.Unlock()
		reached[point] = true
	}
	l := run(t, cfg)
	l.waitFor(t, publish(t, env, newScript(), posts(2)...))
	l.stop(t)
	for _, point := range CrashPoints() {
		if !reached[point] {
			t.Errorf("%s is listed and not reached", point)
		}
	}
	for point := range reached {
		if !slices.Contains(CrashPoints(), point) {
			t.Errorf("%s is reached and not listed", point)
		}
	}
}

// A process that ends while it makes its first database leaves none or a whole
// one. What is on the disk at that moment is copied, and a start made with it.
func TestNew_ACrashAtTheFirstDatabase(t *testing.T) {
	t.Parallel()
	for _, at := range []string{crashBeforeLink, crashAfterLink} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			env, store, left := streamstest.New(t), storeIn(t), storeIn(t)
			cfg := liveConfig(env, store)
			cfg.Crash = func(point string) {
				if point != at {
					return
				}
				if err := os.CopyFS(filepath.Dir(left.Link), os.DirFS(filepath.Dir(store.Link))); err != nil {
					t.Error(err)
				}
			}
			first := run(t, cfg)
			first.stop(t)
			l := run(t, liveConfig(env, left))
			l.waitFor(t, publish(t, env, newScript(), posts(2)...))
			wantReplay(t, env, left)
		})
	}
}
