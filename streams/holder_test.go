package streams_test

import (
	"slices"
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestLeaseHolder_TakesNothing(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	holder := func(key string) string {
		t.Helper()
		h, err := env.Stream.LeaseHolder(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	key := streams.ProjectorLease("main")
	if h := holder(key); h != "" {
		t.Errorf("at first %q holds it", h)
	}
	if list, err := env.Stream.Recorders(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("at first %q record, %v", list, err)
	}
	lease, err := env.Stream.Acquire(t.Context(), key, "a projector", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{"a", "b"} {
		env.Hold(t, streams.RecorderLease(channel), "bot of "+channel, "")
	}
	if h := holder(key); h != "a projector" {
		t.Errorf("%q holds it", h)
	}
	list, err := env.Stream.Recorders(t.Context())
	slices.Sort(list)
	if err != nil || !slices.Equal(list, []string{"bot of a", "bot of b"}) {
		t.Errorf("%q record, %v", list, err)
	}
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("after somebody looked: %v", err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := holder(key); h != "" {
		t.Errorf("after its release %q holds it", h)
	}
}
