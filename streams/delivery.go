package streams

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Delivery is one uninterrupted run of a consumer. It ends at the first thing
// that goes wrong; the caller then starts another from its checkpoint. One
// goroutine may call Next at a time.
type Delivery struct {
	c    *Consumer
	pull *pull
}

// Start resets the consumer to a sequence and begins to deliver from there.
// inFlight bounds the messages on their way, 256 to 50,000; 0 means 2,000. Only one Delivery of
// a consumer may run: stop the earlier one first.
func (c *Consumer) Start(ctx context.Context, from uint64, inFlight int) (*Delivery, error) {
	if inFlight <= 0 {
		inFlight = 2000
	}
	// Taken before the reset, so that a connection lost in between is noticed.
	lost := c.s.c.disconnected()
	if err := c.ResetTo(ctx, from); err != nil {
		return nil, err
	}
	cons, err := c.handle(ctx)
	var p *pull
	if err == nil {
		p, err = c.s.c.startPull(cons, inFlight, lost)
	}
	if err != nil {
		return nil, fmt.Errorf("streams: start consumer %s at seq=%d: %w", c.name, from, err)
	}
	return &Delivery{c: c, pull: p}, nil
}

// Next returns the next message as delivered, waiting for it if need be. Whether
// it follows the last one is for the caller to check. The error is ctx's own, or
// ErrConsumerGone, ErrNoHeartbeat, ErrDisconnected or ErrDeliveryStopped, after
// which nothing more comes.
func (d *Delivery) Next(ctx context.Context) (Message, error) {
	raw, err := d.pull.next(ctx)
	var m Message
	if err == nil {
		m, err = toMessage(raw)
	}
	if err != nil {
		return Message{}, fmt.Errorf("streams: consumer %s: %w", d.c.name, err)
	}
	d.c.s.imported.original(&m)
	return m, nil
}

// Ack tells the server that everything up to and including m is committed. It
// does not wait: a lost acknowledgement is harmless, because the checkpoint
// decides at the next start.
func (d *Delivery) Ack(_ context.Context, m Message) error {
	if m.reply == "" {
		return fmt.Errorf("streams: acknowledge seq=%d: %w", m.Seq, jetstream.ErrMsgNoReply)
	}
	if err := d.c.s.c.nc.Publish(m.reply, []byte("+ACK")); err != nil {
		return fmt.Errorf("streams: acknowledge seq=%d: %w", m.Seq, err)
	}
	return nil
}

// Stop ends the delivery and waits until nothing of it runs. Messages that were
// not returned are delivered again after the next Start.
func (d *Delivery) Stop() { d.pull.stop() }
