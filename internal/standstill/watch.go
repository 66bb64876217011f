package standstill

import (
	"sync"
	"time"
)

// look is how often a watch looks at the clock.
const look = 50 * time.Millisecond

// Watch measures for how long this program did not run.
type Watch struct {
	end  chan struct{}
	done chan struct{}

	mu      sync.Mutex
	longest time.Duration
}

// NewWatch begins to watch; the caller must Stop it.
func NewWatch() *Watch {
	w := &Watch{end: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *Watch) run() {
	defer close(w.done)
	tick := time.NewTimer(look)
	defer tick.Stop()
	for last, ended := time.Now(), false; !ended; {
		select {
		case <-tick.C:
		case <-w.end:
			ended = true
		}
		now := time.Now()
		w.mu.Lock()
		w.longest = max(w.longest, now.Sub(last)-look)
		w.mu.Unlock()
		last = now
		tick.Reset(look)
	}
}

// Stop ends the watch and returns the longest time in which the program stood
// still.
func (w *Watch) Stop() time.Duration {
	close(w.end)
	<-w.done
	return w.longest
}
