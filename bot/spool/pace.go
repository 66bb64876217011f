package spool

import "time"

// pace decides whether the events that wait are sent one after the other or as
// one atomic batch. A batch is synced once whatever is in it, but the server
// stages it in files of its own: where an event costs 0.26 ms a batch costs 4, and
// the first event of it is seen no sooner than the last. On a disk with slow syncs
// it is the other way round from two events on. So both are timed, and the order
// in which they are sent is the same.
type pace struct {
	most          int           // how many are sent one after the other at most
	single, batch time.Duration // what one event, or one batch, took lately; 0 unknown
}

// maxSingly is the most by default, however slow the last batch was.
const maxSingly = 16

// singly says how to send so many events.
func (p *pace) singly(n int) bool {
	switch {
	case n == 1:
		return true
	case n > p.most:
		return false
	case p.single == 0 || p.batch == 0 || time.Duration(n)*p.single <= p.batch:
		return true
	}
	// What was slow once is tried again some time.
	p.single -= p.single / 16
	return false
}

// sent notes how long so many events took one after the other.
func (p *pace) sent(n int, took time.Duration) {
	p.single = recent(p.single, took/time.Duration(n))
}

// batched notes how long a batch took. One that is much larger than what may go
// singly tells nothing: it takes its time for what is in it.
func (p *pace) batched(n int, took time.Duration) {
	if n <= 8*p.most {
		p.batch = recent(p.batch, took)
	}
}

// recent follows what was measured, so that one outlier does not decide.
func recent(before, now time.Duration) time.Duration {
	if before == 0 {
		return max(now, 1)
	}
	return max(before+(now-before)/4, 1)
}
