package projector

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams/streamstest"
)

// backup writes the database of a stopped store to a file of its own.
func backup(t testing.TB, store schema.Store) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backup.db")
	copyFile(t, store.Link, to)
	return to
}

func currentOf(t testing.TB, store schema.Store) schema.Generation {
	t.Helper()
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func remove(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// Each row does something to the files under a running projector. The older copy
// is of a moment that the stream still holds.
var replacements = []struct {
	name string
	do   func(t *testing.T, store schema.Store, older string)
}{
	{"generation deleted", func(t *testing.T, store schema.Store, _ string) {
		remove(t, currentOf(t, store).Path)
	}},
	{"link deleted", func(t *testing.T, store schema.Store, _ string) {
		remove(t, store.Link)
	}},
	{"generation and link deleted", func(t *testing.T, store schema.Store, _ string) {
		remove(t, currentOf(t, store).Path, store.Link)
	}},
	{"the whole folder deleted", func(t *testing.T, store schema.Store, _ string) {
		if err := os.RemoveAll(filepath.Dir(store.Link)); err != nil {
			t.Fatal(err)
		}
	}},
	{"the log deleted", func(t *testing.T, store schema.Store, _ string) {
		remove(t, currentOf(t, store).Path+"-wal")
	}},
	{"an older copy moved over the generation", func(t *testing.T, store schema.Store, older string) {
		rename(t, older, currentOf(t, store).Path)
	}},
	{"an older copy moved over the link", func(t *testing.T, store schema.Store, older string) {
		rename(t, older, store.Link)
	}},
	{"an older copy written over the generation", func(t *testing.T, store schema.Store, older string) {
		copyFile(t, older, store.Link)
	}},
	{"an older copy in place of the deleted", func(t *testing.T, store schema.Store, older string) {
		remove(t, currentOf(t, store).Path, store.Link)
		copyFile(t, older, store.Link)
	}},
	{"the link led elsewhere", func(t *testing.T, store schema.Store, older string) {
		g, err := store.Next()
		if err != nil {
			t.Fatal(err)
		}
		rename(t, older, g.Path)
		if err := store.Swap(g); err != nil {
			t.Fatal(err)
		}
	}},
}

// The tables are right again by themselves, in whatever file bears the name: with
// events coming in, and in quiet times.
func TestProjector_DatabaseReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	for _, tt := range replacements {
		for _, quiet := range []bool{false, true} {
			name := tt.name + ", busy"
			if quiet {
				name = tt.name + ", quiet"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				env, store := streamstest.New(t), storeIn(t)
				s := newScript()
				project(t, liveConfig(env, store), publish(t, env, s, posts(5)...))
				older := backup(t, store)
				l := run(t, liveConfig(env, store))
				last := publish(t, env, s, posts(20)...)
				l.waitFor(t, last)
				tt.do(t, store, older)
				if !quiet {
					last = publish(t, env, s, posts(5)...)
				}
				eventually(t, "another file is open", func() bool { return l.Status().Reopened > 0 })
				eventually(t, "caught up", func() bool { st := l.Status(); return st.Checkpoint.Seq == last && st.Trouble == nil })
				wantReplay(t, env, store)
				l.waitFor(t, publish(t, env, s, posts(2)...))
				wantReplay(t, env, store)
				wantSound(t, store)
				if _, err := store.Lock(t.Context()); err == nil {
					t.Error("the store can be locked by another")
				}
				l.stop(t)
				project(t, liveConfig(env, store), publish(t, env, s, posts(2)...))
				wantReplay(t, env, store)
			})
		}
	}
}

func wantSound(t testing.TB, store schema.Store) {
	t.Helper()
	if got := stored(t, store, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity: %s", got)
	}
}

// What cannot be gone on from ends the projector, by name.
func TestProjector_ReplacedByWhatIsNotItsDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"another stream's", func(t *testing.T, path string) {
			other, elsewhere := streamstest.New(t), storeIn(t)
			project(t, liveConfig(other, elsewhere), publish(t, other, newScript(), posts(3)...))
			copyFile(t, elsewhere.Link, path)
		}, ErrOtherStream},
		{"another program's", func(t *testing.T, path string) {
			writeCheckpoint(t, path, func(c *schema.Checkpoint) { c.Fingerprint = "another" })
		}, ErrOtherProgram},
		{"one ahead of the stream", func(t *testing.T, path string) {
			writeCheckpoint(t, path, func(c *schema.Checkpoint) { c.Seq += 1000 })
		}, ErrAhead},
		{"one of another history", func(t *testing.T, path string) {
			writeCheckpoint(t, path, func(c *schema.Checkpoint) { c.MsgID = "another" })
		}, ErrOtherHistory},
		{"a text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("not a database"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, schema.ErrNotADatabase},
		{"half a copy", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()/2/4096*4096)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
	} {
		for _, way := range []struct {
			name string
			put  func(t testing.TB, from, to string)
		}{{"moved", rename}, {"written over", copyFile}} {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				env, store := streamstest.New(t), storeIn(t)
				s := newScript()
				project(t, liveConfig(env, store), publish(t, env, s, posts(20)...))
				bad := backup(t, store)
				tt.make(t, bad)
				l := run(t, liveConfig(env, store))
				l.waitFor(t, publish(t, env, s, posts(2)...))
				way.put(t, bad, currentOf(t, store).Path)
				select {
				case <-l.done:
				case <-time.After(2 * time.Minute):
					t.Fatalf("still running: %+v", l.Status())
				}
				if !errors.Is(l.err, tt.want) {
					t.Errorf("run: %v, want %v", l.err, tt.want)
				}
				if st := l.Status(); st.Running || st.Trouble == nil {
					t.Errorf("status %+v, want trouble", st)
				}
			})
		}
	}
}

// writeCheckpoint changes what a database says of itself.
func writeCheckpoint(t testing.TB, path string, change func(*schema.Checkpoint)) {
	t.Helper()
	db, err := schema.OpenWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := schema.ReadCheckpoint(t.Context(), db)
	if err == nil {
		change(&c)
		err = schema.WriteCheckpoint(t.Context(), db, c)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A copy from another projector of the same stream may be ahead of this one.
func TestProjector_ReplacedByANewerCopy(t *testing.T) {
	t.Parallel()
	env, store, other := streamstest.New(t), storeIn(t), storeIn(t)
	s := newScript()
	cfg := liveConfig(env, store)
	cfg.Instance = "slow"
	l := run(t, cfg)
	l.waitFor(t, publish(t, env, s, posts(5)...))
	project(t, liveConfig(env, other), publish(t, env, s, posts(5)...))
	rename(t, backup(t, other), currentOf(t, store).Path)
	eventually(t, "another file is open", func() bool { return l.Status().Reopened > 0 })
	l.waitFor(t, publish(t, env, s, posts(5)...))
	wantReplay(t, env, store)
	wantSound(t, store)
}

// Where the stream does not reach back to its beginning a deleted database cannot
// come back by itself.
func TestProjector_DeletedWhileTheStreamIsTrimmed(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, newScript(), posts(5)...))
	trimTo(t, env, 5)
	remove(t, currentOf(t, store).Path)
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("still running: %+v", l.Status())
	}
	var refused *StartError
	if !errors.Is(l.err, ErrTrimmed) || !errors.As(l.err, &refused) || refused.Flag != FlagAcceptGap {
		t.Errorf("run: %v, want ErrTrimmed with its flag", l.err)
	}
}

// SQLite may move its log into the file on behalf of any reader: that is no
// replacement.
func TestProjector_SomebodyElseMovesTheLog(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	for range 5 {
		l.waitFor(t, publish(t, env, s, posts(5)...))
		db, err := schema.OpenWriter(t.Context(), currentOf(t, store).Path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l.waitFor(t, publish(t, env, s, posts(5)...))
	if st := l.Status(); st.Reopened != 0 || disturbed(st) {
		t.Errorf("status %+v, want no interruption", st)
	}
	wantReplay(t, env, store)
}
