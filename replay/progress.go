package replay

import "time"

// Phases of a rebuild, in their order. The file of a rebuild that nobody projects
// beside is neither caught up nor swapped under anybody.
const (
	PhaseEvents     = "events"
	PhaseIndexes    = "indexes"
	PhaseCatchingUp = "catching_up"
	PhaseSwapping   = "swapping"
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
	// PerSecond is the rate so far, in sequences.
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

// parts makes one progress of the parts of a work, each of which counts from its
// own beginning.
type parts struct {
	begin  time.Time
	before Progress // what the parts before the present one came to
	last   Progress
}

func (w *parts) add(p Progress) Progress {
	if p.Phase == PhaseCatchingUp && (w.last.Phase == PhaseEvents || w.last.Phase == PhaseIndexes) {
		w.before = w.last
	}
	p.Events += w.before.Events
	p.Duplicates += w.before.Duplicates
	p.DeadLetters += w.before.DeadLetters
	p.ElapsedSeconds = time.Since(w.begin).Seconds()
	w.last = p
	return p
}

// end is the progress of a work that is done.
func (w *parts) end() Progress {
	p := w.last
	p.Phase, p.RemainingSeconds, p.Remaining = PhaseDone, 0, 0
	p.ElapsedSeconds = time.Since(w.begin).Seconds()
	return p
}
