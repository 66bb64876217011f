package outbound

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// board is what a service knows of the queue without asking: the messages that are
// not over, and who waits for the end of one. It follows the bucket, so that a
// question asked every second does not read a week of messages each time.
type board struct {
	mu      sync.Mutex
	open    map[string]Message // by key, those in no final state
	seen    uint64             // the greatest revision seen
	missing uint64             // a last revision that did not come: it was erased
	caught  bool
	moved   chan struct{} // closed at the next change, then replaced
	waiting map[string][]chan struct{}
}

func newBoard() *board {
	return &board{open: map[string]Message{}, moved: make(chan struct{}), waiting: map[string][]chan struct{}{}}
}

// follow keeps the board as the queue is, until the context ends or nothing can be
// followed any more.
func (b *board) follow(ctx context.Context, q *Queue) error {
	b.reset()
	defer b.reset()
	w, err := q.Watch(ctx, "")
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		c, err := w.Next(ctx)
		if err != nil {
			return err
		}
		b.note(c)
	}
}

// reset forgets everything; until the board has caught up it answers nothing.
func (b *board) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.open)
	b.seen, b.missing, b.caught = 0, 0, false
	b.wake("")
}

func (b *board) note(c Change) {
	if c.Restarted {
		b.reset()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.CaughtUp {
		b.caught = true
		b.wake("")
		return
	}
	key := keyOf(c.Message.Channel, c.Message.ID)
	b.seen = max(b.seen, c.Message.Revision)
	if c.Removed || c.Message.State.Final() {
		delete(b.open, key)
	} else {
		b.open[key] = c.Message
	}
	b.wake(key)
}

// wake tells those who wait for a change, and those who wait for one of a key; all
// of them where it is empty. The caller holds b.mu.
func (b *board) wake(key string) {
	close(b.moved)
	b.moved = make(chan struct{})
	for k, list := range b.waiting {
		if key != "" && k != key {
			continue
		}
		for _, c := range list {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// boardPatience is how long a question waits for the board to have seen what was
// written before it.
const boardPatience = 100 * time.Millisecond

// upTo waits until the board has seen a revision. It reports false where it does
// not come.
func (b *board) upTo(ctx context.Context, revision uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, boardPatience)
	defer cancel()
	for {
		b.mu.Lock()
		done, moved := b.caught && (b.seen >= revision || b.missing == revision), b.moved
		b.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.caught {
				b.missing = revision
			}
			return b.caught
		}
	}
}

// unfinished returns the messages that are not over, by position.
func (b *board) unfinished() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.open), byPosition)
}

// attend returns a channel on which each change of a key is told, and what ends that.
func (b *board) attend(key string) (changed <-chan struct{}, leave func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[key] = append(b.waiting[key], c)
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		rest := slices.DeleteFunc(b.waiting[key], func(other chan struct{}) bool { return other == c })
		if len(rest) == 0 {
			delete(b.waiting, key)
			return
		}
		b.waiting[key] = rest
	}
}
