package measure

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// syncOnce writes one page and waits until it is on the disk.
func syncOnce(f *os.File) (time.Duration, error) {
	begin := time.Now()
	if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	return time.Since(begin), nil
}

// syncTimes is how long writing one page through to the disk took, so many times
// in a row, the shortest first.
func syncTimes(dir string, times int) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	took = make([]time.Duration, times)
	for i := range took {
		if took[i], err = syncOnce(f); err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

// diskEvery is how often a diskProbe asks the disk. It is seldom beside what it
// watches, and still a few hundred times in ten seconds.
const diskEvery = 20 * time.Millisecond

// diskProbe writes a page of its own through to the disk again and again while
// something else is measured. What delays this delays everybody who syncs: it tells
// the disk's stalls from those of the program.
type diskProbe struct {
	file *os.File
	done chan struct{}
	wg   sync.WaitGroup
	took []time.Duration
	err  error
}

func startDiskProbe(dir string) (*diskProbe, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	p := &diskProbe{file: f, done: make(chan struct{})}
	p.wg.Go(func() {
		tick := time.NewTicker(diskEvery)
		defer tick.Stop()
		for {
			d, err := syncOnce(f)
			if err != nil {
				p.err = err
				return
			}
			p.took = append(p.took, d)
			select {
			case <-tick.C:
			case <-p.done:
				return
			}
		}
	})
	return p, nil
}

// stop returns how long the writes took, the shortest first.
func (p *diskProbe) stop() ([]time.Duration, error) {
	close(p.done)
	p.wg.Wait()
	slices.Sort(p.took)
	return p.took, errors.Join(p.err, p.file.Close(), os.Remove(p.file.Name()))
}
