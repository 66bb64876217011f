package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rosey/bot/spool"
	"rosey/events"
	"rosey/projector"
	"rosey/schema"
)

// Mixed measures events of all kinds on the whole way from the spool to the rows,
// with the three at work at the same time: put, sent, projected.
func Mixed(ctx context.Context, dir string, n int) (_ Result, err error) {
	r, err := newRig(ctx, dir, true)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	s, err := spool.Open(ctx, spool.Config{Path: filepath.Join(dir, "spool", Channel+".db"), Channel: Channel})
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, err := projector.New(ctx, projector.Config{
		Stream: r.stream, Store: schema.Store{Link: filepath.Join(dir, "rosey.db")}, DefaultChannel: Channel,
	})
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	runCtx, stop := context.WithCancel(ctx)
	done := make(chan error, 2)
	go func() { done <- p.Run(runCtx) }()
	go func() {
		if err := s.Drain(runCtx, r.stream); !errors.Is(err, context.Canceled) {
			done <- err
			return
		}
		done <- nil
	}()
	begin := time.Now()
	kinds, err := putKinds(ctx, s, n)
	if err == nil {
		err = p.WaitFor(ctx, uint64(n))
	}
	took := time.Since(begin)
	stop()
	if err = errors.Join(err, <-done, <-done); err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	if err := checkProjected(ctx, filepath.Join(dir, "rosey.db"), n, kinds[events.KindMessageLog]); err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{{"events/s", rate(n, took)}, {"kinds", float64(len(kinds))}}}, nil
}

// putKinds puts n events as a bot gathers them, and counts what they were.
func putKinds(ctx context.Context, s *spool.Spool, n int) (map[events.Kind]int, error) {
	if _, _, err := s.Begin(ctx); err != nil {
		return nil, err
	}
	g, kinds := NewGenerator(), map[events.Kind]int{}
	for n > 0 {
		batch := make([]*events.Event, min(n, 256))
		for i := range batch {
			batch[i] = g.Next()
			if m, ok := batch[i].Payload.(*events.MessageLog); !ok || !m.History {
				kinds[batch[i].Kind]++
			}
		}
		if err := s.Put(ctx, batch...); err != nil {
			return nil, err
		}
		n -= len(batch)
	}
	return kinds, nil
}

// checkProjected makes sure that the rows are there: as many events as were sent,
// none of them set aside, and each line of chat once.
func checkProjected(ctx context.Context, path string, n, lines int) (err error) {
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var seq, dead, chat int
	err = db.QueryRowContext(ctx, `SELECT (SELECT seq FROM projection_state), (SELECT count(*) FROM dead_letters),
		(SELECT count(*) FROM chat_messages)`).Scan(&seq, &dead, &chat)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	if seq != n || dead > 0 || chat != lines {
		return fmt.Errorf("measure: %d events, %d dead letters and %d lines of chat are in the tables, want %d, 0 and %d", seq, dead, chat, n, lines)
	}
	return nil
}
