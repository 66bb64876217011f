package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// ReadOptions says what to read.
type ReadOptions struct {
	// From is the first sequence. Default 1.
	From uint64
	// Since is when the first message was stored at the earliest. Default: at any time.
	// It does not go with From.
	Since time.Time
	// UpTo is the last sequence; Next returns io.EOF after it. Default: follow for
	// ever.
	UpTo uint64
	// StopAtEnd sets UpTo to the stream's last sequence at opening time.
	StopAtEnd bool
	// InFlight bounds the messages on their way: 256 to 50,000. Default 20,000.
	InFlight int
	// Subjects narrows what is read. Default: everything. Keep it to few: filters
	// over many subjects are slow.
	Subjects []string
	// HeadersOnly leaves the data on the server.
	HeadersOnly bool
	// NoHeaders leaves out all headers; a message's id stays. Together with an end
	// that is stored already it is the fastest way to read.
	NoHeaders bool
}

// Reader reads the stream in order without acknowledging anything. It survives
// lost connections and restarted servers by going on after the last message.
// One goroutine may use it at a time.
type Reader struct {
	s    *Stream
	opts ReadOptions

	end   uint64 // last sequence to return, 0 for none
	there bool   // end was stored already when the reader was opened
	last  uint64 // last sequence returned, or From-1

	cons     jetstream.Consumer
	pull     puller
	plain    bool   // no feed any more
	delivery uint64 // last delivery of this consumer
	done     bool
	attempt  int
	stall    stall
}

// quietFor is how long nothing may come of what is stored until the server is asked
// whether anything will: what was not delivered yet may have been erased, and who
// asks a consumer that is gone may hear nothing.
const quietFor = time.Second

// errQuiet means that a puller waited for so long. It goes on when asked again.
var errQuiet = errors.New("nothing was delivered for a while")

// puller receives what a consumer delivers, in order, until something goes wrong.
type puller interface {
	next(ctx context.Context) (Message, error)
	stop()
}

// pulled is a pull whose messages are read.
type pulled struct{ *pull }

func (p pulled) next(ctx context.Context) (Message, error) {
	raw, err := p.pull.next(ctx)
	if err != nil {
		return Message{}, err
	}
	return toMessage(raw)
}

// Reader opens a reader. The error is ErrBeyondEnd when From is more than one
// after the last sequence.
func (s *Stream) Reader(ctx context.Context, o ReadOptions) (*Reader, error) {
	r, err := s.reader(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("streams: read stream %s from seq=%d: %w", StreamName, o.From, err)
	}
	return r, nil
}

func (s *Stream) reader(ctx context.Context, o ReadOptions) (*Reader, error) {
	o.From = max(o.From, 1)
	if o.InFlight <= 0 {
		o.InFlight = 20_000
	}
	state, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	if o.From > state.LastSeq+1 {
		return nil, fmt.Errorf("%w: last seq=%d", ErrBeyondEnd, state.LastSeq)
	}
	r := &Reader{s: s, opts: o, end: o.UpTo, last: o.From - 1}
	if o.StopAtEnd && (o.UpTo == 0 || o.UpTo > state.LastSeq) {
		r.end = state.LastSeq
	}
	r.there = r.end > 0 && r.end <= state.LastSeq
	if r.ended(o.StopAtEnd && state.LastSeq == 0) {
		return r, nil
	}
	switch err := s.c.withLeader(ctx, r.open); {
	case errors.Is(err, errBehind):
		r.attempt++ // Next tries again
	case err != nil:
		return nil, err
	}
	return r, nil
}

// ended notes that nothing is left to return.
func (r *Reader) ended(nothing bool) bool {
	r.done = r.done || nothing || r.end > 0 && r.last >= r.end
	return r.done
}

// open creates the consumer behind the reader.
func (r *Reader) open(ctx context.Context) error {
	lost := r.s.c.disconnected()
	lctx, req := r.s.c.call(ctx)
	defer req.end()
	cfg := jetstream.ConsumerConfig{
		Name:              "reader-" + nuid.Next(),
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.last + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubjects:    r.opts.Subjects,
		HeadersOnly:       r.opts.HeadersOnly,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	}
	if r.last == 0 && !r.opts.Since.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &r.opts.Since
	}
	cons, err := r.s.c.js.CreateConsumer(lctx, StreamName, cfg)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return ErrNoStream
	}
	if err != nil {
		return fmt.Errorf("create reader: %w", req.explain(err))
	}
	r.cons, r.delivery, r.stall.now, r.stall.comingSince = cons, 0, time.Time{}, time.Time{}
	if cfg.OptStartTime != nil {
		err = r.proveStart(ctx)
	}
	if err == nil && r.there && cons.CachedInfo().NumPending == 0 {
		if r.done, err = r.nothingLeft(ctx); err == nil && !r.done {
			err = errBehind
		}
	}
	if err != nil {
		r.remove()
		return err
	}
	if r.pull = r.feed(lost); r.pull != nil {
		return nil
	}
	p, err := r.s.c.startPull(cons, r.opts.InFlight, lost)
	if err != nil {
		return fmt.Errorf("start reader: %w", err)
	}
	if r.there {
		p.quiet = quietFor
	}
	r.pull = pulled{p}
	return nil
}

// errBehind means that a server does not have yet what the stream's leader has.
var errBehind = errors.New("the replica that is read lags behind")

// proveStart is an error where a consumer that begins at a time begins too late: the
// server passes over what it cannot read.
func (r *Reader) proveStart(ctx context.Context) error {
	before := r.cons.CachedInfo().Delivered.Stream
	if before == 0 {
		return nil
	}
	m, err := r.s.c.storedFrom(ctx, StreamName, before, r.opts.Subjects)
	var hidden *hiddenError
	if errors.As(err, &hidden) && hidden.seq == before || err == nil && m.Seq == before && !m.Time.Before(r.opts.Since) {
		r.stall.at = before
		return errBehind
	}
	if hidden != nil {
		return nil // something behind it, which will not be delivered
	}
	return err
}

// nothingLeft reports whether all that lies between here and the end was erased, or is
// about something else.
func (r *Reader) nothingLeft(ctx context.Context) (bool, error) {
	from := r.last + 1
	if r.last == 0 && !r.opts.Since.IsZero() {
		from = r.end // what comes before may be older
	}
	m, err := r.s.c.storedFrom(ctx, StreamName, from, r.opts.Subjects)
	var hidden *hiddenError
	if errors.As(err, &hidden) {
		return false, nil
	}
	return m.Seq == 0 || m.Seq > r.end || m.Time.Before(r.opts.Since), err
}

// feed starts a feed, where there can be one: it is nil otherwise. A reader that
// lost one goes on without.
func (r *Reader) feed(lost <-chan struct{}) puller {
	if r.plain || !r.there || !r.opts.NoHeaders || r.s.c.direct == nil {
		return nil
	}
	f, err := r.s.c.startFeed(r.cons, r.opts.InFlight, lost, r.s.imported)
	if err != nil {
		r.s.c.log.Debug("reader has no connection of its own", "stream", StreamName, "err", err)
		return nil
	}
	return f
}

// Next returns the next message, waiting for it if need be. Erased messages are
// holes in the sequence. The error is io.EOF at the end, ctx's own, or one that
// trying again will not cure, such as ErrNoStream or ErrPermission. It is
// ErrUnreadable where the server answers and does not deliver what it has stored.
func (r *Reader) Next(ctx context.Context) (Message, error) {
	for {
		if r.done {
			return Message{}, io.EOF
		}
		if r.pull == nil {
			if err := r.reopen(ctx); err != nil {
				return Message{}, fmt.Errorf("streams: read stream %s after seq=%d: %w", StreamName, r.last, err)
			}
			continue
		}
		m, err := r.pull.next(ctx)
		if errors.Is(err, errQuiet) && !r.over(ctx) {
			continue
		}
		if errors.Is(err, ErrDisconnected) {
			r.stall = stall{} // it is the line that delivers nothing
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrDeliveryStopped) || errors.Is(err, errNotDelivered) {
				return Message{}, fmt.Errorf("streams: read stream %s after seq=%d: %w", StreamName, r.last, err)
			}
			r.s.c.log.Debug("reader lost its consumer", "stream", StreamName, "seq", r.last, "err", err)
			r.drop()
			continue
		}
		if m.delivery != r.delivery+1 || m.Seq <= r.last {
			// A message was lost on the way; the sequence alone cannot tell, because
			// of erased and filtered ones.
			r.s.c.log.Debug("reader lost a message", "stream", StreamName, "seq", r.last)
			r.drop()
			continue
		}
		r.delivery, r.attempt = m.delivery, 0
		if r.stall.quiet {
			r.stall = stall{}
		}
		if r.end > 0 && m.Seq > r.end {
			r.done = true
			continue
		}
		r.last = m.Seq
		if !r.ended(false) && r.there && m.Pending == 0 {
			if nothing, err := r.nothingLeft(ctx); err == nil && nothing {
				r.done = true
			} else {
				r.drop() // another consumer, perhaps of another replica
			}
		}
		r.s.imported.original(&m)
		if r.opts.NoHeaders {
			m.Header = nil
		}
		if m.Time.Before(r.opts.Since) {
			continue // the server goes by when a message was restored
		}
		return m, nil
	}
}

// Last returns the sequence of the last message returned, or the one before From.
func (r *Reader) Last() uint64 { return r.last }

// reopen makes another consumer after the last message, with growing pauses.
func (r *Reader) reopen(ctx context.Context) error {
	for {
		if err := pause(ctx, r.attempt); err != nil {
			return err
		}
		r.attempt++
		if err := r.unreadable(ctx); err != nil {
			return err
		}
		err := r.open(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrPermission), errors.Is(err, ErrNoStream),
			r.s.c.nc.IsClosed():
			return err
		case errors.Is(err, errBehind):
			r.stall.begin(0)
			r.stall.gaveNothing(r.cons)
		}
		r.s.c.log.Debug("reader cannot resume yet", "stream", StreamName, "seq", r.last, "attempt", r.attempt, "err", err)
	}
}

// pause waits before the given attempt: not at all before the first, then up to
// two seconds.
func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(min(2*time.Second, 50*time.Millisecond<<min(attempt, 8)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drop gives up the consumer.
func (r *Reader) drop() {
	if r.pull == nil {
		return
	}
	r.pull.stop()
	r.pull, r.plain = nil, true
	r.remove()
}

// remove removes the consumer: a courtesy, the server does so after a minute.
func (r *Reader) remove() {
	if r.s.c.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.s.c.js.DeleteConsumer(ctx, StreamName, r.cons.CachedInfo().Name)
	}
}

// Close ends the reader. Next returns io.EOF afterwards.
func (r *Reader) Close() {
	r.done = true
	r.drop()
}
