package projector

import (
	"context"
	"sync"

	"rosey/schema"
	"rosey/streams"
)

// Status is how far a projector is.
type Status struct {
	Checkpoint schema.Checkpoint
	// StreamSeq is the stream's last sequence as far as deliveries told.
	StreamSeq uint64
	// Lag is how many events are yet to come, at most.
	Lag uint64
	// Applied counts since the start of the process.
	Applied Applied
	// Trouble is what interrupts the projection now, nil when it runs.
	Trouble error
}

// status is the projector's own state as others may see it.
type status struct {
	mu      sync.Mutex
	s       Status
	changed chan struct{}
}

func (s *status) start(c schema.Checkpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s = Status{Checkpoint: c, StreamSeq: c.Seq}
	s.changed = make(chan struct{})
}

func (s *status) applied(c schema.Checkpoint, streamSeq uint64, res Applied) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Checkpoint, s.s.Trouble = c, nil
	s.s.StreamSeq = max(s.s.StreamSeq, streamSeq)
	s.s.Lag = streams.Lag(s.s.StreamSeq, c.Seq)
	a := &s.s.Applied
	a.Events += res.Events
	a.Redelivered += res.Redelivered
	a.Duplicates += res.Duplicates
	a.DeadLetters += res.DeadLetters
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *status) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Trouble = err
}

// Status returns the present state.
func (p *Projector) Status() Status {
	p.status.mu.Lock()
	defer p.status.mu.Unlock()
	return p.status.s
}

// WaitFor waits until the stream sequence is committed in the database.
func (p *Projector) WaitFor(ctx context.Context, seq uint64) error {
	for {
		p.status.mu.Lock()
		at, changed := p.status.s.Checkpoint.Seq, p.status.changed
		p.status.mu.Unlock()
		if at >= seq {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
