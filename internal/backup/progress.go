package backup

// What a backup or a restore is doing.
const (
	PhaseSpools   = "spools"
	PhaseQueue    = "queue"
	PhaseDatabase = "database"
	PhaseStream   = "stream"
	PhaseVerify   = "verify"
	PhaseDone     = "done"
)

// Progress says how far a backup or a restore is.
type Progress struct {
	Phase string `json:"phase"`
	// Bytes is how many were written or read in this phase, Total how many it will
	// be: an upper bound while a stream is copied, 0 where that is unknown.
	Bytes int64 `json:"bytes"`
	Total int64 `json:"total"`
}

// teller tells of the progress of one phase.
func teller(tell func(Progress), phase string, total int64) func(n int64) {
	if tell == nil {
		return nil
	}
	tell(Progress{Phase: phase, Total: total})
	return func(n int64) { tell(Progress{Phase: phase, Bytes: n, Total: total}) }
}
