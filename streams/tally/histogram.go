package tally

import (
	"slices"
	"sync"
	"time"
)

// Histogram counts durations. Safe for concurrent use; a nil one counts nothing.
type Histogram struct {
	bounds []time.Duration

	mu     sync.Mutex
	counts []uint64
	sum    time.Duration
}

// NewHistogram returns a histogram of ranges, of which each reaches up to and with
// a bound. The bounds ascend; what is beyond the last is counted too.
func NewHistogram(bounds ...time.Duration) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

// Observe counts one duration. A clock that was put back makes none negative.
func (h *Histogram) Observe(d time.Duration) {
	if h == nil {
		return
	}
	d = max(d, 0)
	at, _ := slices.BinarySearch(h.bounds, d)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[at]++
	h.sum += d
}

// Reading is a histogram at one moment.
type Reading struct {
	// Buckets are the ranges in ascending order; what is beyond the last bound is in
	// Count alone.
	Buckets []Bucket
	Count   uint64
	Sum     time.Duration
}

// Bucket is how many durations were no longer than its bound.
type Bucket struct {
	Bound time.Duration
	Count uint64
}

// Read returns what was counted so far.
func (h *Histogram) Read() Reading {
	if h == nil {
		return Reading{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := Reading{Buckets: make([]Bucket, len(h.bounds)), Sum: h.sum}
	for i, b := range h.bounds {
		r.Count += h.counts[i]
		r.Buckets[i] = Bucket{b, r.Count}
	}
	r.Count += h.counts[len(h.bounds)]
	return r
}
