package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rosey/schema"
	"rosey/streams"
)

// Status is how far a projector is, and what hinders it. Times of the stream are
// by its server's clock, all others by this process's.
type Status struct {
	// Path is the database file that is open.
	Path       string
	Checkpoint schema.Checkpoint
	// StreamSeq is the stream's last sequence as far as deliveries told, or the
	// stream itself when it was last asked, every ten seconds.
	StreamSeq uint64
	// Lag is how many events are yet to come, at most.
	Lag uint64
	// LagUnknown says that nobody can be asked how far the stream goes: Lag is what
	// was known before.
	LagUnknown bool
	// Oldest is when the stream stored the oldest message that is known and not
	// projected. It is zero when there is none.
	Oldest time.Time
	// Applied counts since the start of the process.
	Applied Applied
	// Commits counts transactions since then; LastCommit is when the last one
	// ended, zero before the first.
	Commits    uint64
	LastCommit time.Time

	// Running says that Run is at work.
	Running bool
	// Trouble is what interrupts the projection now, nil when it runs.
	Trouble error
	// TroubleSince is when the interruption began; zero when it runs.
	TroubleSince time.Time
	// LastError is the last trouble there was, also when it is over, and
	// LastErrorAt when it was met.
	LastError   error
	LastErrorAt time.Time
	// Interruptions counts how often the projection had to begin again from its
	// checkpoint, Resets those of them where order could not be proven.
	Interruptions uint64
	Resets        uint64
	// Reopened counts how often another database file was found in place of the
	// open one.
	Reopened uint64

	// DeadLetters is what the database holds of them.
	DeadLetters DeadLetters
}

// DeadLetters sums up the table dead_letters.
type DeadLetters struct {
	Count uint64
	// FirstSeq is the oldest one's sequence, Oldest when the stream stored it.
	FirstSeq uint64
	Oldest   time.Time
}

// LagTime is how long the oldest message that is not projected has waited; zero
// when there is none.
func (s Status) LagTime(now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(s.Oldest), 0)
}

func countDeadLetters(ctx context.Context, q schema.Queryer) (DeadLetters, error) {
	var d DeadLetters
	var oldest int64
	err := q.QueryRowContext(ctx, `SELECT count(*), coalesce(min(seq), 0), coalesce(min(stream_time_ms), 0) FROM dead_letters`).
		Scan(&d.Count, &d.FirstSeq, &oldest)
	if err != nil {
		return d, fmt.Errorf("projector: count dead letters: %w", err)
	}
	if d.Count > 0 {
		d.Oldest = time.UnixMilli(oldest)
	}
	return d, nil
}

// status is the projector's own state as others may see it.
type status struct {
	mu      sync.Mutex
	s       Status
	writing bool // the trouble is that a batch cannot be written
	changed chan struct{}
	opened  schema.Opened
}

// open begins with a database; counters go on.
func (s *status) open(o schema.Opened, c schema.Checkpoint, dead DeadLetters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = o
	s.s.Path, s.s.Checkpoint, s.s.DeadLetters = o.Path, c, dead
	s.s.StreamSeq, s.s.Oldest = max(s.s.StreamSeq, c.Seq), time.Time{}
	s.s.Lag = streams.Lag(s.s.StreamSeq, c.Seq)
	s.wake()
}

// reopened says that the open file is given up. One that is whole still answers
// those who read it, until there is another.
func (s *status) reopened(whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Reopened++
	s.opened.Current = false
	if !whole {
		s.opened = schema.Opened{}
	}
}

// closed says that no file is open.
func (s *status) closed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = schema.Opened{}
}

// wake tells those who wait. The caller holds mu.
func (s *status) wake() {
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

func (s *status) running() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Running = true
}

func (s *status) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Running = false
}

// delivering says that messages come again, as far as the server is concerned.
// What an earlier delivery brought comes again or is gone, such as from a stream
// that was restored meanwhile; what could not be written is still owed.
func (s *status) delivering() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.LagUnknown = false
	if !s.writing {
		s.s.Trouble, s.s.TroubleSince = nil, time.Time{}
		s.s.Oldest = time.Time{}
	}
}

// reaches notes how far the stream goes, as it says itself: one that was restored
// ends before what was known of it.
func (s *status) reaches(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.StreamSeq = max(seq, s.s.Checkpoint.Seq)
	s.s.Lag = streams.Lag(s.s.StreamSeq, s.s.Checkpoint.Seq)
}

// waits notes the first message of a batch.
func (s *status) waits(m streams.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Oldest = m.Time
	s.s.StreamSeq = max(s.s.StreamSeq, m.Seq+m.Pending)
	s.s.Lag = streams.Lag(s.s.StreamSeq, s.s.Checkpoint.Seq)
}

func (s *status) applied(c schema.Checkpoint, streamSeq uint64, res Applied) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Checkpoint = c
	s.s.Trouble, s.s.TroubleSince, s.writing = nil, time.Time{}, false
	s.s.StreamSeq = max(s.s.StreamSeq, streamSeq)
	s.s.Lag, s.s.Oldest = streams.Lag(s.s.StreamSeq, c.Seq), time.Time{}
	s.s.Commits++
	s.s.LastCommit = time.Now()
	a := &s.s.Applied
	a.Events += res.Events
	a.Redelivered += res.Redelivered
	a.Duplicates += res.Duplicates
	a.DeadLetters += res.DeadLetters
	if d := &s.s.DeadLetters; res.DeadLetters > 0 {
		if d.Count == 0 {
			d.FirstSeq, d.Oldest = res.firstDead, res.firstDeadTime
		}
		d.Count += uint64(res.DeadLetters)
	}
	s.wake()
}

func (s *status) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.s.Trouble == nil {
		s.s.TroubleSince = now
	}
	s.s.Trouble, s.s.LastError, s.s.LastErrorAt = err, err, now
	s.s.Interruptions++
	if errors.Is(err, ErrNotContiguous) {
		s.s.Resets++
	}
	var unwritten *writeError
	if errors.As(err, &unwritten) {
		s.writing = true // and the stream said what there is to write
	} else {
		s.s.LagUnknown = true
	}
}

// Status returns the present state.
func (p *Projector) Status() Status {
	p.status.mu.Lock()
	defer p.status.mu.Unlock()
	return p.status.s
}

// Database returns the file that is open, for those who read it beside the
// projector in this process. They close what they opened before Close is called.
func (p *Projector) Database() schema.Opened {
	p.status.mu.Lock()
	defer p.status.mu.Unlock()
	return p.status.opened
}

// Delay returns how many events are yet to come, at most, and how long the oldest
// of them has waited. It is not known where nobody can be asked how far the
// stream goes.
func (p *Projector) Delay(now time.Time) (events uint64, waited time.Duration, known bool) {
	s := p.Status()
	return s.Lag, s.LagTime(now), !s.LagUnknown
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
