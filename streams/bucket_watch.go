package streams

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// WatchOp says what an Update is about.
type WatchOp int

// What can be seen on a bucket.
const (
	// WatchPut is a value, present or new.
	WatchPut WatchOp = iota + 1
	// WatchRemoved is the end of a key: somebody deleted it, or its time was over.
	// A key that Remove erased ends without it.
	WatchRemoved
	// WatchCaughtUp comes once all values were delivered that were there.
	WatchCaughtUp
	// WatchRestarted means that the bucket was replaced by another, or by an older
	// state of itself: nothing that was seen counts, and all values come again.
	WatchRestarted
)

// Update is one thing seen on a bucket.
type Update struct {
	Op WatchOp
	Entry
}

// BucketWatcher follows a bucket: first all its values, then every change. It
// survives lost connections and restarted servers by going on after the last
// revision; of a key that changed several times meanwhile it sees the newest value.
// One goroutine may use it at a time.
type BucketWatcher struct {
	b      *Bucket
	filter string // subjects

	created   time.Time // of the bucket that was seen last
	last      uint64    // the last revision seen
	caught    bool      // WatchCaughtUp was delivered
	restarted bool      // WatchRestarted is to be delivered

	cons     jetstream.Consumer
	pull     *pull
	delivery uint64
	left     uint64              // values that were there when the consumer was made, and are still to come
	there    uint64              // the last revision then, as the leader had it
	copies   int                 // of the bucket
	missing  uint64              // values that were there when the consumer was made, and did not come
	unsure   bool                // an earlier consumer was given up before all values had come
	seen     map[string]struct{} // keys, until all values have come
	attempt  int
	stall    stall
	closed   bool
}

// Watch follows the keys that match a filter, such as "channel.*"; an empty one
// stands for all. The error is ErrNoBucket where there is nothing to follow.
func (b *Bucket) Watch(ctx context.Context, filter string) (*BucketWatcher, error) {
	if filter == "" {
		filter = ">"
	}
	w := &BucketWatcher{b: b, filter: b.subject(filter)}
	if err := w.open(ctx); err != nil {
		return nil, fmt.Errorf("streams: watch bucket %s: %w", b.name, err)
	}
	return w, nil
}

// List returns the present values of the keys that match a filter, by revision.
func (b *Bucket) List(ctx context.Context, filter string) ([]Entry, error) {
	w, err := b.Watch(ctx, filter)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	present := map[string]Entry{}
	for {
		u, err := w.Next(ctx)
		if err != nil {
			return nil, err
		}
		switch u.Op {
		case WatchCaughtUp:
			return slices.SortedFunc(maps.Values(present), func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) }), nil
		case WatchPut:
			present[u.Key] = u.Entry
		case WatchRemoved:
			delete(present, u.Key)
		case WatchRestarted:
			clear(present)
		}
	}
}

// open makes the consumer behind the watcher.
func (w *BucketWatcher) open(ctx context.Context) error {
	c := w.b.c
	lost := c.disconnected()
	info, err := c.bucketInfo(ctx, w.b.name)
	if err != nil {
		return err
	}
	if !w.created.IsZero() && (!info.Created.Equal(w.created) || info.State.LastSeq < w.last) {
		w.restarted, w.last, w.caught, w.stall = true, 0, false, stall{}
		w.unsure, w.seen = false, nil
	}
	w.created, w.there, w.copies = info.Created, info.State.LastSeq, info.Config.Replicas
	lctx, req := c.call(ctx)
	defer req.end()
	cons, err := c.js.CreateConsumer(lctx, bucketStream(w.b.name), jetstream.ConsumerConfig{
		Name: "watcher-" + nuid.Next(),
		// One value is kept of each key, so that this is the newest of each.
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       w.last + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     w.filter,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("create watcher: %w", req.explain(err))
	}
	p, err := c.startPull(cons, minInFlight, lost)
	if err != nil {
		return fmt.Errorf("start watcher: %w", err)
	}
	w.unsure = w.unsure || w.last > 0
	w.cons, w.pull, w.delivery, w.left = cons, p, 0, cons.CachedInfo().NumPending
	w.missing = w.left
	w.stall.now = time.Time{}
	return nil
}

// quietLimit is how long nothing may come of the values that were there before
// the server is asked for them: some may have been erased on the way.
const quietLimit = 500 * time.Millisecond

// Next returns what is seen next, waiting for it if need be. The error is ctx's
// own, or one that trying again will not cure, such as ErrNoBucket or
// ErrPermission. It is ErrUnreadable where the server answers and does not deliver a
// value that is there.
func (w *BucketWatcher) Next(ctx context.Context) (Update, error) {
	u, err := w.next(ctx)
	if err != nil {
		return Update{}, fmt.Errorf("streams: watch bucket %s: %w", w.b.name, err)
	}
	return u, nil
}

func (w *BucketWatcher) next(ctx context.Context) (Update, error) {
	for {
		if w.closed {
			return Update{}, ErrDeliveryStopped
		}
		if w.pull == nil {
			if err := w.reopen(ctx); err != nil {
				return Update{}, err
			}
		}
		if w.restarted {
			w.restarted = false
			return Update{Op: WatchRestarted}, nil
		}
		if !w.caught && w.left == 0 {
			err := w.whole(ctx)
			if err == nil {
				err = w.passedOver(ctx)
			}
			switch {
			case err == nil:
				w.caught, w.seen = true, nil
				return Update{Op: WatchCaughtUp}, nil
			case ctx.Err() != nil:
				return Update{}, ctx.Err()
			case errors.Is(err, ErrUnreadable), errors.Is(err, ErrPermission):
				return Update{}, err
			default:
				w.b.c.log.Debug("watcher has not seen everything", "stream", bucketStream(w.b.name), "seq", w.last, "err", err)
				w.gaveNothing(err)
				w.drop() // another consumer, perhaps of another replica
				continue
			}
		}
		raw, err := w.pullNext(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return Update{}, ctx.Err()
			}
			if errors.Is(err, context.DeadlineExceeded) {
				w.recount(ctx)
				continue
			}
			if errors.Is(err, ErrDisconnected) {
				w.stall = stall{} // it is the line that delivers nothing
			}
			w.b.c.log.Debug("watcher lost its consumer", "stream", bucketStream(w.b.name), "seq", w.last, "err", err)
			w.drop()
			continue
		}
		m, err := toMessage(raw)
		if err != nil {
			return Update{}, err
		}
		if m.delivery != w.delivery+1 || m.Seq <= w.last {
			w.b.c.log.Debug("watcher lost a message", "stream", bucketStream(w.b.name), "seq", w.last)
			w.drop()
			continue
		}
		w.delivery, w.last, w.attempt = m.delivery, m.Seq, 0
		if w.stall.quiet {
			w.stall = stall{}
		}
		w.left = min(max(w.left, 1)-1, m.Pending)
		u := Update{Op: WatchPut, Entry: Entry{
			Key: strings.TrimPrefix(m.Subject, w.b.prefix()), Value: m.Data, Revision: m.Seq, Time: m.Time,
		}}
		if isMarker(m.Header) {
			u.Op = WatchRemoved
		}
		w.count(u.Entry)
		return u, nil
	}
}

// whole is an error where more was there than the consumer has delivered.
func (w *BucketWatcher) whole(ctx context.Context) error {
	if w.copies < 2 || w.last >= w.there {
		return nil
	}
	m, err := w.b.c.storedFrom(ctx, bucketStream(w.b.name), w.last+1, []string{w.filter})
	if err == nil && m.Seq > 0 && m.Seq <= w.there {
		err = errBehind
	}
	return err
}

// count notes what has come of the values that were there. What was written since does
// not make up for one that did not come.
func (w *BucketWatcher) count(e Entry) {
	if w.caught {
		return
	}
	if e.Revision <= w.there && w.missing > 0 {
		w.missing--
	}
	if w.seen == nil {
		w.seen = map[string]struct{}{}
	}
	w.seen[e.Key] = struct{}{}
}

// passedOver is an error where the server has passed over a value that it holds, which it
// does in silence where it cannot read it. Most often there is nothing to ask: all came
// that was there.
func (w *BucketWatcher) passedOver(ctx context.Context) error {
	if w.missing == 0 && !w.unsure {
		return nil
	}
	keys, _, err := w.b.held(ctx, w.filter)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, came := w.seen[key]; came {
			continue
		}
		switch _, _, err := w.b.last(ctx, key); {
		case err == nil: // it came meanwhile
		case !errors.Is(err, ErrNoKey):
			return err
		default:
			if err := w.b.hidden(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// pullNext waits for a message, and while there should be one not for ever.
func (w *BucketWatcher) pullNext(ctx context.Context) (jetstream.Msg, error) {
	if w.caught {
		return w.pull.next(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, quietLimit)
	defer cancel()
	return w.pull.next(limited)
}

// recount asks how many of the values that were there are still to come.
func (w *BucketWatcher) recount(ctx context.Context) {
	ctx, req := w.b.c.call(ctx)
	defer req.end()
	info, err := w.cons.Info(ctx)
	switch {
	case err != nil:
		w.drop()
	case info.NumPending == 0 && info.Delivered.Consumer <= w.delivery:
		w.left = 0
	case info.Delivered.Consumer == w.delivery:
		w.stall.begin(quietLimit)
		if time.Since(w.stall.now) >= w.b.c.patience/stallTries {
			w.gaveNothing(errBehind)
			w.drop()
		}
	}
}

// gaveNothing counts the present consumer as one that does not deliver what is stored,
// where the error says so.
func (w *BucketWatcher) gaveNothing(err error) {
	var hidden *hiddenError
	if !errors.Is(err, errBehind) && !errors.As(err, &hidden) {
		return
	}
	w.stall.begin(0)
	w.stall.gaveNothing(w.cons)
}

// unreadable is an error once consumers have delivered nothing for too long of what the
// bucket holds.
func (w *BucketWatcher) unreadable(ctx context.Context) error {
	err := w.stall.over(ctx, w.b.c, bucketStream(w.b.name), w.last, w.there, []string{w.filter})
	var lost *UnreadableError
	if errors.As(err, &lost) {
		lost.Bucket = w.b.name
		w.stall = stall{} // whoever asks again waits as long again
	}
	return err
}

// reopen makes another consumer after the last revision, as soon as there is a
// server, with growing pauses where that fails.
func (w *BucketWatcher) reopen(ctx context.Context) error {
	for {
		if err := pause(ctx, w.attempt); err != nil {
			return err
		}
		w.attempt++
		if err := w.b.c.Connected(ctx); err != nil {
			return err
		}
		if err := w.unreadable(ctx); err != nil {
			return err
		}
		err := w.open(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrPermission), errors.Is(err, ErrNoBucket), w.b.c.nc.IsClosed():
			return err
		}
		w.b.c.log.Debug("watcher cannot resume yet", "stream", bucketStream(w.b.name), "seq", w.last, "attempt", w.attempt, "err", err)
	}
}

// drop gives up the consumer.
func (w *BucketWatcher) drop() {
	if w.pull == nil {
		return
	}
	w.pull.stop()
	w.pull = nil
	if w.b.c.nc.IsConnected() {
		// A courtesy: the server removes it by itself after a minute.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = w.b.c.js.DeleteConsumer(ctx, bucketStream(w.b.name), w.cons.CachedInfo().Name)
	}
}

// Close ends the watcher and waits until nothing of it runs.
func (w *BucketWatcher) Close() {
	w.closed = true
	w.drop()
}
