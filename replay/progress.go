package replay

import "time"

// Phases of a rebuild.
const (
	PhaseEvents  = "events"
	PhaseIndexes = "indexes"
	PhaseDone    = "done"
)

// Progress is how far a rebuild is.
type Progress struct {
	Phase string `json:"phase"`
	// Seq is the checkpoint, Last the sequence at which the rebuild ends.
	Seq    uint64 `json:"seq"`
	Last   uint64 `json:"last"`
	Events int    `json:"events"`
	// PerSecond is the rate so far, in sequences.
	PerSecond float64 `json:"events_per_second"`
	// Remaining is how long the rest takes at that rate.
	Remaining time.Duration `json:"-"`
	// RemainingSeconds is Remaining for machines.
	RemainingSeconds float64 `json:"remaining_seconds"`
}
