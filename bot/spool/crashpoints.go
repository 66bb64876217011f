package spool

// CrashPoints lists the names that Config.Crash is called with, in the order in
// which an event meets them.
func CrashPoints() []string {
	return []string{
		CrashPutBeforeCommit, CrashPutAfterCommit,
		CrashDrainBeforePublish, CrashDrainAfterPublish, CrashDrainBeforeDelete, CrashDrainAfterDelete,
	}
}
