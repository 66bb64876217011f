package replay

// The points at which Config.Crash is called, beside those of the projector's
// Applier.
const (
	crashBeforeFinish = "replay.before_finish" // the rows are there, the late indexes are not
	crashBeforeSwap   = "replay.before_swap"
	crashAfterSwap    = "replay.after_swap"
)

// CrashPoints lists the names that Config.Crash is called with at a rebuild's own
// steps; between them lie those of projector.CrashPoints that belong to a batch.
func CrashPoints() []string { return []string{crashBeforeFinish, crashBeforeSwap, crashAfterSwap} }
