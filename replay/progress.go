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
