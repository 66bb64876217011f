package outbound

import (
	"maps"
	"sync"
	"time"

	"rosey/streams/tally"
)

// Stats counts what a sender does, from its start. Safe for concurrent use; a nil
// one counts nothing.
type Stats struct {
	waits, echoes *tally.Histogram

	mu       sync.Mutex
	lines    uint64
	retries  map[string]uint64
	outcomes map[Outcome]uint64
}

// Outcome is how a message ended: its final state, and the reason, empty for none.
type Outcome struct {
	State  State
	Reason string
}

// NewStats returns counters that are all zero.
func NewStats() *Stats {
	const ms = time.Millisecond
	return &Stats{
		waits:   tally.NewHistogram(ms, 2*ms, 5*ms, 10*ms, 50*ms, 250*ms, time.Second, 5*time.Second, 30*time.Second, 2*time.Minute, 10*time.Minute, time.Hour),
		echoes:  tally.NewHistogram(5*ms, 10*ms, 25*ms, 50*ms, 100*ms, 250*ms, 500*ms, time.Second, 2*time.Second, 5*time.Second, 10*time.Second),
		retries: map[string]uint64{}, outcomes: map[Outcome]uint64{},
	}
}

// Written counts a line on the wire. waited is how long its message could have been
// there already: since it was queued, its time or its next attempt came. Only the
// first line of a message has waited; the others have none.
func (s *Stats) Written(waited time.Duration, first bool) {
	if s == nil {
		return
	}
	if first {
		s.waits.Observe(waited)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines++
}

// Echoed counts a line that the channel showed so long after it was written.
func (s *Stats) Echoed(took time.Duration) {
	if s != nil {
		s.echoes.Observe(took)
	}
}

// Retried counts a message that is queued again, and why.
func (s *Stats) Retried(reason string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retries[bounded(reason)]++
}

// Finished counts a message that came to its end.
func (s *Stats) Finished(state State, reason string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[Outcome{state, bounded(reason)}]++
}

// StatsReading is what was counted so far.
type StatsReading struct {
	// Lines were written to the wire.
	Lines uint64
	// Retries are messages that were queued again, by reason; Outcomes those that
	// ended.
	Retries  map[string]uint64
	Outcomes map[Outcome]uint64
	// Waits is how long messages were due before they were written, Echoes how long
	// the channel took to show a line.
	Waits, Echoes tally.Reading
}

// Read returns what was counted so far.
func (s *Stats) Read() StatsReading {
	if s == nil {
		return StatsReading{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return StatsReading{
		Lines: s.lines, Retries: maps.Clone(s.retries), Outcomes: maps.Clone(s.outcomes), Waits: s.waits.Read(), Echoes: s.echoes.Read(),
	}
}

// bounded keeps the number of reasons small, whatever a caller's mark says.
func bounded(reason string) string {
	switch reason {
	case "", ReasonMuted, ReasonNoPermission, ReasonFiltered, ReasonFlood, ReasonNoEcho, ReasonNotShown,
		ReasonAbsent, ReasonRefused, ReasonTooLong, ReasonCommand, ReasonDisconnected, ReasonMarked, ReasonRestored:
		return reason
	}
	return "other"
}
