package outbound

import (
	"context"
	"errors"
	"fmt"

	"rosey/streams"
)

// Change is one thing seen on the queue.
type Change struct {
	// Message is a message, present or changed.
	Message Message
	// Removed means that a message is gone; only its channel and id are set.
	Removed bool
	// CaughtUp comes once, when all messages were seen that were there.
	CaughtUp bool
	// Restarted means that the bucket was replaced by another or an older one:
	// nothing that was seen counts, and everything comes again.
	Restarted bool
}

// Watcher follows the queue. One goroutine may use it at a time.
type Watcher struct {
	q *Queue
	w *streams.BucketWatcher
}

// Watch follows the messages of a channel, of all where it is empty: first those
// that are there, in the order of their last change, then CaughtUp, then every
// change at once. It survives lost connections; of a message that changed several
// times meanwhile it sees the newest state.
func (q *Queue) Watch(ctx context.Context, channel string) (*Watcher, error) {
	return q.watch(ctx, ofChannel(channel))
}

func (q *Queue) watch(ctx context.Context, filter string) (*Watcher, error) {
	w, err := q.bucket.Watch(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("outbound: watch the queue: %w", err)
	}
	return &Watcher{q: q, w: w}, nil
}

// Next returns what is seen next, waiting for it if need be. The error is ctx's
// own, or one that trying again will not cure, such as streams.ErrNoBucket.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	for {
		u, err := w.w.Next(ctx)
		if err != nil {
			return Change{}, fmt.Errorf("outbound: watch the queue: %w", err)
		}
		switch u.Op {
		case streams.WatchCaughtUp:
			return Change{CaughtUp: true}, nil
		case streams.WatchRestarted:
			return Change{Restarted: true}, nil
		case streams.WatchPut:
			s, err := w.q.read(u.Entry)
			if err == nil {
				return Change{Message: s.Message}, nil
			}
		}
		// The key is gone, or something foreign lies where a message may have been.
		if channel, id, ok := parseKey(u.Key); ok {
			return Change{Removed: true, Message: Message{Channel: channel, ID: id, Revision: u.Revision}}, nil
		}
	}
}

// Close ends the watcher and waits until nothing of it runs.
func (w *Watcher) Close() { w.w.Close() }

// Await returns a message once it is in a final state. The error is ErrNotFound
// where there is none, or it vanished; ctx's own where that did not happen in time.
// A server that goes away meanwhile is waited for.
func (q *Queue) Await(ctx context.Context, channel string, id int64) (m Message, err error) {
	var w *Watcher
	err = persist(ctx, func() error {
		m, err = q.Get(ctx, channel, id)
		if err == nil && !m.State.Final() {
			w, err = q.watch(ctx, keyOf(m.Channel, m.ID))
		}
		if err != nil && !passing(err) {
			return &final{err}
		}
		return err
	})
	if err != nil || w == nil {
		return m, err
	}
	defer w.Close()
	seen := true
	for {
		c, err := w.Next(ctx)
		switch {
		case err != nil:
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				err = fmt.Errorf("outbound: wait for message %d: %w", id, err)
			}
			return Message{}, err
		case c.Restarted:
			seen = false
		case c.Removed, c.CaughtUp && !seen:
			return Message{}, fmt.Errorf("outbound: wait for message %d: %w", id, ErrNotFound)
		case c.CaughtUp:
		case c.Message.State.Final():
			return c.Message, nil
		default:
			seen = true
		}
	}
}
