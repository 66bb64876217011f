package campaign

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxFailed is how many segments may fail until the campaign ends: what they
// leave takes space.
const maxFailed = 3

// Run runs a campaign. The report is of use in any case; the error is about what
// kept the campaign from going on, not about what it found.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return &Report{}, err
	}
	cfg = cfg.withDefaults()
	c := &campaign{cfg: cfg, begun: time.Now(), report: Report{Seed: cfg.Seed, SegmentCycles: cfg.SegmentCycles}}
	g, ctx := errgroup.WithContext(ctx)
	for range cfg.Parallel {
		g.Go(func() error { return c.work(ctx) })
	}
	err := g.Wait()
	c.report.finish(time.Since(c.begun))
	return &c.report, err
}

// campaign deals out segments.
type campaign struct {
	cfg   Config
	begun time.Time

	mu     sync.Mutex
	next   int // segment
	failed int
	report Report
}

func (c *campaign) work(ctx context.Context) error {
	for {
		seed, cycles, ok := c.take()
		if !ok || ctx.Err() != nil {
			return ctx.Err()
		}
		begun := time.Now()
		res, err := runSegment(ctx, c.cfg, seed, cycles)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.put(seed, res, time.Since(begun))
		if err != nil {
			return err
		}
	}
}

// take returns the next segment, false when there is none.
func (c *campaign) take() (seed uint64, cycles int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cycles = c.cfg.SegmentCycles
	if c.cfg.Cycles > 0 {
		cycles = min(cycles, c.cfg.Cycles-c.next*c.cfg.SegmentCycles)
	}
	if cycles <= 0 || c.failed >= maxFailed || c.cfg.For > 0 && time.Since(c.begun) >= c.cfg.For {
		return 0, 0, false
	}
	c.next++
	return c.cfg.Seed + uint64(c.next-1), cycles, true
}

func (c *campaign) put(seed uint64, res result, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.add(res)
	verdict := "ok"
	if len(res.failures) > 0 {
		c.failed++
		verdict = "FAILED: " + res.failures[0].What + " (" + res.failures[0].Folder + ")"
	}
	l, _ := layoutOf(seed)
	fmt.Fprintf(c.cfg.Progress, "seed %d %-8s %3d cycles %7d events %6s; in all %d cycles, %d events, %s: %s\n",
		seed, l, res.cycles, res.events, took.Round(time.Second), c.report.Cycles, c.report.Events, time.Since(c.begun).Round(time.Second), verdict)
}
