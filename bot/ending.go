package bot

import "time"

// An orderly end takes these steps one after the other. No step waits for longer
// than its limit, in which only the time counts that the program ran, so all of
// them together leave a server that is embedded enough of ten seconds to end. What one
// of the recorder's steps leaves of its time is for the next one.
const (
	// SpeakLimit is for the line on its way to the channel. The recorder is stopped
	// after that.
	SpeakLimit = 2 * time.Second
	// commitLimit is for the line to close, and for the disk to take what was read.
	commitLimit = 2 * time.Second
	// stoppedLimit is for the disk to take bot.stopped.
	stoppedLimit = time.Second
	// settleLimit is for the spool to drain.
	settleLimit = 1500 * time.Millisecond
	// handBackLimit is for the lease to be given back, and for the heartbeat to be
	// ended, while the spool drains.
	handBackLimit = 1500 * time.Millisecond

	// EndLimit is for all of it.
	EndLimit = SpeakLimit + commitLimit + stoppedLimit + max(settleLimit, handBackLimit)
)
