package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// onTheWay bounds how many lines have been said and are not visible yet: the
// channel says the next ones as fast as the program takes them.
const onTheWay = 2000

// Sustained measures how many lines a second the whole program takes for as long as
// that lasts, from the frame to the row, and how its memory goes on meanwhile. The
// channel runs in this process, the program in its own.
func Sustained(ctx context.Context, dir string, p Program, lasting time.Duration) (_ Result, err error) {
	s, err := newScene(ctx, dir, p.up)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	before, err := s.use()
	if err != nil {
		return Result{}, err
	}
	memory := Curve{Name: "memory-MB"}
	speed := Curve{Name: "events/s"}
	begin, first := time.Now(), s.seen
	// Parts of equal length; how the slowest did is told too.
	const parts = 12
	part := lasting / parts
	for i := range parts {
		at := s.seen
		start := time.Now()
		end := begin.Add(time.Duration(i+1) * part)
		for look := start; ; {
			if err := s.fill(ctx); err != nil {
				return Result{}, err
			}
			now := time.Now()
			over := !now.Before(end)
			if over || now.Sub(look) >= part/10 {
				look = now
				u, err := s.use()
				if err != nil {
					return Result{}, err
				}
				memory.X = append(memory.X, float64(s.seen))
				memory.Y = append(memory.Y, u[0].resident/megabyte)
			}
			if over {
				break
			}
		}
		speed.X = append(speed.X, time.Since(begin).Seconds())
		speed.Y = append(speed.Y, rate(s.seen-at, time.Since(start)))
	}
	n, took := s.seen-first, time.Since(begin)
	after, err := s.use()
	if err != nil {
		return Result{}, err
	}
	if err := s.check(ctx); err != nil {
		return Result{}, err
	}
	// The beginning, in which caches fill, is left out.
	half := len(memory.X) / 2
	return Result{Metrics: []Metric{
		{"events/s", rate(n, took)},
		{"slowest-twelfth-events/s", slices.Min(speed.Y)},
		{"events", float64(n)},
		{"cpu-ms/event", 1000 * (after[0].cpu - before[0].cpu).Seconds() / float64(n)},
		{"first-half-peak-rss-MB", slices.Max(memory.Y[:half])},
		{"second-half-peak-rss-MB", slices.Max(memory.Y[half:])},
		{"second/first-half-peak-rss", ratio(slices.Max(memory.Y[half:]), slices.Max(memory.Y[:half]))},
		{"rss-MB/million-events", 1e6 * slope(memory.X[half:], memory.Y[half:])},
	}, Curves: []Curve{memory, speed}}, nil
}

// fill says as many lines as may be on their way, and looks what has come through.
func (s *scene) fill(ctx context.Context) error {
	for s.lines-s.seen < onTheWay {
		if err := s.say(); err != nil {
			return err
		}
	}
	at := s.seen
	return s.until(ctx, func() (bool, error) {
		err := s.look(ctx)
		return s.seen > at, err
	})
}

// slope is how much y grows with x, by least squares.
func slope(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

// Burst measures lines that are all said at once: how long until the last is
// visible.
func Burst(ctx context.Context, dir string, p Program, lines int) (_ Result, err error) {
	s, err := newScene(ctx, dir, p.up)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begin := time.Now()
	for range lines {
		if err := s.say(); err != nil {
			return Result{}, err
		}
	}
	said := time.Since(begin)
	if err := s.awaitLines(ctx); err != nil {
		return Result{}, fmt.Errorf("measure: %d of %d lines came through: %w", s.seen, s.lines, err)
	}
	took := time.Since(begin)
	if err := s.check(ctx); err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{
		{"events/s", rate(lines, took)},
		{"last-row-after-s", took.Seconds()},
		{"said-within-s", said.Seconds()},
	}}, nil
}

// Idle measures the whole program in a channel in which nothing happens.
func Idle(ctx context.Context, dir string, p Program, settle, window time.Duration) (_ Result, err error) {
	s, err := newScene(ctx, dir, p.up)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := wait(ctx, settle); err != nil {
		return Result{}, err
	}
	before, err := s.use()
	if err != nil {
		return Result{}, err
	}
	begin := time.Now()
	if err := wait(ctx, window); err != nil {
		return Result{}, err
	}
	after, err := s.use()
	if err != nil {
		return Result{}, err
	}
	lasted := time.Since(begin)
	if s.channel.Clients() != 1 {
		return Result{}, fmt.Errorf("measure: %d clients are in the channel, want 1", s.channel.Clients())
	}
	return Result{Metrics: []Metric{
		{"cpu-%-of-a-core", 100 * (after[0].cpu - before[0].cpu).Seconds() / lasted.Seconds()},
		{"rss-MB", after[0].resident / megabyte},
		{"peak-rss-MB", procPeak(s.parts[0].pid())},
	}}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
