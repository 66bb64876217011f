package projector

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rosey/schema"
	"rosey/streams/streamstest"
)

// killed is a store as it is after a process that had it open was killed, its
// file a copy of another one where one is given.
func killed(t testing.TB, of schema.Store, file string) schema.Store {
	t.Helper()
	g := currentOf(t, of)
	if file == "" {
		file = g.Path
	}
	left := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	next, err := left.Next()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, file, next.Path)
	copyFile(t, g.Path+"-wal", next.Path+"-wal")
	copyFile(t, g.Path+"-shm", next.Path+"-shm")
	if err := left.Swap(next); err != nil {
		t.Fatal(err)
	}
	return left
}

// moveLog has SQLite move the log into the file and begin it anew.
func moveLog(t testing.TB, store schema.Store) {
	t.Helper()
	db, err := schema.OpenWriter(t.Context(), currentOf(t, store).Path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A copy that was put in the place of a killed process's database lies beside
// that one's log, which is not its own.
func TestProjector_RefusesACopyBesideAnotherDatabasesLog(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	project(t, liveConfig(env, store), publish(t, env, s, posts(20)...))
	older := backup(t, store)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posts(1000)...))
	moveLog(t, store)
	last := publish(t, env, s, posts(20)...)
	l.waitFor(t, last)
	left := killed(t, store, older)
	l.stop(t)

	g := currentOf(t, left)
	for range 2 { // a refusal takes nothing away that the next one needs
		refuseStart(t, liveConfig(env, left), ErrDamaged, "", g.Path+"-wal", "replay --force")
	}
	refusedLog, err := os.Stat(g.Path + "-wal")
	if err != nil || refusedLog.Size() == 0 {
		t.Fatalf("the log was touched: %v, %v", refusedLog, err)
	}
	remove(t, g.Path+"-wal", g.Path+"-shm")
	project(t, liveConfig(env, left), last)
	wantReplay(t, env, left)
	wantSound(t, left)
}

// After a kill alone the log is the file's own.
func TestProjector_StartsWithTheLogOfAKilledOne(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posts(50)...))
	moveLog(t, store)
	last := publish(t, env, s, posts(50)...)
	l.waitFor(t, last)
	left := killed(t, store, "")
	l.stop(t)
	p, err := New(t.Context(), liveConfig(env, left))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Status().Checkpoint.Seq; got != last {
		t.Errorf("it begins at seq=%d, want %d", got, last)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	wantReplay(t, env, left)
}
