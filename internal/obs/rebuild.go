package obs

import "rosey/replay"

// The metrics of rebuilds. Those of the last one stay until there is another.
var (
	rebuildRunning    = gauge("rosey_rebuild_running", "1 while other tables are being made.")
	rebuildFailed     = gauge("rosey_rebuild_failed", "1 where the last rebuild came to nothing.")
	rebuildSeq        = gauge("rosey_rebuild_seq", "How far the new tables are.")
	rebuildLastSeq    = gauge("rosey_rebuild_last_seq", "Where they are to be before they are caught up.")
	rebuildEvents     = gauge("rosey_rebuild_events", "Events applied to them.")
	rebuildPerSecond  = gauge("rosey_rebuild_events_per_second", "Rate of the rebuild so far.")
	rebuildRemaining  = gauge("rosey_rebuild_remaining_seconds", "How long the rest takes at that rate.")
	rebuildElapsed    = gauge("rosey_rebuild_elapsed_seconds", "How long it has taken so far, or took.")
	rebuildMemory     = gauge("rosey_rebuild_memory_bytes", "What the process held in memory as it was last told; 0 where that is not known.")
	rebuildStartedSec = gauge("rosey_rebuild_started_timestamp_seconds", "When it began.")
)

// rebuild tells zeros where there has been none.
func rebuild(w replay.Work, tell func(metric, float64)) {
	p := w.Progress
	tell(rebuildRunning, flag(w.Running))
	tell(rebuildFailed, flag(w.Error != ""))
	tell(rebuildSeq, float64(p.Seq))
	tell(rebuildLastSeq, float64(p.Last))
	tell(rebuildEvents, float64(p.Events))
	tell(rebuildPerSecond, p.PerSecond)
	tell(rebuildRemaining, p.RemainingSeconds)
	tell(rebuildElapsed, p.ElapsedSeconds)
	tell(rebuildMemory, float64(p.MemoryBytes))
	tell(rebuildStartedSec, float64(w.StartedMS)/1000)
}
