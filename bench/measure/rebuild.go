package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"rosey/replay"
	"rosey/schema"
)

// naiveEvents is how many events the naive projector gets: its rate does not
// depend on how many there are, and ten million would take it half an hour. What
// it would need for all of them is extrapolated from these.
const naiveEvents = 10_000

// Rebuild measures a whole rebuild from the stream into a finished file. The
// memory is that of the process, its embedded server included: it says most of a
// process that does nothing else.
func (h *History) Rebuild(ctx context.Context) (Result, error) {
	path := h.file()
	peak := startPeak()
	begin := time.Now()
	res, err := replay.Into(ctx, path, replay.Config{Stream: h.rig.stream, DefaultChannel: Channel})
	took := time.Since(begin)
	heap, resident := peak.stop()
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	if res.DeadLetters > 0 || res.Seq != uint64(h.events) {
		return Result{}, fmt.Errorf("measure: rebuild ended at seq=%d of %d with %d dead letters", res.Seq, h.events, res.DeadLetters)
	}
	size, err := folderSize(path)
	if err != nil {
		return Result{}, err
	}
	tables, err := weigh(ctx, path, h.events)
	if err = errors.Join(err, schema.RemoveFile(path)); err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	stored, err := folderSize(filepath.Join(h.rig.dir, "jetstream"))
	if err != nil {
		return Result{}, err
	}
	r := Result{Metrics: []Metric{
		{"rebuild-events/s", rate(h.events, took)},
		{"rebuild-s", took.Seconds()},
		{"peak-heap-MB", heap},
		{"peak-rss-MB", resident},
		{"stream-disk-bytes/event", float64(stored) / float64(h.events)},
		{"db-bytes/event", float64(size) / float64(h.events)},
	}}
	r.Join(tables)
	return r, nil
}

// Bounds measures what a rebuild is compared with: reading the stream and doing
// nothing with it, decoding alone, SQLite alone on decoded events, and a naive
// projector on the first of them.
func (h *History) Bounds(ctx context.Context) (Result, error) {
	read, err := h.readAlone(ctx)
	if err != nil {
		return Result{}, err
	}
	alone, err := h.applyAlone(ctx, 10_000, true)
	if err != nil {
		return Result{}, err
	}
	n := min(naiveEvents, h.events)
	naive, err := h.naive(ctx, n)
	if err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{
		{"read-events/s", rate(h.events, read)},
		{"decode-events/s", rate(h.events, alone.decode)},
		{"sqlite-events/s", rate(h.events, alone.apply)},
		{"naive-events/s", rate(n, naive)},
	}}, nil
}

// again is the unit of a second rebuild's time, until it is put together with the
// first one's.
const again = "again-s"

// RebuildAgain measures how long the same rebuild takes once more.
func (h *History) RebuildAgain(ctx context.Context) (Result, error) {
	r, err := h.Rebuild(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{Metrics: []Metric{{again, r.Get("rebuild-s")}}}, nil
}

// AddRebuildRatios compares a rebuild with its bounds, once a result has both. Where
// it was measured before the bounds and after them, the mean counts: a machine
// becomes faster or slower within a minute, and most of that cancels out so.
func AddRebuildRatios(r *Result) {
	if second := r.Get(again); second > 0 {
		r.Metrics = slices.DeleteFunc(r.Metrics, func(m Metric) bool { return m.Unit == again })
		first := r.Get("rebuild-s")
		mean := (first + second) / 2
		r.set("rebuild-s", mean)
		r.set("rebuild-events/s", r.Get("rebuild-events/s")*first/mean)
	}
	rebuild := r.Get("rebuild-events/s")
	r.add(
		Metric{"rebuild/read", ratio(rebuild, r.Get("read-events/s"))},
		Metric{"rebuild/sqlite", ratio(rebuild, r.Get("sqlite-events/s"))},
		Metric{"rebuild/naive", ratio(rebuild, r.Get("naive-events/s"))},
	)
}
