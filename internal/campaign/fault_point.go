package campaign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rosey/internal/crashpoint"
)

// dieAt starts a part anew, told to die at a point, and waits for that. prepare
// is called while the part is down.
func (s *segment) dieAt(ctx context.Context, p *part, point string, atMost int, prepare func() error) (bool, error) {
	if err := s.kill(p); err != nil {
		return false, err
	}
	if prepare != nil {
		if err := prepare(); err != nil {
			return false, err
		}
	}
	env, fired := s.arm(point, atMost)
	if err := s.start(ctx, p, env...); err != nil {
		return false, err
	}
	if !p.life.wait(ctx, s.patience()) {
		return false, errors.Join(s.kill(p), s.start(ctx, p))
	}
	died, err := s.died(p.name, p.life, point, fired)
	if err != nil {
		return false, err
	}
	return died, s.start(ctx, p)
}

// dieInReplay rebuilds the tables, told to die at a point, while the projector
// is down.
func (s *segment) dieInReplay(ctx context.Context, point string) (bool, error) {
	if err := s.kill(s.projector); err != nil {
		return false, err
	}
	env, fired := s.arm(point, 1)
	l, err := run(s.cfg.Program, filepath.Join(s.folder, fmt.Sprintf("replay-%d.log", s.armed)), env, "replay", "--data", string(s.data))
	if err != nil {
		return false, err
	}
	if !l.wait(ctx, s.patience()) {
		l.kill()
		return false, s.start(ctx, s.projector)
	}
	died, err := s.died("replay", l, point, fired)
	if err != nil {
		return false, err
	}
	return died, s.start(ctx, s.projector)
}

// arm returns the environment that makes a process die, and the file that gets
// the point's name when it does.
func (s *segment) arm(point string, atMost int) (env []string, fired string) {
	s.armed++
	fired = filepath.Join(s.folder, fmt.Sprintf("fired-%d", s.armed))
	at := crashpoint.Point{Name: point, Arrival: 1 + s.rand.IntN(atMost)}
	return []string{crashpoint.Env + "=" + at.String(), crashpoint.EnvFired + "=" + fired}, fired
}

// died reports whether a process that is gone died at the point.
func (s *segment) died(name string, l *life, point, fired string) (bool, error) {
	if !l.killed() {
		return false, &Failure{What: fmt.Sprintf("the %s was to die at %s and ended by itself: %s", name, point, l.cmd.ProcessState), Log: l.lastWords()}
	}
	s.kills++
	line, err := os.ReadFile(fired)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // somebody else killed it
	}
	return string(line) == point+"\n", err
}

// deleteTables removes the database with all its generations. The file that
// tells it from other databases stays, and with it the projector's place.
func (s *segment) deleteTables() error {
	link := s.data.Database().Link
	files, err := filepath.Glob(link + ".g*")
	if err != nil {
		return err
	}
	for _, file := range append(files, link) {
		if err := os.RemoveAll(file); err != nil {
			return err
		}
	}
	return nil
}
