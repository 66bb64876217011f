package outbound

// The points at which SenderConfig.Crash is called, between two steps that a crash
// could separate.
const (
	CrashClaimed  = "outbound_claimed"
	CrashSending  = "outbound_sending"  // the state is written, the frame is not
	CrashWritten  = "outbound_written"  // the frame is written
	CrashEchoed   = "outbound_echoed"   // the echo is read, the spool does not know
	CrashRecorded = "outbound_recorded" // the outcome is in the spool, the queue does not know
	CrashFinished = "outbound_finished" // the queue knows too
)

// CrashPoints lists the names that SenderConfig.Crash is called with, in the order
// in which a message meets them.
func CrashPoints() []string {
	return []string{CrashClaimed, CrashSending, CrashWritten, CrashEchoed, CrashRecorded, CrashFinished}
}
