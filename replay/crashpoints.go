package replay

// The points at which Config.Crash is called, beside those of the projector's
// Applier.
const (
	crashBeforeMark     = "replay.before_mark"      // interrupted: the file is closed, and nothing says that it can be gone on with
	crashBeforeFinish   = "replay.before_finish"    // the rows are there, the late indexes are not
	crashBeforeCatchUp  = "replay.before_catch_up"  // beside a running projector: the file is whole
	crashBeforeHandOver = "replay.before_hand_over" // the projector stands still, the other one is not as far yet
	crashBeforeSwap     = "replay.before_swap"
	crashAfterSwap      = "replay.after_swap"
	crashAfterHandOver  = "replay.after_hand_over" // the projector has the other one, older ones are still there
)

// CrashPoints lists the names that Config.Crash is called with at the steps of a
// rebuild beside a running projector, in their order; one that nobody projects
// beside comes by some of them. Between them lie those of projector.CrashPoints
// that belong to a batch. An interrupted one comes by replay.before_mark, where it
// ends.
func CrashPoints() []string {
	return []string{crashBeforeFinish, crashBeforeCatchUp, crashBeforeHandOver, crashBeforeSwap, crashAfterSwap, crashAfterHandOver}
}
