package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rosey/streams"
)

// Publish measures how long a publisher waits until its event is on the store's
// disk: so many publishers, each with a connection of its own and one event on its
// way at a time.
func Publish(ctx context.Context, dir string, publishers, events int) (_ Result, err error) {
	r, err := newRig(ctx, dir, true)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	each := max(events/publishers, 1)
	g := NewGenerator()
	targets, lists := make([]*streams.Stream, publishers), make([][]streams.AppendMessage, publishers)
	for i := range targets {
		c, err := r.connect(ctx)
		if err != nil {
			return Result{}, err
		}
		defer c.Close()
		if targets[i], err = streams.Open(ctx, c); err != nil {
			return Result{}, fmt.Errorf("measure: %w", err)
		}
		if lists[i], err = g.Messages(each); err != nil {
			return Result{}, err
		}
	}
	took, errs := make([][]time.Duration, publishers), make([]error, publishers)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range targets {
		wg.Go(func() { took[i], errs[i] = publish(ctx, targets[i], lists[i]) })
	}
	wg.Wait()
	wall := time.Since(begin)
	if err := errors.Join(errs...); err != nil {
		return Result{}, err
	}
	state, err := r.stream.State(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	if n := publishers * each; state.LastSeq != uint64(n) {
		return Result{}, fmt.Errorf("measure: the stream ends at seq=%d after %d events", state.LastSeq, n)
	}
	res := latencies("", slices.Concat(took...))
	res.add(Metric{"events/s", rate(publishers*each, wall)})
	return res, nil
}

func publish(ctx context.Context, to *streams.Stream, list []streams.AppendMessage) ([]time.Duration, error) {
	took := make([]time.Duration, len(list))
	for i, m := range list {
		begin := time.Now()
		if _, err := to.Append(ctx, m); err != nil {
			return nil, fmt.Errorf("measure: %w", err)
		}
		took[i] = time.Since(begin)
	}
	return took, nil
}
