package campaign

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// rebuildFaults are those of a rebuild beside the running projection. That one ends
// well is no fault: it takes its turn so that the others meet what it leaves.
func rebuildFaults() []fault {
	return []fault{
		{"live rebuild", func(ctx context.Context, s *segment) (bool, error) { return s.rebuildLive(ctx) }},
		{"live rebuild and undo", func(ctx context.Context, s *segment) (bool, error) {
			if fired, err := s.rebuildLive(ctx); err != nil || !fired {
				return fired, err
			}
			return s.rebuildLive(ctx, "--undo")
		}},
		{"kill during a live rebuild", killDuringRebuild},
		{"kill during a live rebuild", killDuringRebuild},
	}
}

// rebuildLimit bounds a rebuild. It competes with the talk, and on a machine that is
// busy with other things that takes long.
const rebuildLimit = 10 * time.Minute

// keeps waits until the present life of the part that projects has the tables, and
// that of the server takes clients: a command that finds none runs one of its own on
// the store, where the projector does not look for it.
func (s *segment) keeps(ctx context.Context) bool {
	gone := func() bool { return s.projector.life.ended() || s.server.life.ended() }
	return s.until(ctx, s.patience(), func() bool {
		h, held, err := s.data.Database().Holder()
		keeps := err == nil && held && h.PID == s.projector.life.cmd.Process.Pid
		e, err := s.data.Endpoint()
		serves := err == nil && e.PID == s.server.life.cmd.Process.Pid
		return keeps && serves || gone()
	}) && !gone()
}

// ask has the running projector rebuild, as a person would.
func (s *segment) ask(args ...string) (*life, error) {
	s.asks++
	log := filepath.Join(s.folder, fmt.Sprintf("replay-live-%d.log", s.asks))
	return run(s.cfg.Program, log, nil, slices.Concat([]string{"replay", "--data", string(s.data)}, args)...)
}

// rebuildLive has a rebuild done to its end.
func (s *segment) rebuildLive(ctx context.Context, args ...string) (bool, error) {
	if !s.keeps(ctx) {
		return false, nil
	}
	l, err := s.ask(args...)
	if err != nil {
		return false, err
	}
	if !l.wait(ctx, rebuildLimit) {
		l.kill()
		return false, &Failure{What: fmt.Sprintf("a live rebuild does not end: %v", args), Log: l.lastWords() + s.projector.life.lastWords()}
	}
	if !l.cmd.ProcessState.Success() {
		return false, &Failure{What: fmt.Sprintf("a live rebuild comes to nothing: %v", args), Log: l.lastWords() + s.projector.life.lastWords()}
	}
	return true, nil
}

// killDuringRebuild kills the part that projects at some moment of a live rebuild. A
// rebuild that was over sooner is asked for again, and the moment comes earlier.
func killDuringRebuild(ctx context.Context, s *segment) (bool, error) {
	if !s.keeps(ctx) {
		return false, nil
	}
	const longest, shortest = 2 * time.Second, 20 * time.Millisecond
	moment := time.Duration(s.rand.Int64N(int64(longest)))
	l, err := s.ask()
	for err == nil {
		pause(ctx, moment)
		if !l.ended() || moment < shortest {
			break
		}
		moment /= 4
		l, err = s.ask("--fresh")
	}
	if err != nil {
		return false, err
	}
	during := !l.ended()
	if err := s.kill(s.projector); err != nil {
		return false, errors.Join(err, s.askerGone(ctx, l))
	}
	if err := s.askerGone(ctx, l); err != nil {
		return false, err
	}
	return during, s.start(ctx, s.projector)
}

// dieInLiveRebuild has the part that projects die at a point of a rebuild beside
// the projection.
func (s *segment) dieInLiveRebuild(ctx context.Context, point string) (bool, error) {
	if err := s.kill(s.projector); err != nil {
		return false, err
	}
	env, fired := s.arm(point, 1)
	if err := s.start(ctx, s.projector, env...); err != nil {
		return false, err
	}
	if !s.keeps(ctx) {
		return false, errors.Join(s.kill(s.projector), s.start(ctx, s.projector))
	}
	l, err := s.ask("--fresh")
	if err != nil {
		return false, err
	}
	s.until(ctx, rebuildLimit, func() bool { return s.projector.life.ended() || l.ended() })
	if !s.projector.life.wait(ctx, s.patience()) {
		return false, errors.Join(s.kill(s.projector), s.askerGone(ctx, l), s.start(ctx, s.projector))
	}
	died, err := s.died(s.projector.name, s.projector.life, point, fired)
	if err = errors.Join(err, s.askerGone(ctx, l)); err != nil {
		return false, err
	}
	return died, s.start(ctx, s.projector)
}

// askerGone makes sure that one who asked a process that is gone does not wait for
// ever.
func (s *segment) askerGone(ctx context.Context, l *life) error {
	if !l.wait(ctx, progressLimit) && ctx.Err() == nil {
		l.kill()
		return &Failure{What: "who asked for a rebuild does not notice that the process is gone", Log: l.lastWords()}
	}
	return nil
}

// offline are the points that a rebuild comes by beside which nobody projects.
var offline = []string{"replay.before_finish", "replay.before_swap", "replay.after_swap"}

// dieAtReplayPoint has whoever rebuilds die at a point: the projector beside its
// work, or, at every other try where it comes by the point too, the command.
func (s *segment) dieAtReplayPoint(ctx context.Context, point string) (bool, error) {
	if slices.Contains(offline, point) && s.rand.IntN(2) == 0 {
		return s.dieInReplay(ctx, point)
	}
	return s.dieInLiveRebuild(ctx, point)
}
