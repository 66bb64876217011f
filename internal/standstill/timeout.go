package standstill

import (
	"context"
	"sync"
	"time"
)

const (
	// parts is how many pieces a limit is counted in. A piece that ends late is
	// counted again.
	parts = 5

	// tolerance is how late the end of a piece may be: a busy machine is no
	// stopped one.
	tolerance = 250 * time.Millisecond

	// pardons bounds how often that happens: a limit ends, however starved the
	// machine.
	pardons = 20
)

// WithTimeout is context.WithTimeout for a limit that time does not use up in which
// this program did not run. The context's Deadline is the earliest at which the
// limit can be over.
func WithTimeout(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	c := &limited{Context: parent, done: make(chan struct{}), piece: limit / parts, left: parts, pardons: pardons}
	c.by = time.Now().Add(limit)
	if by, ok := parent.Deadline(); ok && by.Before(c.by) {
		c.by = by
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = context.AfterFunc(parent, func() { c.end(parent.Err()) })
	c.due = time.Now().Add(c.piece)
	c.timer = time.AfterFunc(c.piece, func() { c.tick(time.Now()) })
	if err := parent.Err(); err != nil {
		c.endLocked(err) // at once, as the standard library's
	}
	return c, func() { c.end(context.Canceled) }
}

// limited is a context that ends with its parent, or when its pieces are counted.
type limited struct {
	context.Context // its parent, for the values

	done  chan struct{}
	by    time.Time
	piece time.Duration

	mu      sync.Mutex
	err     error
	stop    func() bool
	timer   *time.Timer
	due     time.Time // when the current piece ends
	left    int       // pieces, the current one among them
	pardons int
}

// Deadline implements context.Context.
func (c *limited) Deadline() (time.Time, bool) { return c.by, true }

// Done implements context.Context.
func (c *limited) Done() <-chan struct{} { return c.done }

// Err implements context.Context.
func (c *limited) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// tick counts the piece that ended.
func (c *limited) tick(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if now.Sub(c.due) > tolerance && c.pardons > 0 {
		c.pardons--
	} else {
		c.left--
	}
	if c.left <= 0 {
		c.endLocked(context.DeadlineExceeded)
		return
	}
	c.due = now.Add(c.piece)
	c.timer.Reset(c.piece)
}

func (c *limited) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.endLocked(err)
	}
}

func (c *limited) endLocked(err error) {
	c.err = err
	c.stop()
	c.timer.Stop()
	close(c.done)
}
