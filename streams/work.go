package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rosey/events"

	"github.com/nats-io/nats.go/jetstream"
)

// OutboundConsumer is the durable consumer of the outcomes of outbound messages.
const OutboundConsumer = "outbound"

const (
	// workAckWait is how long one message may take before another process gets it.
	workAckWait = 30 * time.Second
	// workInFlight bounds the messages that were given out and not acknowledged.
	workInFlight = 512
)

// Work is a durable consumer that several processes share: each message goes to
// one of them, is acknowledged by itself, and comes again where it was not. Its
// order is not to be relied on. It survives lost connections. One goroutine may
// use it at a time.
type Work struct {
	s        *Stream
	name     string
	subjects []string
	cons     jetstream.Consumer
	pull     *pull
	attempt  int
	closed   bool
}

// OutboundMarks returns the work of applying outcomes of outbound messages. It is
// made or repaired as needed; the error is ErrPermission where this user may not.
func (s *Stream) OutboundMarks(ctx context.Context) (*Work, error) {
	w := &Work{s: s, name: OutboundConsumer}
	for _, kind := range []events.Kind{events.KindMarkSent, events.KindMarkFailed} {
		w.subjects = append(w.subjects, events.Subject(kind), events.Subject(kind)+".*")
	}
	if err := w.open(ctx); err != nil {
		return nil, fmt.Errorf("streams: consumer %s: %w", w.name, err)
	}
	return w, nil
}

func (w *Work) definition() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name:           w.name,
		Durable:        w.name,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        workAckWait,
		MaxDeliver:     -1,
		MaxAckPending:  workInFlight,
		ReplayPolicy:   jetstream.ReplayInstantPolicy,
		FilterSubjects: w.subjects,
	}
}

// open makes or repairs the consumer and begins to receive.
func (w *Work) open(ctx context.Context) error {
	c := w.s.c
	lost := c.disconnected()
	lctx, req := c.call(ctx)
	defer req.end()
	cons, err := c.js.Consumer(lctx, StreamName, w.name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrConsumerDoesNotExist):
		cons, err = c.js.CreateConsumer(lctx, StreamName, w.definition())
		if errors.Is(err, jetstream.ErrConsumerExists) { // made by another process in this moment
			cons, err = c.js.Consumer(lctx, StreamName, w.name)
		}
	case err == nil && !w.asDefined(&cons.CachedInfo().Config):
		c.log.Warn("consumer is repaired", "stream", StreamName, "consumer", w.name)
		cons, err = c.js.UpdateConsumer(lctx, StreamName, w.definition())
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return ErrNoStream
	}
	if err != nil {
		return req.explain(err)
	}
	p, err := c.startPull(cons, minInFlight, lost)
	if err != nil {
		return err
	}
	w.cons, w.pull = cons, p
	return nil
}

func (w *Work) asDefined(is *jetstream.ConsumerConfig) bool {
	want := w.definition()
	return slices.Equal(is.FilterSubjects, want.FilterSubjects) && is.AckWait == want.AckWait && is.MaxDeliver == want.MaxDeliver &&
		is.MaxAckPending == want.MaxAckPending && is.InactiveThreshold == 0 && len(is.BackOff) == 0
}

// Next returns a message to work on, waiting for one if need be. The error is
// ctx's own, or one that trying again will not cure, such as ErrNoStream or
// ErrPermission.
func (w *Work) Next(ctx context.Context) (Message, error) {
	for {
		m, err := w.next(ctx)
		switch {
		case err == nil:
			w.attempt = 0
			return m, nil
		case ctx.Err() != nil:
			return Message{}, ctx.Err()
		case errors.Is(err, ErrPermission), errors.Is(err, ErrNoStream), w.closed, w.s.c.nc.IsClosed():
			return Message{}, fmt.Errorf("streams: consumer %s: %w", w.name, err)
		}
		w.s.c.log.Debug("consumer is opened again", "stream", StreamName, "consumer", w.name, "attempt", w.attempt, "err", err)
		w.drop()
	}
}

func (w *Work) next(ctx context.Context) (Message, error) {
	if w.closed {
		return Message{}, ErrDeliveryStopped
	}
	if w.pull == nil {
		if err := pause(ctx, w.attempt); err != nil {
			return Message{}, err
		}
		w.attempt++
		if err := w.s.c.Connected(ctx); err != nil {
			return Message{}, err
		}
		if err := w.open(ctx); err != nil {
			return Message{}, err
		}
	}
	raw, err := w.pull.next(ctx)
	if err != nil {
		return Message{}, err
	}
	m, err := toMessage(raw)
	if err == nil {
		w.s.imported.original(&m)
	}
	return m, err
}

// Done acknowledges one message. It does not wait: a lost acknowledgement only
// makes it come again.
func (w *Work) Done(m Message) error {
	if m.reply == "" {
		return fmt.Errorf("streams: acknowledge seq=%d: %w", m.Seq, jetstream.ErrMsgNoReply)
	}
	if err := w.s.c.nc.Publish(m.reply, []byte("+ACK")); err != nil {
		return fmt.Errorf("streams: acknowledge seq=%d: %w", m.Seq, err)
	}
	return nil
}

func (w *Work) drop() {
	if w.pull != nil {
		w.pull.stop()
		w.pull = nil
	}
}

// Close ends the work and waits until nothing of it runs. What was not
// acknowledged comes again, here or elsewhere.
func (w *Work) Close() {
	w.closed = true
	w.drop()
}
