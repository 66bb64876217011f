package streams_test

import (
	"errors"
	"sync"
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestConn_HoldRestoreOneAtATime(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	release, err := env.Conn.HoldRestore(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other := env.Connect(t)
	for name, c := range map[string]*streams.Conn{"elsewhere": other, "in the same process": env.Conn} {
		if _, err := c.HoldRestore(t.Context(), "a"); !errors.Is(err, streams.ErrBeingRestored) {
			t.Errorf("the same %s: %v, want ErrBeingRestored", name, err)
		}
	}
	releaseB, err := other.HoldRestore(t.Context(), "b")
	if err != nil {
		t.Fatalf("another restore: %v", err)
	}
	releaseB()
	release()
	if release, err = other.HoldRestore(t.Context(), "a"); err != nil {
		t.Fatalf("after its end: %v", err)
	}
	release()
}

// Two that begin in the same moment must not both believe that they are alone.
func TestConn_HoldRestoreBothAtOnce(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	conns := []*streams.Conn{env.Conn, env.Connect(t), env.Connect(t)}
	for range 40 {
		releases, begin := make([]func(), len(conns)), make(chan struct{})
		var wg sync.WaitGroup
		for i, c := range conns {
			wg.Go(func() {
				<-begin
				release, err := c.HoldRestore(t.Context(), "a")
				if err != nil && !errors.Is(err, streams.ErrBeingRestored) {
					t.Error(err)
				}
				releases[i] = release
			})
		}
		close(begin)
		wg.Wait()
		held := 0
		for _, release := range releases {
			if release != nil {
				held++
				release()
			}
		}
		if held > 1 {
			t.Fatalf("%d restore at once", held)
		}
	}
	release, err := env.Conn.HoldRestore(t.Context(), "a")
	if err != nil {
		t.Fatalf("alone: %v", err)
	}
	release()
}
