package measure

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const megabyte = 1 << 20

// peak watches the memory of the process while something runs. The server and
// its connection live in the same process and count.
type peak struct {
	done           chan struct{}
	wg             sync.WaitGroup
	heap, resident float64
}

func startPeak() *peak {
	// What earlier measurements left is not this one's.
	debug.FreeOSMemory()
	forgetPeak()
	p := &peak{done: make(chan struct{})}
	p.wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			p.heap = max(p.heap, heapBytes()/megabyte)
			p.resident = max(p.resident, residentBytes()/megabyte)
			select {
			case <-tick.C:
			case <-p.done:
				return
			}
		}
	})
	return p
}

// stop returns the highest heap and resident set seen, in megabytes.
func (p *peak) stop() (heap, resident float64) {
	close(p.done)
	p.wg.Wait()
	return p.heap, max(p.resident, procPeak(os.Getpid()))
}

// heapBytes is what Go objects take, garbage not collected yet among them.
func heapBytes() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}

// residentBytes is what the process takes in all: SQLite's memory is not on
// Go's heap. It is 0 where the system does not tell.
func residentBytes() float64 {
	u, err := usageOf(os.Getpid())
	if err != nil {
		return 0
	}
	return u.resident
}
