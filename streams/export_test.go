package streams

import "time"

// AgeSightings makes all leases look as if they had been seen so much earlier.
func (c *Conn) AgeSightings(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.seen {
		s.since = s.since.Add(-d)
		c.seen[key] = s
	}
}

// Feeding reports whether the reader has a connection of its own.
func (r *Reader) Feeding() bool {
	_, ok := r.pull.(*feed)
	return ok
}

// WaitForLeader changes how long questions wait for one.
func (c *Conn) WaitForLeader(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaderWait = limit
}
