package projector

import (
	"errors"
	"testing"

	"rosey/streams/streamstest"
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
