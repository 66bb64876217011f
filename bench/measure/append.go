package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/streams"
)

// Append measures appending to a store that writes through to the disk: with a
// batch of 1 one publish after the other, else in atomic batches.
func Append(ctx context.Context, dir string, batch, events int) (_ Result, err error) {
	r, err := newRig(ctx, dir, true)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	took, err := r.append(ctx, batch, events)
	if err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{
		{"events/s", rate(events, took)},
		{"ms/append", milliseconds(took) * float64(batch) / float64(events)},
	}}, nil
}

// append returns how long appending took, without making the events.
func (r *rig) append(ctx context.Context, batch, events int) (took time.Duration, err error) {
	g := NewGenerator()
	for events > 0 {
		messages, err := g.Messages(min(batch, events))
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := r.appendOnce(ctx, messages); err != nil {
			return 0, fmt.Errorf("measure: %w", err)
		}
		took += time.Since(begin)
		events -= len(messages)
	}
	return took, nil
}

func (r *rig) appendOnce(ctx context.Context, messages []streams.AppendMessage) error {
	if len(messages) == 1 {
		_, err := r.stream.Append(ctx, messages[0])
		return err
	}
	_, err := r.stream.AppendBatch(ctx, messages)
	return err
}
