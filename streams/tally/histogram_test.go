package tally_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"rosey/streams/tally"
)

func TestHistogram_CountsUpToEachBound(t *testing.T) {
	t.Parallel()
	h := tally.NewHistogram(time.Millisecond, time.Second)
	for _, d := range []time.Duration{-time.Hour, 0, time.Millisecond, time.Millisecond + 1, time.Second, time.Minute} {
		h.Observe(d)
	}
	want := tally.Reading{
		Buckets: []tally.Bucket{{Bound: time.Millisecond, Count: 3}, {Bound: time.Second, Count: 5}}, Count: 6,
		Sum: 2*time.Millisecond + 1 + time.Second + time.Minute,
	}
	if got := h.Read(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHistogram_NilCountsNothing(t *testing.T) {
	t.Parallel()
	var h *tally.Histogram
	h.Observe(time.Second)
	if got := h.Read(); got.Count != 0 || got.Buckets != nil {
		t.Errorf("got %+v", got)
	}
}

func TestHistogram_ManyAtOnce(t *testing.T) {
	t.Parallel()
	h := tally.NewHistogram(time.Second)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				h.Observe(time.Second)
				_ = h.Read()
			}
		})
	}
	wg.Wait()
	if got := h.Read(); got.Count != 800 || got.Buckets[0].Count != 800 || got.Sum != 800*time.Second {
		t.Errorf("got %+v", got)
	}
}
