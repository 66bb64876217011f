package projector

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// withoutPlaces takes away what gives out places, as on a server that an older
// program set up.
func withoutPlaces(t *testing.T, env *streamstest.Env) {
	t.Helper()
	if err := env.Conn.JetStream().DeleteKeyValue(t.Context(), "ROSEY_LEASES"); err != nil {
		t.Fatal(err)
	}
}

func TestProjector_PlaceIsOneProjectors(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	publish(t, env, newScript(), posts(5)...)
	first, store := liveConfig(env, storeIn(t)), storeIn(t)
	p := run(t, first)

	var refused *StartError
	if _, err := New(t.Context(), liveConfig(env, store)); !errors.Is(err, ErrPlaceTaken) || !errors.As(err, &refused) || refused.Remedy == "" {
		t.Fatalf("error %v, want ErrPlaceTaken with a remedy", err)
	}
	other := liveConfig(env, store)
	other.Instance = "other"
	q, err := New(t.Context(), other)
	if err != nil {
		t.Fatalf("with an instance of its own: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	p.stop(t)
	q, err = New(t.Context(), liveConfig(env, store))
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestProjector_PlaceOfAKilledRunIsTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	publish(t, env, newScript(), posts(5)...)
	cfg := liveConfig(env, storeIn(t))
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.place = nil // a killed process gives nothing back
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	q, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatalf("the same database again: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

// A cloned host has the same name and mounts another database at the same path.
func TestProjector_PlaceIsOneDatabasesWhateverItsPath(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	publish(t, env, newScript(), posts(5)...)
	mount, away := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "data")
	cfg := liveConfig(env, schema.Store{Link: filepath.Join(mount, "rosey.db")})
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.place = nil // it holds its place on
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(mount, away); err != nil {
		t.Fatal(err)
	}
	if q, err := New(t.Context(), cfg); !errors.Is(err, ErrPlaceTaken) {
		if err == nil {
			err = q.Close()
		}
		t.Fatalf("another database at the same path: error %v, want ErrPlaceTaken", err)
	}
	if err := os.RemoveAll(mount); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, mount); err != nil {
		t.Fatal(err)
	}
	q, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatalf("the first database again: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestDatabaseID_IsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rosey.db.id")
	for name, left := range map[string]string{"a torn draft": path + ".new", "an empty file": path} {
		if err := os.WriteFile(left, nil, 0o600); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	first, err := databaseID(path)
	if err != nil || first == "" {
		t.Fatalf("id %q, error %v", first, err)
	}
	if again, err := databaseID(path); err != nil || again != first {
		t.Errorf("id %q, error %v, want %q again", again, err, first)
	}
	if other, err := databaseID(path + "2"); err != nil || other == first {
		t.Errorf("another database: id %q, error %v", other, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, error %v, want mode 600", info, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The lease of a projector that was cut off has run out, and another took it.
func TestProjector_StopsWhenItsPlaceWasTaken(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	l := run(t, liveConfig(env, storeIn(t)))
	l.waitFor(t, publish(t, env, newScript(), posts(5)...))
	env.Hold(t, l.place.key, "another", l.place.holder)
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("still running: %+v", l.Status())
	}
	var lost *StartError
	if !errors.Is(l.err, ErrPlaceTaken) || !errors.As(l.err, &lost) || lost.Remedy == "" || !strings.Contains(lost.Detail, "another") {
		t.Errorf("run: %v, want ErrPlaceTaken with a remedy", l.err)
	}
}

// One whose delivery broke off asks for its place before it touches the consumer,
// which is another's by then.
func TestProjector_LeavesTheConsumerOfWhoeverTookItsPlace(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	l := run(t, liveConfig(env, storeIn(t)))
	l.waitFor(t, publish(t, env, newScript(), posts(5)...))
	env.Hold(t, l.place.key, "another", l.place.holder)
	if err := env.Conn.JetStream().DeleteConsumer(t.Context(), streams.StreamName, l.place.consumer); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("still running: %+v", l.Status())
	}
	if !errors.Is(l.err, ErrPlaceTaken) {
		t.Errorf("run: %v, want ErrPlaceTaken", l.err)
	}
	if _, err := env.Conn.JetStream().Consumer(t.Context(), streams.StreamName, l.place.consumer); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("consumer: %v, want that it was left alone", err)
	}
}
