package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullExpires is how long one request for messages stays open.
	pullExpires = 30 * time.Second
	// heartbeat is how often the server says that an idle consumer lives. Two
	// missed ones end the pull. A lost connection and a deleted consumer are known
	// without it, and a machine may be too busy to say or hear anything for a while.
	heartbeat = 3 * time.Second
	// minInFlight keeps nats.go from stalling: it asks for more when half is used
	// up, and a handful can be used up while it is still asking.
	minInFlight = 256
	// maxInFlight bounds messages on the way; more is not faster.
	maxInFlight = 50_000
)

// pull receives what a consumer delivers, in order, until the first thing that
// goes wrong. It does not repair anything: its user decides from which sequence
// to go on.
type pull struct {
	c        *Conn
	consume  jetstream.ConsumeContext
	lost     <-chan struct{} // closed by a lost connection
	capacity int
	quiet    time.Duration // how long to wait before errQuiet; 0 for ever

	mu     sync.Mutex
	queue  []jetstream.Msg
	err    error
	closed bool
	room   *sync.Cond    // the queue was taken
	more   chan struct{} // something happened

	// The rest belongs to the goroutine that calls next.
	batch []jetstream.Msg
	at    int
}

// startPull begins to receive. inFlight bounds the messages on their way and
// those waiting here; lost ends the pull.
func (c *Conn) startPull(cons jetstream.Consumer, inFlight int, lost <-chan struct{}) (*pull, error) {
	inFlight = min(max(inFlight, minInFlight), maxInFlight)
	p := &pull{c: c, capacity: inFlight, more: make(chan struct{}, 1), lost: lost}
	p.room = sync.NewCond(&p.mu)
	consume, err := cons.Consume(p.receive,
		// Bytes are bounded as well, below what nats.go buffers for a subscription,
		// but never below what one message may have.
		jetstream.PullMaxMessagesWithBytesLimit(inFlight, max(16<<20, int(2*c.nc.MaxPayload()))),
		jetstream.PullExpiry(pullExpires),
		jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(p.failed),
	)
	if err != nil {
		return nil, err
	}
	p.consume = consume
	return p, nil
}

// receive runs in nats.go's goroutine and blocks while the reader is behind.
func (p *pull) receive(m jetstream.Msg) {
	select {
	case <-p.lost:
		// nats.go asks again by itself after a reconnect; what was on its way is
		// missing in front of this one.
		return
	default:
	}
	p.mu.Lock()
	for len(p.queue) >= p.capacity && !p.closed {
		p.room.Wait()
	}
	if !p.closed {
		p.queue = append(p.queue, m)
	}
	wake := len(p.queue) == 1
	p.mu.Unlock()
	if wake {
		p.wake()
	}
}

func (p *pull) failed(_ jetstream.ConsumeContext, err error) {
	switch {
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound),
		errors.Is(err, nats.ErrNoResponders):
		err = fmt.Errorf("%w: %w", ErrConsumerGone, err)
	case errors.Is(err, jetstream.ErrNoHeartbeat):
		err = ErrNoHeartbeat
	case errors.Is(err, jetstream.ErrConnectionClosed), errors.Is(err, jetstream.ErrServerShutdown):
		err = fmt.Errorf("%w: %w", ErrDisconnected, err)
	case errors.Is(err, jetstream.ErrConsumerLeadershipChanged):
		err = fmt.Errorf("%w: %w", ErrConsumerGone, err)
	default:
		p.c.log.Debug("pull reported", "err", err)
		return
	}
	p.fail(err)
}

func (p *pull) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.wake()
}

func (p *pull) wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// next returns the next message, what arrived before an error first.
func (p *pull) next(ctx context.Context) (jetstream.Msg, error) {
	for {
		if p.at < len(p.batch) {
			m := p.batch[p.at]
			p.batch[p.at] = nil
			p.at++
			return m, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.take(); err != nil {
			return nil, err
		}
		if p.at < len(p.batch) {
			continue
		}
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wait waits until something happened.
func (p *pull) wait(ctx context.Context) error {
	var quiet <-chan time.Time
	if p.quiet > 0 {
		t := time.NewTimer(p.quiet)
		defer t.Stop()
		quiet = t.C
	}
	select {
	case <-p.more:
	case <-p.lost:
		p.fail(ErrDisconnected)
	case <-p.consume.Closed():
		p.fail(ErrConsumerGone)
	case <-quiet:
		return errQuiet
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take swaps the read batch for the queue, so that the two goroutines meet once
// per batch and not once per message.
func (p *pull) take() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return p.err
	}
	p.batch, p.queue, p.at = p.queue, p.batch[:0], 0
	p.room.Signal()
	return nil
}

// stop ends the pull and waits until nothing of it runs any more.
func (p *pull) stop() {
	p.mu.Lock()
	p.closed = true
	if p.err == nil {
		p.err = ErrDeliveryStopped
	}
	p.queue = nil
	p.room.Broadcast()
	p.mu.Unlock()
	p.wake()
	p.consume.Stop()
	<-p.consume.Closed()
}

// toMessage reads what a delivered message says about itself.
func toMessage(m jetstream.Msg) (Message, error) {
	pos, err := parsePosition(m.Reply())
	if err != nil {
		return Message{}, fmt.Errorf("message on %s: %w", m.Subject(), err)
	}
	h := m.Headers()
	msg := Message{
		Seq: pos.stream, Time: pos.time, Subject: m.Subject(), Header: h, Data: m.Data(),
		Pending: pos.pending, reply: m.Reply(), delivery: pos.delivery,
	}
	if id := h[jetstream.MsgIDHeader]; len(id) > 0 {
		msg.MsgID = id[0]
	}
	return msg, nil
}
