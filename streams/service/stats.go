package service

import (
	"maps"
	"sync"
	"time"

	"rosey/streams/tally"

	"github.com/nats-io/nats.go/micro"
)

// Counts is what $SRV.STATS tells of an endpoint as its data. The errors and
// times that NATS counts itself are those of taking a request, not of answering
// it.
type Counts struct {
	Answered uint64 `json:"answered"`
	Errors   uint64 `json:"errors"`
	// ByCode counts the errors of each code.
	ByCode map[Code]uint64 `json:"by_code"`
	// AtWork is how many requests are being answered.
	AtWork int `json:"at_work"`
	// Took is the time of all answers together, Longest that of one, in nanoseconds.
	Took    time.Duration `json:"took_ns"`
	Longest time.Duration `json:"longest_ns"`
	// Times says how many answers took how long.
	Times tally.Reading `json:"-"`
}

type counts struct {
	mu    sync.Mutex
	c     Counts
	codes map[Code]uint64
	times *tally.Histogram
}

// newTimes has ranges from what a look into the tables takes to what the longest
// wait does.
func newTimes() *tally.Histogram {
	const ms = time.Millisecond
	return tally.NewHistogram(ms, 2*ms, 5*ms, 10*ms, 25*ms, 50*ms, 100*ms, 250*ms, time.Second, 5*time.Second, 30*time.Second)
}

// add counts an answer; the code is empty for one that is no error.
func (c *counts) add(took time.Duration, code Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times.Observe(took)
	c.c.Answered++
	c.c.Took += took
	c.c.Longest = max(c.c.Longest, took)
	if code != "" {
		c.c.Errors++
		c.codes[code]++
	}
}

func (c *counts) read() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.c
	r.ByCode = maps.Clone(c.codes)
	r.Times = c.times.Read()
	return r
}

// Counts returns an endpoint's numbers by its name.
func (s *Service) Counts(endpoint string) Counts {
	d, ok := s.doors[endpoint]
	if !ok {
		return Counts{}
	}
	c := d.counts.read()
	c.AtWork = len(d.slots)
	return c
}

// EveryCount returns the numbers of all endpoints by their names.
func (s *Service) EveryCount() map[string]Counts {
	all := make(map[string]Counts, len(s.doors))
	for name := range s.doors {
		all[name] = s.Counts(name)
	}
	return all
}

func (s *Service) stats(e *micro.Endpoint) any { return s.Counts(e.Name) }

// now begins to measure a time.
func now() func() time.Duration {
	at := time.Now()
	return func() time.Duration { return time.Since(at) }
}
