package outbound

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
)

const (
	// LeaseTime is how long a claim holds.
	LeaseTime = 30 * time.Second
	// KeepFinished is how long a message is kept after it ended.
	KeepFinished = 7 * 24 * time.Hour
)

// QueueConfig says how a queue keeps time. The zero value is good for all but
// tests.
type QueueConfig struct {
	// LeaseTime is how long a claim holds. Default: LeaseTime.
	LeaseTime time.Duration
	// KeepFinished is how long a message is kept after it ended, at least a second.
	// Default: KeepFinished.
	KeepFinished time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger receives what is wrong with the bucket. Default: none.
	Logger *slog.Logger
}

// Queue is the messages of all channels. Safe for concurrent use.
type Queue struct {
	cfg    QueueConfig
	stream *streams.Stream
	bucket *streams.Bucket
	log    *slog.Logger

	foreign atomic.Int64
	mu      sync.Mutex
	told    map[string]uint64 // foreign keys that were logged, with their revision
}

// OpenQueue opens the queue. The error is streams.ErrNoBucket, with the remedy,
// where the bucket was never made.
func OpenQueue(ctx context.Context, s *streams.Stream) (*Queue, error) {
	return QueueConfig{}.Open(ctx, s)
}

// Open is OpenQueue with another way to keep time.
func (c QueueConfig) Open(ctx context.Context, s *streams.Stream) (*Queue, error) {
	bucket, err := s.Bucket(ctx, streams.OutboundBucket)
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	return c.queue(s, bucket), nil
}

func (c QueueConfig) queue(s *streams.Stream, bucket *streams.Bucket) *Queue {
	if c.LeaseTime <= 0 {
		c.LeaseTime = LeaseTime
	}
	if c.KeepFinished <= 0 {
		c.KeepFinished = KeepFinished
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Queue{cfg: c, stream: s, bucket: bucket, log: c.Logger.With("component", "outbound"), told: map[string]uint64{}}
}

// Foreign is how many values were passed over because they are no messages.
func (q *Queue) Foreign() int64 { return q.foreign.Load() }

// passOver counts a foreign value, and tells of it once.
func (q *Queue) passOver(key string, revision uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.told[key] == revision {
		return
	}
	if len(q.told) >= maxTold {
		clear(q.told)
	}
	q.told[key] = revision
	q.foreign.Add(1)
	q.log.Warn("the outbound bucket holds a value that is no message", "subject", key, "seq", revision, "err", err)
}

// maxTold bounds what is remembered of foreign values.
const maxTold = 1000

// maxIDs is how often another id is tried where one was taken.
const maxIDs = 20

// Enqueue queues a message. With a key that was used before it returns what became
// of that request, and true; the error is ErrKeyConflict where that was for
// another message. Other errors are ErrInvalid, and those of streams.Append:
// without a key ErrUncertain means that the message may be queued.
func (q *Queue) Enqueue(ctx context.Context, r Request) (m Message, existed bool, err error) {
	now := q.cfg.Now()
	r, err = r.normal(now)
	if err != nil {
		return Message{}, false, fmt.Errorf("outbound: %w", err)
	}
	for range maxIDs {
		id := newID(now)
		if r.Key != "" {
			id = keyID(r.Channel, r.Key)
		}
		m, existed, err = q.create(ctx, r.message(id, now))
		switch {
		case err != nil:
			return Message{}, false, fmt.Errorf("outbound: enqueue message %d of channel %s: %w", id, r.Channel, err)
		case existed && r.Key == "":
			continue // two chose the same id
		case existed && !r.asks(m):
			return Message{}, false, fmt.Errorf("outbound: message %d of channel %s: %w", id, r.Channel, ErrKeyConflict)
		}
		return m, existed, nil
	}
	return Message{}, false, fmt.Errorf("outbound: enqueue a message of channel %s: no id is free", r.Channel)
}

// create writes a new message, or returns the one that has its key already.
func (q *Queue) create(ctx context.Context, m Message) (Message, bool, error) {
	now := q.cfg.Now()
	write := rand.Text()
	value, err := encode(m, write)
	if err != nil {
		return Message{}, false, err
	}
	key := keyOf(m.Channel, m.ID)
	for attempt := 0; ; attempt++ {
		revision, err := q.bucket.Create(ctx, key, value)
		if err == nil {
			m.Revision, m.Position, m.Changed = revision, revision, now
			return m, false, nil
		}
		if !errors.Is(err, streams.ErrKeyTaken) && (!errors.Is(err, streams.ErrUncertain) || attempt >= maxLooks) {
			return Message{}, false, err
		}
		found, lookErr := q.look(ctx, key)
		switch {
		case lookErr == nil && found.Write == write:
			return found.Message, false, nil // it was stored, and the answer lost
		case lookErr == nil:
			return found.Message, true, nil
		case errors.Is(lookErr, streams.ErrNoKey) && attempt < maxLooks:
			continue
		case errors.Is(lookErr, ErrForeign):
			return Message{}, false, lookErr
		}
		return Message{}, false, err
	}
}

// maxLooks is how often a change is tried whose answer was lost.
const maxLooks = 2

// get reads one key.
func (q *Queue) get(ctx context.Context, key string) (stored, error) {
	e, err := q.bucket.Get(ctx, key)
	if err != nil {
		return stored{}, err
	}
	return q.read(e)
}

// lookPatience is how long a lost connection is waited for, to see whether a change
// was stored whose answer was lost with it.
const lookPatience = 5 * time.Second

// look reads a key after an answer was lost.
func (q *Queue) look(ctx context.Context, key string) (stored, error) {
	ctx, cancel := standstill.WithTimeout(ctx, lookPatience)
	defer cancel()
	for {
		if err := q.bucket.Conn().Connected(ctx); err != nil {
			return stored{}, err
		}
		s, err := q.get(ctx, key)
		if !errors.Is(err, streams.ErrDisconnected) {
			return s, err
		}
	}
}

// read decodes an entry. A foreign one is counted.
func (q *Queue) read(e streams.Entry) (stored, error) {
	s, err := decode(e.Key, e.Value, e.Revision)
	if err != nil {
		q.passOver(e.Key, e.Revision, err)
		return stored{}, err
	}
	s.Changed = e.Time
	return s, nil
}

// Get returns a message; without a channel it is looked for in all of them. The
// error is ErrNotFound, or ErrAmbiguous where several channels have it.
func (q *Queue) Get(ctx context.Context, channel string, id int64) (Message, error) {
	m, err := q.find(ctx, channel, id)
	if err != nil {
		return Message{}, fmt.Errorf("outbound: message %d: %w", id, err)
	}
	return m, nil
}

func (q *Queue) find(ctx context.Context, channel string, id int64) (Message, error) {
	if id <= 0 || id > MaxID {
		return Message{}, ErrNotFound
	}
	if channel != "" {
		s, err := q.get(ctx, keyOf(strings.ToLower(channel), id))
		if errors.Is(err, streams.ErrNoKey) || errors.Is(err, ErrForeign) {
			return Message{}, ErrNotFound
		}
		return s.Message, err
	}
	found, err := q.list(ctx, anyChannel(id))
	switch {
	case err != nil:
		return Message{}, err
	case len(found) == 0:
		return Message{}, ErrNotFound
	case len(found) > 1:
		return Message{}, &AmbiguousError{Channels: channelsOf(found)}
	}
	return found[0], nil
}

// Move takes a message from the state it was seen in to another. change may adapt
// the new value; what identifies the message stays as it is. The error is a
// *StateError where there is no such way, and ErrChanged where the message is no
// longer as it was seen; any other leaves open whether it was moved.
func (q *Queue) Move(ctx context.Context, m Message, to State, change func(*Message)) (Message, error) {
	if !allowed(m, to, q.cfg.Now()) {
		return Message{}, fmt.Errorf("outbound: %w", &StateError{ID: m.ID, Is: m.State, Want: to})
	}
	return q.move(ctx, m, to, change)
}

// move is Move without the check.
func (q *Queue) move(ctx context.Context, m Message, to State, change func(*Message)) (Message, error) {
	next, err := q.replace(ctx, m, q.next(m, to, change))
	if err != nil {
		return Message{}, fmt.Errorf("outbound: move message %d of channel %s from %s to %s: %w", m.ID, m.Channel, m.State, to, err)
	}
	return next, nil
}

// next is a message in its new state.
func (q *Queue) next(m Message, to State, change func(*Message)) Message {
	n := m
	n.State, n.Reason, n.FinishedMS = to, "", 0
	if to == Queued || to.Final() {
		n.LeaseUntilMS = 0
	}
	if to == Queued {
		n.Holder = ""
	}
	if to.Final() {
		n.NextAttemptMS, n.FinishedMS = 0, q.cfg.Now().UnixMilli()
	}
	if change != nil {
		change(&n)
	}
	n.ID, n.Channel, n.Text, n.Recipient, n.Long, n.Key = m.ID, m.Channel, m.Text, m.Recipient, m.Long, m.Key
	n.QueuedMS, n.Position, n.Revision, n.State = m.QueuedMS, m.Position, m.Revision, to
	return n
}

// replace writes a value over the revision it was made from. Where the answer is
// lost it looks.
func (q *Queue) replace(ctx context.Context, m, n Message) (Message, error) {
	write := rand.Text()
	value, err := encode(n, write)
	if err != nil {
		return Message{}, err
	}
	var ttl time.Duration
	if n.State.Final() {
		ttl = q.cfg.KeepFinished
	}
	key := keyOf(m.Channel, m.ID)
	for attempt := 0; ; attempt++ {
		revision, err := q.bucket.Update(ctx, key, value, m.Revision, ttl)
		if err == nil {
			n.Revision, n.Changed = revision, q.cfg.Now()
			return n, nil
		}
		changed := errors.Is(err, streams.ErrRevision)
		if changed && attempt == 0 {
			return Message{}, ErrChanged
		}
		if !changed && (!errors.Is(err, streams.ErrUncertain) || attempt >= maxLooks) {
			return Message{}, err
		}
		found, lookErr := q.look(ctx, key)
		switch {
		case lookErr == nil && found.Write == write:
			return found.Message, nil
		case lookErr == nil && found.Revision == m.Revision:
			continue // it was not stored
		case lookErr == nil, errors.Is(lookErr, streams.ErrNoKey), errors.Is(lookErr, ErrForeign):
			return Message{}, ErrChanged
		}
		return Message{}, err
	}
}

// Claim takes a message that is due, for LeaseTime. The error is a *StateError
// where it is not due, ErrChanged where another was first.
func (q *Queue) Claim(ctx context.Context, m Message, holder string) (Message, error) {
	now := q.cfg.Now()
	if !m.Due(now) {
		return Message{}, fmt.Errorf("outbound: %w", &StateError{ID: m.ID, Is: m.State, Want: Claimed})
	}
	return q.Move(ctx, m, Claimed, func(n *Message) {
		n.Holder, n.LeaseUntilMS, n.Reason = holder, now.Add(q.cfg.LeaseTime).UnixMilli(), m.Reason
	})
}

// Cancel takes a message back that is not being sent. The error is ErrNotFound,
// or a *StateError where it is too late.
func (q *Queue) Cancel(ctx context.Context, channel string, id int64) (Message, error) {
	return q.decide(ctx, channel, id, func(m Message) (Message, error) {
		return q.Move(ctx, m, Cancelled, nil)
	})
}

// Retry queues a message again that failed, was abandoned or whose outcome is
// unknown, with all attempts before it. The error is ErrNotFound, or a *StateError.
func (q *Queue) Retry(ctx context.Context, channel string, id int64) (Message, error) {
	return q.decide(ctx, channel, id, func(m Message) (Message, error) {
		if !retryable[m.State] {
			return Message{}, fmt.Errorf("outbound: %w", &StateError{ID: m.ID, Is: m.State, Want: Queued})
		}
		return q.move(ctx, m, Queued, func(n *Message) {
			n.Attempts, n.Floods, n.Unseen, n.NotBeforeMS, n.NextAttemptMS = 0, 0, 0, 0, 0
			n.SendingMS, n.AfterMS, n.StreamSeq, n.Parts, n.PartsSent = 0, 0, 0, 0, 0
		})
	})
}

// decide applies a person's decision to a message as it is now, again where it
// changed in that moment.
func (q *Queue) decide(ctx context.Context, channel string, id int64, move func(Message) (Message, error)) (Message, error) {
	for attempt := 0; ; attempt++ {
		m, err := q.Get(ctx, channel, id)
		if err != nil {
			return Message{}, err
		}
		if m, err = move(m); !errors.Is(err, ErrChanged) || attempt >= maxDecides {
			return m, err
		}
	}
}

// maxDecides is how often a decision is tried on a message that others move.
const maxDecides = 20
