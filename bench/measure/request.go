package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/service"
)

// Requests measures request and reply with nothing else going on: so many callers,
// each of whom asks again as soon as there is an answer. The query service reads
// tables of so many events; the outbound service writes each message to the queue,
// on the disk, before it answers.
func Requests(ctx context.Context, dir string, events, callers, each int) (_ Result, err error) {
	h, err := NewHistory(ctx, dir, events)
	if err == nil {
		err = h.Close()
	}
	if err != nil {
		return Result{}, err
	}
	if h, err = OpenHistory(ctx, dir, events, true); err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	q, err := h.newHall(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, q.close()) }()
	stop, err := q.takeMessages(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	queries, err := repeat(callers, each, func(caller int, r *rand.Rand) (time.Duration, error) {
		return q.ask(ctx, caller, 0, r)
	})
	if err != nil {
		return Result{}, err
	}
	enqueued, err := repeat(callers, max(each/10, 1), func(caller int, r *rand.Rand) (time.Duration, error) {
		begin := time.Now()
		_, err := service.Call[any](ctx, q.conns[1+caller%callerConns], enqueueSubject,
			map[string]any{"channel": Channel, "message": fmt.Sprint("message ", r.Uint64())})
		if err != nil {
			return 0, fmt.Errorf("measure: enqueue: %w", err)
		}
		return time.Since(begin), nil
	})
	if err != nil {
		return Result{}, err
	}
	if err := q.waiting(ctx, len(enqueued)); err != nil {
		return Result{}, err
	}
	res := latencies("query-", queries)
	res.Join(latencies("enqueue-", enqueued))
	return res, nil
}

const enqueueSubject = events.SubjectPrefix + "messages.outbound.enqueue"

// takeMessages runs the outbound service until the returned function is called.
func (q *hall) takeMessages(ctx context.Context) (stop func() error, err error) {
	s, err := outbound.NewService(outbound.ServiceConfig{
		Stream: func(context.Context) (*streams.Stream, error) { return q.h.rig.stream, nil },
	})
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	stop = func() error {
		cancel()
		return <-done
	}
	for {
		if found, err := service.Find(ctx, q.conns[1], outbound.ServiceName); err == nil && len(found) > 0 {
			return stop, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// waiting makes sure that the queue holds what was asked for.
func (q *hall) waiting(ctx context.Context, n int) error {
	queue, err := outbound.OpenQueue(ctx, q.h.rig.stream)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	list, err := queue.List(ctx, outbound.Filter{})
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	if len(list) != n {
		return fmt.Errorf("measure: the queue holds %d messages, want %d", len(list), n)
	}
	return nil
}

// repeat lets callers do something again and again, at the same time.
func repeat(callers, each int, do func(caller int, r *rand.Rand) (time.Duration, error)) ([]time.Duration, error) {
	took, errs := make([][]time.Duration, callers), make([]error, callers)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(callers), uint64(caller)))
			for range each {
				d, err := do(caller, r)
				if err != nil {
					errs[caller] = err
					return
				}
				took[caller] = append(took[caller], d)
			}
		})
	}
	wg.Wait()
	return slices.Concat(took...), errors.Join(errs...)
}
