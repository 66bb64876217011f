package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

// Overhead measures what the path over a spool, a stream and a projector takes of
// the machine, beside a recorder that writes the rows itself: the same channel, the
// same things happening in it at the same moments, one system after the other. The
// path is measured in one process, as `rosey up` runs it, and in three, where the
// server's share can be left out.
func Overhead(ctx context.Context, dir string, p Program, perSecond int, window time.Duration) (Result, error) {
	late := p.Late
	if late <= 0 {
		late = window/10 + time.Second
	}
	direct, err := load(ctx, filepath.Join(dir, "direct"), p.direct, perSecond, window, late)
	if err != nil {
		return Result{}, fmt.Errorf("measure: the recorder that writes directly: %w", err)
	}
	up, err := load(ctx, filepath.Join(dir, "up"), p.up, perSecond, window, late)
	if err != nil {
		return Result{}, fmt.Errorf("measure: the program in one process: %w", err)
	}
	apart, err := load(ctx, filepath.Join(dir, "apart"), p.apart, perSecond, window, late)
	if err != nil {
		return Result{}, fmt.Errorf("measure: the program in three processes: %w", err)
	}
	if direct.rows != up.rows || direct.rows != apart.rows {
		return Result{}, fmt.Errorf("measure: %d, %d and %d rows of the same evening", direct.rows, up.rows, apart.rows)
	}
	server := apart.parts[0]
	share := func(cpu time.Duration) float64 { return 100 * cpu.Seconds() / window.Seconds() }
	one, all := direct.sum(), up.sum()
	three := apart.sum()
	events := float64(perSecond) * window.Seconds()
	machine, err := memoryOfMachine()
	if err != nil {
		return Result{}, err
	}
	added := share(all.cpu) - share(one.cpu)
	return Result{Metrics: []Metric{
		{"direct-cpu-%", share(one.cpu)},
		{"path-cpu-%", share(all.cpu)},
		{"three-processes-cpu-%", share(three.cpu)},
		{"without-server-cpu-%", share(three.cpu - server.cpu)},
		{"added-%-of-a-core", added},
		{"added-%-of-the-machine", added / float64(runtime.NumCPU())},
		{"without-server-added-%-of-a-core", share(three.cpu-server.cpu) - share(one.cpu)},
		{"path/direct-cpu", ratio(all.cpu.Seconds(), one.cpu.Seconds())},
		{"direct-cpu-ms/event", 1000 * one.cpu.Seconds() / events},
		{"path-cpu-ms/event", 1000 * all.cpu.Seconds() / events},
		{"direct-rss-MB", one.resident / megabyte},
		{"path-rss-MB", all.resident / megabyte},
		{"three-processes-rss-MB", three.resident / megabyte},
		{"without-server-rss-MB", (three.resident - server.resident) / megabyte},
		{"added-rss-MB", (all.resident - one.resident) / megabyte},
		{"added-%-of-memory", 100 * (all.resident - one.resident) / machine},
		{"path/direct-rss", ratio(all.resident, one.resident)},
	}}, nil
}

// loaded is what the processes of one system used while things happened.
type loaded struct {
	parts []usage // CPU within the window, memory at its highest
	rows  int
}

func (l loaded) sum() (s usage) {
	for _, u := range l.parts {
		s.cpu += u.cpu
		s.resident += u.resident
	}
	return s
}

// load lets so many things happen a second, evenly, after a moment of getting warm.
// It fails where they are in the tables too late.
func load(ctx context.Context, dir string, cast cast, perSecond int, window, late time.Duration) (l loaded, err error) {
	s, err := newScene(ctx, dir, cast)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	warm := perSecond * int(max(window/5, time.Second)/time.Second)
	if err := s.happen(ctx, 0, warm, perSecond, nil); err != nil {
		return l, err
	}
	before, err := s.use()
	if err != nil {
		return l, err
	}
	l.parts = make([]usage, len(before))
	n := int(float64(perSecond) * window.Seconds())
	begin := time.Now()
	err = s.happen(ctx, warm, n, perSecond, func() error {
		now, err := s.use()
		for i := range now {
			l.parts[i].resident = max(l.parts[i].resident, now[i].resident)
		}
		return err
	})
	if err != nil {
		return l, err
	}
	// Everything has to be in the tables for as little as this.
	if err := s.awaitLines(ctx); err != nil {
		return l, err
	}
	if longer := time.Since(begin) - window; longer > late {
		return l, fmt.Errorf("measure: %d things in %v took %v longer", n, window, longer)
	}
	after, err := s.use()
	if err != nil {
		return l, err
	}
	for i := range after {
		l.parts[i].cpu = after[i].cpu - before[i].cpu
	}
	if l.rows, err = s.rows(ctx); err != nil {
		return l, err
	}
	return l, s.check(ctx)
}

// happen lets things happen evenly and looks at the processes twice a second.
func (s *scene) happen(ctx context.Context, first, n, perSecond int, look func() error) error {
	begin := time.Now()
	every := max(perSecond/2, 1)
	for i := range n {
		select {
		case <-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond)))):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := s.act(first + i); err != nil {
			return err
		}
		if look != nil && i%every == every-1 {
			if err := look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows counts what the evening has left in the tables, with what people did.
func (s *scene) rows(ctx context.Context) (n int, err error) {
	const acts = "SELECT (SELECT count(*) FROM chat_messages) + (SELECT count(*) FROM user_actions WHERE action IN ('join', 'leave', 'afk', 'back'))"
	err = s.until(ctx, func() (bool, error) {
		err := s.reader.QueryRowContext(ctx, acts).Scan(&n)
		return n >= s.lines+s.others, err
	})
	if err == nil && n != s.lines+s.others {
		err = fmt.Errorf("measure: %d rows for %d things", n, s.lines+s.others)
	}
	return n, err
}
