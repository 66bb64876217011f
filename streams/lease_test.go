package streams_test

import (
	"errors"
	"testing"

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
