package cytube

import (
	"sync"
	"time"
)

// State is what a status line wants to know about the line.
type State struct {
	Connected bool
	Joined    bool
	Name      string // as the server spells it, while joined
	Guest     bool
	Server    string // URL of the socket, while connected

	Since     time.Time // when the present session connected, or the last one ended
	LastFrame time.Time // last frame of any sort

	Attempt     int       // attempts since the bot was last in the channel, the present one included
	NextAttempt time.Time // zero unless waiting
	LastReason  string    // why the last session or attempt ended
	LastError   string    // the same for people

	Attempts    uint64 // all attempts
	Joins       uint64 // how many of them got into the channel
	BadFrames   uint64 // frames that could not be read
	Oversized   uint64 // frames beyond 64 MiB, which are not read
	UnknownAcks uint64 // acknowledgements nobody asked for
}

// status is the State behind a lock.
type status struct {
	mu sync.Mutex
	s  State
}

func (st *status) update(f func(*State)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(&st.s)
}

func (st *status) get() State {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s
}
