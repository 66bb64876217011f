package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
)

// livePerSecond is how many events go on arriving while a backlog is sent.
const livePerSecond = 200

// Outage measures a long one: n events put while there is no stream, then sent to
// one that syncs before it acknowledges, while others keep arriving. With singly
// the stream takes no atomic batches. It fails unless the stream then holds
// everything, once and in order.
func Outage(ctx context.Context, dir string, n int, singly bool) (_ Result, err error) {
	cfg := spool.Config{Path: filepath.Join(dir, "spool", Channel+".db"), Channel: Channel}
	g := NewGenerator()
	res, err := fillInOutage(ctx, cfg, g, n)
	if err != nil {
		return Result{}, err
	}
	begin := time.Now()
	s, err := spool.Open(ctx, cfg)
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	res.add(Metric{"open-ms", milliseconds(time.Since(begin))})
	r, err := newRig(ctx, dir, true)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if singly {
		if err := r.forbidBatches(ctx); err != nil {
			return Result{}, err
		}
	}
	more, err := drainWhileLive(ctx, s, g, r.stream)
	if err != nil {
		return Result{}, err
	}
	live := int(more.Get("live-events"))
	res.Join(more)
	return res, r.checkOrder(ctx, n, live)
}

// fillInOutage puts events with no stream, and compares the memory at the
// beginning with that at the end.
func fillInOutage(ctx context.Context, cfg spool.Config, g *Generator, n int) (_ Result, err error) {
	s, err := spool.Open(ctx, cfg)
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, _, err := s.Begin(ctx); err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	tenth := max(n/10, 1)
	var took time.Duration
	var first, last float64
	for _, part := range []struct {
		events int
		peak   *float64
	}{{tenth, &first}, {n - 2*tenth, new(float64)}, {tenth, &last}} {
		p := startPeak()
		d, err := putEvents(ctx, s, g, part.events)
		_, *part.peak = p.stop()
		if err != nil {
			return Result{}, err
		}
		took += d
	}
	total, err := folderSize(filepath.Dir(cfg.Path))
	if err != nil {
		return Result{}, err
	}
	size := float64(total)
	return Result{Metrics: []Metric{
		{"put-events/s", rate(n, took)},
		{"spool-disk-MB", size / megabyte},
		{"spool-disk-bytes/event", size / float64(n)},
		{"first-tenth-peak-rss-MB", first},
		{"last-tenth-peak-rss-MB", last},
	}}, nil
}

// drainWhileLive sends the backlog while another run's events keep arriving.
func drainWhileLive(ctx context.Context, s *spool.Spool, g *Generator, to spool.Appender) (Result, error) {
	if _, _, err := s.Begin(ctx); err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	backlog := int(s.Depth().Events)
	liveCtx, stop := context.WithCancel(ctx)
	var waits []time.Duration
	live := make(chan error, 1)
	go func() {
		var err error
		waits, err = putLive(liveCtx, s, g)
		live <- err
	}()
	p := startPeak()
	// The spool is never empty meanwhile: what is put next takes the deletion of what
	// was sent before into its own transaction.
	took, err := drainUntil(ctx, s, to, s.SettleEarlier)
	_, resident := p.stop()
	stop()
	if err = errors.Join(err, <-live); err != nil {
		return Result{}, err
	}
	// What came after the backlog.
	if _, err := drain(ctx, s, to); err != nil {
		return Result{}, err
	}
	slices.Sort(waits)
	return Result{Metrics: []Metric{
		{"events/s", rate(backlog+len(waits), took)},
		{"live-events", float64(len(waits))},
		{"live-put-p99-ms", milliseconds(waits[len(waits)*99/100])},
		{"drain-peak-rss-MB", resident},
	}}, nil
}

// putLive puts events at a steady rate, one at least, and returns how long each
// Put took.
func putLive(ctx context.Context, s *spool.Spool, g *Generator) (waits []time.Duration, err error) {
	tick := time.NewTicker(time.Second / livePerSecond)
	defer tick.Stop()
	for {
		begin := time.Now()
		if err := s.Put(context.WithoutCancel(ctx), g.Next()); err != nil {
			return waits, fmt.Errorf("measure: %w", err)
		}
		waits = append(waits, time.Since(begin))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return waits, nil
		}
	}
}

// forbidBatches makes the stream like one of a server that has no atomic batches.
func (r *rig) forbidBatches(ctx context.Context) error {
	js, err := jetstream.New(r.conn.NATS())
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	stream, err := js.Stream(ctx, streams.StreamName)
	if err != nil {
		return fmt.Errorf("measure: look up stream: %w", err)
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("measure: forbid batches: %w", err)
	}
	return nil
}

// checkOrder makes sure that the stream holds two runs, each from its first event
// to its last, without a hole and without a second copy.
func (r *rig) checkOrder(ctx context.Context, first, second int) error {
	reader, err := r.stream.Reader(ctx, streams.ReadOptions{From: 1, StopAtEnd: true, HeadersOnly: true})
	if err != nil {
		return fmt.Errorf("measure: read stream: %w", err)
	}
	defer reader.Close()
	for n := 0; ; n++ {
		m, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) {
			if n != first+second {
				return fmt.Errorf("measure: the stream holds %d events, want %d", n, first+second)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("measure: read stream: %w", err)
		}
		want := n + 1
		if n >= first {
			want = n - first + 1
		}
		if _, seq, ok := events.ParseID(m.MsgID); !ok || seq != uint64(want) {
			return fmt.Errorf("measure: event %s where sequence %d is due", m.MsgID, want)
		}
	}
}
