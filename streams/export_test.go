package streams

import (
	"context"
	"time"
)

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

// lossy is a puller that goes wrong once.
type lossy struct {
	puller
	wrong func(Message, error) (Message, error, bool)
}

func (l *lossy) next(ctx context.Context) (Message, error) {
	for {
		m, err := l.puller.next(ctx)
		if m, err, ok := l.wrong(m, err); ok {
			return m, err
		}
	}
}

// LoseDelivered has the reader miss a message that the server has sent, and nobody says so.
func (r *Reader) LoseDelivered(seq uint64) {
	r.pull = &lossy{r.pull, func(m Message, err error) (Message, error, bool) { return m, err, err != nil || m.Seq != seq }}
}

// LoseLine has the reader lose its line when nothing has come for that long, of several
// consumers.
func (r *Reader) LoseLine(stalled time.Duration) {
	r.stall = stall{quiet: true, since: time.Now().Add(-stalled), tries: 5, at: r.last + 1}
	r.pull = &lossy{r.pull, func(Message, error) (Message, error, bool) { return Message{}, ErrDisconnected, true }}
}

// AskForAll lists the values as if none of them had come.
func (b *Bucket) AskForAll(ctx context.Context, filter string) error {
	w := &BucketWatcher{b: b, filter: b.subject(filter), unsure: true}
	return w.passedOver(ctx)
}
