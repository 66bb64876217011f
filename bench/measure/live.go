package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rosey/projector"
	"rosey/schema"
)

// liveBatch is the batch that a projector takes when it is behind; the bound is
// measured with the same.
const liveBatch = 5000

// Live measures the projector on a backlog, through its durable consumer and
// with an acknowledgement after each commit, and SQLite alone in the same run.
func (h *History) Live(ctx context.Context) (Result, error) {
	bound, err := h.applyAlone(ctx, liveBatch, false)
	if err != nil {
		return Result{}, err
	}
	dir := filepath.Dir(h.file())
	took, err := h.project(ctx, schema.Store{Link: filepath.Join(dir, "live", "rosey.db")})
	if err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "live"))); err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{
		{"events/s", rate(h.events, took)},
		{"sqlite-events/s", rate(h.events, bound.apply)},
		{"live/sqlite", ratio(bound.apply.Seconds(), took.Seconds())},
	}}, nil
}

// project takes the whole stream into a store and returns how long that took.
func (h *History) project(ctx context.Context, store schema.Store) (took time.Duration, err error) {
	p, err := projector.New(ctx, projector.Config{
		Stream: h.rig.stream, Store: store, Instance: "bench", DefaultChannel: Channel, BatchSize: liveBatch,
	})
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	begin := time.Now()
	go func() {
		err := p.Run(ctx)
		cancel(err) // who waits for a projector that gave up would wait for ever
		done <- err
	}()
	err = p.WaitFor(ctx, uint64(h.events))
	took = time.Since(begin)
	cancel(nil)
	if runErr := <-done; runErr != nil {
		err = runErr
	}
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	return took, nil
}
