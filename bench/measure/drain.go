package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
)

// Drain measures how fast a spool empties after an outage: every batch is on the
// store's disk before its rows leave the spool's. The bound is the same events
// appended from memory, in batches of the same size.
func Drain(ctx context.Context, dir string, n int) (_ Result, err error) {
	r, err := newRig(ctx, dir, true)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	alone, err := r.append(ctx, streams.MaxBatch, n)
	if err != nil {
		return Result{}, err
	}
	s, err := spool.Open(ctx, spool.Config{Path: filepath.Join(dir, "spool", Channel+".db"), Channel: Channel})
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	put, err := fillSpool(ctx, s, n)
	if err != nil {
		return Result{}, err
	}
	took, err := drain(ctx, s, r.stream)
	if err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{
		{"events/s", rate(n, took)},
		{"append-events/s", rate(n, alone)},
		{"drain/append", ratio(alone.Seconds(), took.Seconds())},
		{"put-events/s", rate(n, put)},
	}}, nil
}

// fillSpool puts events as a bot does that gathers a burst.
func fillSpool(ctx context.Context, s *spool.Spool, n int) (took time.Duration, err error) {
	if _, _, err := s.Begin(ctx); err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	return putEvents(ctx, s, NewGenerator(), n)
}

func putEvents(ctx context.Context, s *spool.Spool, g *Generator, n int) (took time.Duration, err error) {
	for n > 0 {
		batch := make([]*events.Event, min(n, 256))
		for i := range batch {
			batch[i] = g.Next()
		}
		begin := time.Now()
		if err := s.Put(ctx, batch...); err != nil {
			return 0, fmt.Errorf("measure: %w", err)
		}
		took += time.Since(begin)
		n -= len(batch)
	}
	return took, nil
}

// drain empties the spool.
func drain(ctx context.Context, s *spool.Spool, to spool.Appender) (time.Duration, error) {
	return drainUntil(ctx, s, to, s.Settle)
}

// drainUntil sends what the spool holds until settled returns, and says how long that
// took.
func drainUntil(ctx context.Context, s *spool.Spool, to spool.Appender, settled func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	begin := time.Now()
	go func() { done <- s.Drain(ctx, to) }()
	err := settled(ctx)
	took := time.Since(begin)
	cancel()
	if drainErr := <-done; !errors.Is(drainErr, context.Canceled) {
		err = errors.Join(err, drainErr)
	}
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	return took, nil
}
