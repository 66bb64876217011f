package cytube

import (
	"errors"
	"fmt"
)

// Why a frame could not be read.
const (
	UnreadableJSON      = "json"      // an event in broken JSON, or nested too deeply to be passed on
	UnreadablePacket    = "packet"    // no packet of the protocol, or an event that is none of ours
	UnreadableOversized = "oversized" // more than 64 MiB
	UnreadableBinary    = "binary"    // not text: the server has no reason to send it
)

// unreadableError says why a frame is passed over. It quotes nothing of it.
type unreadableError struct {
	bytes  int
	reason string
}

func (e *unreadableError) Error() string {
	return fmt.Sprintf("unreadable frame of %d bytes: %s", e.bytes, e.reason)
}

// mayHoldEvent tells the packets that are known to hold no event, even where
// they cannot be read, from those whose loss has to be told.
func (k packetKind) mayHoldEvent() bool { return k == 0 || k == packetEvent }

// unreadableReason names what parsePacket found wrong.
func unreadableReason(err error) string {
	if errors.Is(err, errBrokenJSON) {
		return UnreadableJSON
	}
	return UnreadablePacket
}

// lost counts a frame that may have been an event, and hands on that it was
// there. It reports whether reading goes on.
func (s *session) lost(e *unreadableError) bool {
	if e.reason == UnreadableOversized {
		s.c.status.update(func(st *State) { st.Oversized++ })
		s.warnBad()
	} else {
		s.bad()
	}
	if !s.connected {
		return true // before the connection stands nothing counts as observed
	}
	return s.push(Unreadable{At: s.lastFrame, Bytes: e.bytes, Reason: e.reason})
}
