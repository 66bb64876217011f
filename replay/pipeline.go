package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/streams"
)

// pipeline reads and decodes in one goroutine while another applies. Batches go
// round between the two, so that memory is bounded by them and by the messages
// in flight, never by the length of the stream.
type pipeline struct {
	cfg  *Config
	from uint64 // the first sequence, after what was applied before
	last uint64
	full chan []projector.Item
	free chan []projector.Item
}

// maxBatchBytes keeps a batch of bulky events from filling the memory.
const maxBatchBytes = 16 << 20

func newPipeline(cfg *Config, from, last uint64) *pipeline {
	p := &pipeline{cfg: cfg, from: from, last: last, full: make(chan []projector.Item, 1), free: make(chan []projector.Item, 3)}
	for range cap(p.free) {
		p.free <- nil
	}
	return p
}

func (p *pipeline) run(ctx context.Context, a *projector.Applier) error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		defer close(p.full)
		done <- p.read(ctx)
	}()
	err := p.apply(ctx, a)
	cancel()
	for range p.full { // the reader may be waiting to hand on
	}
	if readErr := <-done; err == nil {
		err = readErr
	}
	return err
}

func (p *pipeline) read(ctx context.Context) error {
	if p.from > p.last {
		return nil
	}
	r, err := p.cfg.source(ctx, p.from, p.last)
	if err != nil {
		return err
	}
	defer r.Close()
	dec := events.NewDecoder()
	before := p.from - 1
	for {
		batch, err := p.take(ctx)
		if err != nil {
			return err
		}
		size, ended := 0, false
		for len(batch) < p.cfg.BatchSize && size < maxBatchBytes {
			m, err := r.Next(ctx)
			if errors.Is(err, io.EOF) || err == nil && p.beyond(m) {
				ended = true
				break
			}
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			it := projector.Decode(dec, m)
			// The reader proves that what it leaves out is not there.
			it.Erased = m.Seq - before - 1
			before = m.Seq
			size += len(m.Data)
			batch = append(batch, it)
		}
		if len(batch) > 0 {
			select {
			case p.full <- batch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if ended {
			return nil
		}
	}
}

func (p *pipeline) beyond(m streams.Message) bool {
	return !p.cfg.UntilTime.IsZero() && m.Time.After(p.cfg.UntilTime)
}

func (p *pipeline) take(ctx context.Context) ([]projector.Item, error) {
	select {
	case b := <-p.free:
		return b[:0], nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipeline) apply(ctx context.Context, a *projector.Applier) error {
	told := time.Time{}
	for {
		var batch []projector.Item
		select {
		case b, ok := <-p.full:
			if !ok {
				return nil
			}
			batch = b
		case <-ctx.Done():
			return fmt.Errorf("replay: interrupted at seq=%d of %d: %w", a.Checkpoint().Seq, p.last, ctx.Err())
		}
		if err := p.applyBatch(context.WithoutCancel(ctx), a, batch); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(told) > 200*time.Millisecond {
			told = now
			p.cfg.Progress(p.cfg.meter.progress(PhaseEvents, p.last))
		}
		clear(batch)
		p.free <- batch
	}
}

// applyBatch applies what there is of a batch. Where that is not all of it, because
// the rebuild stops at an event that cannot be applied, it is what comes before
// that: so much need not be done again.
func (p *pipeline) applyBatch(ctx context.Context, a *projector.Applier, batch []projector.Item) error {
	res, err := a.Apply(ctx, batch)
	var stopped *projector.NewFailureError
	if errors.As(err, &stopped) {
		n := slices.IndexFunc(batch, func(it projector.Item) bool { return it.Msg.Seq >= stopped.Seq })
		if n > 0 {
			if err := p.applyBatch(ctx, a, batch[:n]); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	p.cfg.meter.add(len(batch), res, a.Checkpoint().Seq)
	return nil
}
