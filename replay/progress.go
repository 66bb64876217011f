package replay

import (
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// Phases of a rebuild, in their order. The file of a rebuild that nobody projects
// beside is neither caught up nor swapped under anybody.
const (
	PhaseEvents     = "events"
	PhaseIndexes    = "indexes"
	PhaseCatchingUp = "catching_up"
	PhaseSwapping   = "swapping"
	PhaseRemoving   = "removing" // waiting until no reader can be about to open the tables before
	PhaseDone       = "done"
)

// Progress is how far a rebuild is.
type Progress struct {
	Phase string `json:"phase"`
	// Seq is the checkpoint, Last the sequence at which the rebuild ends.
	Seq         uint64 `json:"seq"`
	Last        uint64 `json:"last"`
	Events      int    `json:"events"`
	Duplicates  int    `json:"duplicates"`
	DeadLetters int    `json:"dead_letters"`
	// PerSecond is the rate of the last seconds while messages are read, in messages of
	// this run, and otherwise the rate so far.
	PerSecond float64 `json:"events_per_second"`
	// Remaining is how long the rest takes at that rate.
	Remaining time.Duration `json:"-"`
	// RemainingSeconds is Remaining for machines.
	RemainingSeconds float64 `json:"remaining_seconds"`
	// ElapsedSeconds is how long it has taken so far.
	ElapsedSeconds float64 `json:"elapsed_seconds"`
	// MemoryBytes is what the process holds in memory; 0 where that is not known.
	MemoryBytes uint64 `json:"memory_bytes"`
}

// meter counts what a work applies over all of its phases, so that its progress is
// one thing from the beginning to its result. One goroutine at a time uses it.
type meter struct {
	begin   time.Time
	applied projector.Applied
	// read counts the messages of this run: a rate leaves out what was applied before
	// an interruption.
	read int
	seq  uint64
	// recent are the readings that the rate goes by, the oldest first.
	recent []reading
}

// reading is how much had been read at a time.
type reading struct {
	at   time.Time
	read int
}

// rateOver is how long ago the reading is that a rate goes by: long enough for batches
// to even out, and short enough to see that it became slow.
const rateOver = 10 * time.Second

func newMeter() *meter { return &meter{begin: time.Now()} }

// add counts a batch that was applied.
func (m *meter) add(messages int, res projector.Applied, seq uint64) {
	m.read += messages
	m.seq = seq
	m.applied.Events += res.Events
	m.applied.Duplicates += res.Duplicates
	m.applied.DeadLetters += res.DeadLetters
}

// progress is how far the work is on the way to a sequence.
func (m *meter) progress(phase string, last uint64) Progress {
	now := time.Now()
	elapsed := now.Sub(m.begin).Seconds()
	pr := Progress{
		Phase: phase, Seq: m.seq, Last: max(last, m.seq), Events: m.applied.Events, Duplicates: m.applied.Duplicates, DeadLetters: m.applied.DeadLetters,
		PerSecond: float64(m.read) / max(elapsed, 1e-9), ElapsedSeconds: elapsed, MemoryBytes: ResidentMemory(),
	}
	if phase != PhaseEvents && phase != PhaseCatchingUp {
		return pr
	}
	if pr.PerSecond = m.rate(now); pr.PerSecond > 0 {
		pr.RemainingSeconds = float64(streams.Lag(pr.Last, m.seq)) / pr.PerSecond
		pr.Remaining = time.Duration(pr.RemainingSeconds * float64(time.Second))
	}
	return pr
}

// rate is how many messages a second were read of late.
func (m *meter) rate(now time.Time) float64 {
	if len(m.recent) == 0 {
		m.recent = append(m.recent, reading{at: m.begin})
	}
	m.recent = append(m.recent, reading{now, m.read})
	old := 0
	for old+1 < len(m.recent) && now.Sub(m.recent[old+1].at) >= rateOver {
		old++
	}
	m.recent = append(m.recent[:0], m.recent[old:]...)
	return float64(m.read-m.recent[0].read) / max(now.Sub(m.recent[0].at).Seconds(), 1e-9)
}

// result has a result tell of the work as it is now.
func (m *meter) result(res *Result, c schema.Checkpoint) {
	m.seq = c.Seq
	res.Checkpoint, res.Seq = c, c.Seq
	res.Events, res.Duplicates, res.DeadLetters = m.applied.Events, m.applied.Duplicates, m.applied.DeadLetters
	res.Seconds = time.Since(m.begin).Seconds()
	res.PerSecond = float64(m.read) / max(res.Seconds, 1e-9)
}

// done is the progress of a work that came to a result.
func (r *Result) done() Progress {
	return Progress{
		Phase: PhaseDone, Seq: r.Seq, Last: r.Seq, Events: r.Events, Duplicates: r.Duplicates, DeadLetters: r.DeadLetters,
		PerSecond: r.PerSecond, ElapsedSeconds: r.Seconds, MemoryBytes: ResidentMemory(),
	}
}
