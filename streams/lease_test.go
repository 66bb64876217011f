package streams_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestLease_OneHolderAtATime(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	key := streams.RecorderLease("a channel")
	first, err := env.Stream.Acquire(t.Context(), key, "first", "")
	if err != nil {
		t.Fatal(err)
	}
	var held *streams.LeaseHeldError
	if _, err := env.Stream.Acquire(t.Context(), key, "second", ""); !errors.As(err, &held) || held.Holder != "first" {
		t.Fatalf("error %v, want that first holds it", err)
	}
	if err := first.Renew(t.Context()); err != nil {
		t.Errorf("renew: %v", err)
	}
	if _, err := env.Stream.Acquire(t.Context(), streams.RecorderLease("another"), "second", ""); err != nil {
		t.Errorf("another channel: %v", err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Errorf("release: %v", err)
	}
	if _, err := env.Stream.Acquire(t.Context(), key, "second", ""); err != nil {
		t.Errorf("after the release: %v", err)
	}
	if err := first.Renew(t.Context()); err == nil {
		t.Error("a lease that was given back was renewed")
	}
}

func TestLease_SuccessorTakesOverAtOnce(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	key := streams.RecorderLease("channel")
	first, err := env.Stream.Acquire(t.Context(), key, "run1", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := env.Stream.Acquire(t.Context(), key, "run2", "run1")
	if err != nil {
		t.Fatalf("the successor: %v", err)
	}
	if err := first.Renew(t.Context()); err == nil {
		t.Error("the predecessor renewed a lease it had lost")
	}
	if err := second.Renew(t.Context()); err != nil {
		t.Errorf("renew: %v", err)
	}
	if _, err := env.Stream.Acquire(t.Context(), key, "run3", "run1"); !errors.Is(err, streams.ErrLeaseHeld) {
		t.Errorf("error %v, want that it is held", err)
	}
}

// A clock that was set back keeps a lease whose holder is gone for as long as
// that. Whoever sees that nobody renews it need not wait.
func TestLease_AbandonedIsTakenOver(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	key := streams.RecorderLease("channel")
	first, err := env.Stream.Acquire(t.Context(), key, "first", "")
	if err != nil {
		t.Fatal(err)
	}
	conn := env.Connect(t) // another's: it has not seen anything yet
	other, err := streams.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	acquire := func() (*streams.Lease, error) { return other.Acquire(t.Context(), key, "second", "") }
	if _, err := acquire(); !errors.Is(err, streams.ErrLeaseHeld) {
		t.Fatalf("error %v, want that it is held", err)
	}
	conn.AgeSightings(streams.LeaseTTL)
	if _, err := acquire(); !errors.Is(err, streams.ErrLeaseHeld) {
		t.Errorf("after its time: error %v, want that it is still held", err)
	}
	if err := first.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.AgeSightings(streams.LeaseTTL)
	if _, err := acquire(); !errors.Is(err, streams.ErrLeaseHeld) {
		t.Errorf("after a renewal: error %v, want that it is held", err)
	}
	conn.AgeSightings(2 * streams.LeaseTTL)
	second, err := acquire()
	if err != nil {
		t.Fatalf("an abandoned lease: %v", err)
	}
	if second.Term() <= first.Term() {
		t.Errorf("the later term is %d, the earlier one %d", second.Term(), first.Term())
	}
	if err := first.Renew(t.Context()); err == nil {
		t.Error("the earlier holder renewed what it had lost")
	}
}

// The clock of the server was set back between two holders: the later one has
// the greater term all the same.
func TestLease_TermsGrowWhileTheClockGoesBack(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	key := streams.RecorderLease("channel")
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), "ROSEY_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	ahead := uint64(time.Now().Add(3 * time.Hour).UnixMicro())
	value := fmt.Appendf(nil, `{"holder":"first","term":%d}`, ahead)
	if _, err := kv.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Stream.Acquire(t.Context(), key, "second", ""); !errors.Is(err, streams.ErrLeaseHeld) {
		t.Fatalf("error %v, want that it is held", err)
	}
	if err := kv.Purge(t.Context(), key); err != nil { // as its end does
		t.Fatal(err)
	}
	second, err := env.Stream.Acquire(t.Context(), key, "second", "")
	if err != nil {
		t.Fatal(err)
	}
	if second.Term() <= ahead {
		t.Errorf("term %d after %d", second.Term(), ahead)
	}
	third, err := env.Stream.Acquire(t.Context(), key, "third", "second")
	if err != nil {
		t.Fatal(err)
	}
	if third.Term() <= second.Term() {
		t.Errorf("term %d after %d", third.Term(), second.Term())
	}
}
