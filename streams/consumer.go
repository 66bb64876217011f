package streams

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// consumerPrefix and the projector's instance make the consumer's name.
	consumerPrefix = "projector-"

	// ackWait is how long a batch may take before its messages come again. A
	// crashed projector does not wait for it: each start resets the consumer.
	ackWait = 2 * time.Minute
)

var instancePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ConsumerName returns the name of a projector's consumer. The error is
// ErrBadInstance for a name that NATS would read as something else.
func ConsumerName(instance string) (string, error) {
	if !instancePattern.MatchString(instance) {
		return "", fmt.Errorf("%w %q: use 1 to 64 letters, digits, - and _", ErrBadInstance, instance)
	}
	return consumerPrefix + instance, nil
}

// ConsumerOptions is what an installation may choose about the consumer.
type ConsumerOptions struct {
	// AckWait is how long a batch may take before it is delivered again. Default
	// 2 min.
	AckWait time.Duration
}

// Consumer is the durable consumer of one projector. Its own position does not
// matter: the projector's checkpoint decides, and each Start resets it.
type Consumer struct {
	s    *Stream
	name string
	want jetstream.ConsumerConfig
}

// Consumer returns the projector's consumer, created or repaired as needed. It
// is created anew where a property differs that the server does not change.
func (s *Stream) Consumer(ctx context.Context, instance string, o ConsumerOptions) (*Consumer, error) {
	name, err := ConsumerName(instance)
	if err != nil {
		return nil, fmt.Errorf("streams: %w", err)
	}
	if o.AckWait <= 0 {
		o.AckWait = ackWait
	}
	c := &Consumer{s: s, name: name, want: consumerDefinition(name, o)}
	if err := c.ensure(ctx); err != nil {
		return nil, fmt.Errorf("streams: consumer %s: %w", name, err)
	}
	return c, nil
}

// consumerDefinition is the wanted consumer, in this one place.
func consumerDefinition(name string, o ConsumerOptions) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name:    name,
		Durable: name,
		// Everything: one made with a start could not be reset below it.
		DeliverPolicy: jetstream.DeliverAllPolicy,
		// One acknowledgement after a commit stands for the whole batch. Explicit
		// ones would be redelivered out of order.
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       o.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: 2 * maxInFlight,
		ReplayPolicy:  jetstream.ReplayInstantPolicy,
		// No filter: order is proven by sequences without holes. No inactivity
		// threshold: it would delete the consumer of a projector that is down.
	}
}

// Name returns the consumer's name on the server.
func (c *Consumer) Name() string { return c.name }

// ensure makes the consumer on the server as wanted.
func (c *Consumer) ensure(ctx context.Context) error {
	info, err := c.info(ctx)
	if errors.Is(err, ErrConsumerGone) {
		return c.create(ctx, c.want)
	}
	if err != nil {
		return err
	}
	log := c.s.c.log.With("stream", StreamName, "consumer", c.name)
	if field := c.fixedDifference(&info.Config); field != "" {
		log.Warn("consumer is created anew: a fixed property differs", "field", field)
		return c.recreate(ctx, c.want)
	}
	if field := changeableDifference(&info.Config, &c.want); field != "" {
		log.Warn("consumer is repaired", "field", field)
		lctx, req := c.s.c.call(ctx)
		defer req.end()
		repaired := c.want
		repaired.DeliverPolicy, repaired.OptStartSeq = info.Config.DeliverPolicy, info.Config.OptStartSeq
		if _, err := c.s.c.js.UpdateConsumer(lctx, StreamName, repaired); err != nil {
			log.Warn("consumer cannot be repaired and is created anew", "err", req.explain(err))
			return c.recreate(ctx, c.want)
		}
	}
	if info.Paused {
		log.Warn("consumer was paused and is resumed")
		lctx, req := c.s.c.call(ctx)
		defer req.end()
		if _, err := c.s.c.js.ResumeConsumer(lctx, StreamName, c.name); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
	}
	return nil
}

func (c *Consumer) info(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	cons, err := c.handle(ctx)
	if err != nil {
		return nil, err
	}
	return cons.CachedInfo(), nil
}

func (c *Consumer) handle(ctx context.Context) (jetstream.Consumer, error) {
	ctx, req := c.s.c.call(ctx)
	defer req.end()
	cons, err := c.s.c.js.Consumer(ctx, StreamName, c.name)
	switch {
	case err == nil:
		return cons, nil
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrConsumerDoesNotExist):
		return nil, ErrConsumerGone
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, ErrNoStream
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		// Somebody made a push consumer of this name. It is not ours to read.
		if err := c.recreate(ctx, c.want); err != nil {
			return nil, err
		}
		return c.s.c.js.Consumer(ctx, StreamName, c.name)
	default:
		return nil, fmt.Errorf("ask for the consumer: %w", req.explain(err))
	}
}

func (c *Consumer) create(ctx context.Context, cfg jetstream.ConsumerConfig) error {
	ctx, req := c.s.c.call(ctx)
	defer req.end()
	_, err := c.s.c.js.CreateConsumer(ctx, StreamName, cfg)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return ErrNoStream
	}
	if err != nil {
		return fmt.Errorf("create: %w", req.explain(err))
	}
	return nil
}

func (c *Consumer) recreate(ctx context.Context, cfg jetstream.ConsumerConfig) error {
	lctx, req := c.s.c.call(ctx)
	defer req.end()
	err := c.s.c.js.DeleteConsumer(lctx, StreamName, c.name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("delete: %w", req.explain(err))
	}
	return c.create(ctx, cfg)
}

// Renew deletes the consumer and makes it again. Only that ends what was asked
// for over a connection which died without the server knowing: a reset leaves the
// requests, and answers them first.
func (c *Consumer) Renew(ctx context.Context) error {
	if err := c.recreate(ctx, c.want); err != nil {
		return fmt.Errorf("streams: renew consumer %s: %w", c.name, err)
	}
	return nil
}

// canReset reports whether the server has the call that resets a consumer.
func (c *Consumer) canReset() bool { return versionAtLeast(c.s.c.nc.ConnectedServerVersion(), 2, 14) }

// fixedDifference names the first property that no update changes.
func (c *Consumer) fixedDifference(is *jetstream.ConsumerConfig) string {
	want := &c.want
	switch {
	case is.DeliverPolicy != want.DeliverPolicy && c.canReset():
		// An older server cannot reset, so that ResetTo made it with a start.
		return "deliver policy"
	case is.AckPolicy != want.AckPolicy:
		return "ack policy"
	case is.ReplayPolicy != want.ReplayPolicy:
		return "replay policy"
	case is.HeadersOnly:
		return "headers only"
	case is.MemoryStorage:
		return "memory storage"
	}
	return ""
}

// changeableDifference names the first property that an update changes.
func changeableDifference(is, want *jetstream.ConsumerConfig) string {
	switch {
	case is.FilterSubject != "" || len(is.FilterSubjects) > 0:
		return "filter"
	case is.AckWait != want.AckWait:
		return "ack wait"
	case is.MaxDeliver != want.MaxDeliver:
		return "max deliver"
	case is.MaxAckPending != want.MaxAckPending:
		return "max ack pending"
	case is.InactiveThreshold != 0:
		return "inactive threshold"
	case len(is.BackOff) > 0:
		return "back-off"
	case is.MaxRequestBatch != 0 || is.MaxRequestExpires != 0 || is.MaxRequestMaxBytes != 0:
		return "request limits"
	}
	return ""
}

// ResetTo makes seq the next sequence to be delivered. The error is ErrBeyondEnd
// when it is more than one after the stream's last: the server would accept that
// and skip everything up to there.
func (c *Consumer) ResetTo(ctx context.Context, seq uint64) error {
	if err := c.resetTo(ctx, seq); err != nil {
		return fmt.Errorf("streams: reset consumer %s to seq=%d: %w", c.name, seq, err)
	}
	return nil
}

func (c *Consumer) resetTo(ctx context.Context, seq uint64) error {
	seq = max(seq, 1)
	state, err := c.s.State(ctx)
	if err != nil {
		return err
	}
	if seq > state.LastSeq+1 {
		return fmt.Errorf("%w: last seq=%d", ErrBeyondEnd, state.LastSeq)
	}
	if !c.canReset() {
		return c.recreateAt(ctx, seq)
	}
	// A consumer that is gone does not answer a reset, not even with an error.
	if err := c.ensure(ctx); err != nil {
		return err
	}
	err = c.reset(ctx, seq)
	if errors.Is(err, jetstream.ErrConsumerInvalidReset) {
		if err := c.recreate(ctx, c.want); err != nil {
			return err
		}
		return c.reset(ctx, seq)
	}
	return err
}

func (c *Consumer) reset(ctx context.Context, seq uint64) error {
	ctx, req := c.s.c.call(ctx)
	defer req.end()
	_, err := c.s.c.js.ResetConsumerToSequence(ctx, StreamName, c.name, seq)
	return req.explain(err)
}

// recreateAt is the reset of servers that have none.
func (c *Consumer) recreateAt(ctx context.Context, seq uint64) error {
	cfg := c.want
	if seq > 1 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, seq
	}
	return c.recreate(ctx, cfg)
}

// Position describes the consumer for a person: `ack floor 41 of 50`.
func (c *Consumer) Position(ctx context.Context) (string, error) {
	info, err := c.info(ctx)
	if err != nil {
		return "", fmt.Errorf("streams: consumer %s: %w", c.name, err)
	}
	floor := info.AckFloor.Stream
	return "ack floor " + strconv.FormatUint(floor, 10) + ", " + strconv.FormatUint(info.NumPending, 10) + " to deliver", nil
}
