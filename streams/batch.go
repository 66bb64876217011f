package streams

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// MaxBatch is how many messages an atomic batch may have.
	MaxBatch = 1000
	// MaxBatchBytes is how much data an atomic batch may have; the server keeps a
	// batch aside until its end. A single message may be larger.
	MaxBatchBytes = 16 << 20
)

// AppendBatch stores the messages in order, all or none, and returns an Ack for
// each. Its errors are those of Append, and ErrDuplicateInBatch and
// ErrBatchTooLarge, after both of which nothing of it is stored.
//
// Where the server has no atomic batches the messages are stored one after the
// other; an error then comes with the Acks of those that are stored, and is
// about the first that is not.
func (s *Stream) AppendBatch(ctx context.Context, batch []AppendMessage) ([]Ack, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	size := 0
	for _, m := range batch {
		size += len(m.Data)
	}
	if len(batch) > MaxBatch || size > MaxBatchBytes && len(batch) > 1 {
		return nil, fmt.Errorf("streams: append %d messages of %d bytes: %w", len(batch), size, ErrBatchTooLarge)
	}
	if len(batch) > 1 && s.atomic.Load() {
		acks, err := s.appendAtomic(ctx, batch)
		if err == nil {
			return acks, nil
		}
		if !atomicMissing(err) {
			return nil, fmt.Errorf("streams: append %d messages from %s: %w", len(batch), batch[0].name(), err)
		}
		// The stream was edited or moved to an older server. Nothing was stored.
		s.atomic.Store(false)
		s.c.log.Warn("stream takes no atomic batches any more: appending singly", "stream", StreamName, "err", err)
	}
	return s.appendSingly(ctx, batch)
}

func (s *Stream) appendSingly(ctx context.Context, batch []AppendMessage) ([]Ack, error) {
	acks := make([]Ack, 0, len(batch))
	for _, m := range batch {
		ack, err := s.Append(ctx, m)
		if err != nil {
			return acks, err
		}
		acks = append(acks, ack)
	}
	return acks, nil
}

func (s *Stream) appendAtomic(ctx context.Context, batch []AppendMessage) ([]Ack, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// One subject of the batch stands for all: what is permitted for one event is
	// permitted for the others.
	ctx, req := s.c.begin(ctx, batch[0].Subject, s.c.appendLimit())
	defer req.end()
	// No acknowledgement of the first message: the commit's answer says everything,
	// and only that wait can be ended early.
	p, err := jetstreamext.NewBatchPublisher(s.c.js, jetstreamext.BatchFlowControl{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	last := len(batch) - 1
	for _, m := range batch[:last] {
		if err := p.AddMsg(m.msg()); err != nil {
			_ = p.Discard()
			return nil, classifyOpen(req.explain(err))
		}
		if err := ctx.Err(); err != nil {
			_ = p.Discard()
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, req.explain(err))
		}
	}
	ack, err := p.CommitMsg(ctx, batch[last].msg())
	if err != nil {
		return nil, classifyAppend(req.explain(err))
	}
	acks := make([]Ack, len(batch))
	first := ack.Sequence - uint64(last)
	for i := range acks {
		acks[i].Seq = first + uint64(i)
	}
	return acks, nil
}

// classifyOpen classifies an error before the commit: whatever it is, a batch
// without its commit is dropped by the server.
func classifyOpen(err error) error {
	err = classifyAppend(err)
	if errors.Is(err, ErrUncertain) && errors.Is(err, ErrDisconnected) {
		return fmt.Errorf("%w: batch was not committed: %w", ErrUnavailable, ErrDisconnected)
	}
	if errors.Is(err, ErrUncertain) {
		return fmt.Errorf("%w: batch was not committed: %s", ErrUnavailable, err.Error())
	}
	return err
}

func atomicMissing(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeAtomicDisabled || api.ErrorCode == codeAtomicUnsupported)
}
