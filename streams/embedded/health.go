package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Health returns nil when the server can store and deliver. It asks for the
// server's complete check, streams and consumers included: the short forms stay
// well after a full disk has disabled the store. The error is ErrNotRunning,
// ErrUnhealthy or ErrDiskLow.
func (s *Server) Health() error {
	r := s.current()
	if r == nil {
		return fmt.Errorf("embedded: %w", ErrNotRunning)
	}
	if h := r.srv.Healthz(&server.HealthzOptions{}); h.Status != "ok" {
		return fmt.Errorf("embedded: %w: %s: %s", ErrUnhealthy, h.Status, h.Error)
	}
	free, err := s.Free()
	if err != nil {
		return err
	}
	if free < s.cfg.MinFree {
		return fmt.Errorf("embedded: %w: %d MiB left under %s", ErrDiskLow, free>>20, s.cfg.StoreDir)
	}
	if r.log.sawDiskFull() {
		// Publishes get no answer from here on, whatever has been freed since.
		return fmt.Errorf("embedded: %w: the disk was full: restart the server", ErrUnhealthy)
	}
	return nil
}

// Free returns the bytes that can still be written under the store directory.
func (s *Server) Free() (int64, error) {
	free, err := freeBytes(s.cfg.StoreDir)
	if err != nil {
		return 0, fmt.Errorf("embedded: measure free space under %s: %w", s.cfg.StoreDir, err)
	}
	return free, nil
}

// NeedsRestart reports whether the server ran out of disk, has room again and
// will serve publishes only after a Restart.
func (s *Server) NeedsRestart() bool {
	r := s.current()
	if r == nil || !r.log.sawDiskFull() {
		return false
	}
	free, err := s.Free()
	return err == nil && free >= s.cfg.MinFree
}

// watch restarts the server once a full disk has room again, because nothing
// else makes it take publishes, and tries again for as long as there is none.
func (s *Server) watch(ctx context.Context) {
	defer close(s.watchDone)
	tick := time.NewTicker(s.cfg.WatchEvery)
	defer tick.Stop()
	for attempt := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var err error
		switch {
		case s.NeedsRestart():
			s.cfg.Logger.Warn("the disk was full and has room again: restarting the embedded server")
			err = s.Restart(ctx)
		case s.current() == nil:
			err = s.revive(ctx)
		}
		if err == nil || ctx.Err() != nil {
			attempt = 0
			continue
		}
		// 1, 2, 4, 8, …: what lasts for days is not a log of its own.
		if attempt++; attempt&(attempt-1) == 0 {
			s.cfg.Logger.Error("embedded server did not come back, trying again", "attempt", attempt, "err", err)
		}
	}
}

// revive starts a server where a restart has left none.
func (s *Server) revive(ctx context.Context) error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.current() != nil || s.lock == nil {
		return nil
	}
	return s.launch(ctx)
}
