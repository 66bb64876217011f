package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rosey/internal/campaign/speech"
)

// result is what a segment came to.
type result struct {
	cycles, kills, lines, events  int
	lost, duplicated, differences int
	outbound                      speech.Figures
	faults                        []Fault
	failures                      []Failure
}

// count notes a fault that was planned, and one that fired.
func (r *result) count(kind string, planned, fired int) {
	i := slices.IndexFunc(r.faults, func(f Fault) bool { return f.Kind == kind })
	if i < 0 {
		i = len(r.faults)
		r.faults = append(r.faults, Fault{Kind: kind})
	}
	r.faults[i].Planned += planned
	r.faults[i].Fired += fired
}

// namedAtMost bounds how many lost lines and the like are named.
const namedAtMost = 5

// fail notes what went wrong; the segment goes on.
func (s *segment) fail(what string, about *part) {
	f := Failure{Seed: s.seed, Layout: s.layout.String(), Folder: s.folder, What: what}
	if about != nil {
		f.Log = about.life.lastWords()
	}
	s.result.failures = append(s.result.failures, f)
}

// runSegment lets the given number of cycles happen to a new installation and
// compares what it kept. The error is the campaign's own.
func runSegment(ctx context.Context, cfg Config, seed uint64, cycles int) (result, error) {
	s, err := newSegment(cfg, seed)
	if err != nil {
		return result{}, err
	}
	err = s.attack(ctx, cycles)
	if err == nil {
		err = s.compare(ctx)
	}
	s.close()
	s.result.kills, s.result.lines = s.kills, s.talk.said()
	var failure *Failure
	if errors.As(err, &failure) {
		s.result.failures = append(s.result.failures, Failure{
			Seed: s.seed, Layout: s.layout.String(), Folder: s.folder, What: failure.What, Log: failure.Log,
		})
		err = nil
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return s.result, fmt.Errorf("%w (seed %d, see %s)", err, seed, s.folder)
	case len(s.result.failures) > 0 && ctx.Err() == nil:
		return s.result, nil // its folder stays
	}
	return s.result, errors.Join(err, os.RemoveAll(s.folder))
}

// attack deals out the faults while people talk, and brings the installation to
// rest.
func (s *segment) attack(ctx context.Context, cycles int) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	stop := s.goOn(ctx)
	err := s.faults(ctx, cycles)
	stop()
	if err != nil {
		return err
	}
	return s.settle(ctx)
}

// goOn begins the talk, the speech and the witness's looking, until the returned
// function is called.
func (s *segment) goOn(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	talked, looked, spoke := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(talked)
		s.talk.run(ctx)
	}()
	go func() {
		defer close(looked)
		for pause(ctx, 50*time.Millisecond) {
			s.witness.look(ctx)
		}
	}()
	go func() {
		defer close(spoke)
		s.asker.run(ctx)
	}()
	return func() {
		cancel()
		<-talked
		<-looked
		<-spoke
	}
}

func (s *segment) faults(ctx context.Context, cycles int) error {
	_, window := layoutOf(s.seed)
	hand := deal(s.layout, window*s.cfg.SegmentCycles, cycles, s.rand)
	var again []fault
	for _, f := range hand {
		s.result.count(f.kind, 1, 0)
		fired, err := s.one(ctx, f)
		if err != nil {
			return err
		}
		if !fired {
			again = append(again, f)
		}
	}
	for _, f := range again {
		if _, err := s.one(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// one is one cycle, with what is to be noted about it.
func (s *segment) one(ctx context.Context, f fault) (fired bool, err error) {
	begun := time.Now()
	s.attacks++
	fired, err = s.cycle(ctx, f)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var failure *Failure
	if errors.As(err, &failure) {
		failure.What = f.kind + ": " + failure.What
	}
	if fired && err == nil {
		s.result.cycles++
		s.result.count(f.kind, 0, 1)
	}
	s.note("%s fired=%t %s said=%d safe=%d", f.kind, fired, time.Since(begun).Round(time.Millisecond), s.talk.said(), s.witness.known.Load())
	return fired, err
}

// note writes a line into the segment's own log.
func (s *segment) note(format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(s.folder, "campaign.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // the log is a help, not a result
	}
	fmt.Fprintf(f, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
	_ = f.Close()
}
