package replay

import (
	"sync"
	"time"

	"rosey/schema"
)

// A sweeper removes old generations once they have stayed long enough, beside a
// projection that goes on.
type sweeper struct {
	store schema.Store
	grace time.Duration
	// due is told when there will be something to remove.
	due chan struct{}

	// mu is held by whoever may swap: what is the current generation must not change
	// while others are removed.
	mu   sync.Mutex
	keep int
}

func newSweeper(store schema.Store, grace time.Duration) *sweeper {
	if grace <= 0 {
		grace = schema.Grace
	}
	return &sweeper{store: store, grace: grace, due: make(chan struct{}, 1)}
}

// later notes how many are to be left. The caller holds mu.
func (s *sweeper) later(keep int) {
	s.keep = keep
	s.tell()
}

func (s *sweeper) tell() {
	select {
	case s.due <- struct{}{}:
	default: // it is told already
	}
}

// sweep removes what is too old. Beside work, and after another swap, it has itself
// called again.
func (s *sweeper) sweep() error {
	if !s.mu.TryLock() {
		s.tell()
		return nil
	}
	defer s.mu.Unlock()
	if s.store.Settling(s.grace) > 0 {
		s.tell()
		return nil
	}
	return s.store.Prune(s.keep)
}
