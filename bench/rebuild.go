package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rosey/replay"
	"rosey/schema"
)

// naiveEvents is how many events the naive projector gets: its rate does not
// depend on how many there are, and it would take minutes.
const naiveEvents = 10_000

// Rebuild measures a whole rebuild from the stream, and in the same run its
// bounds: reading alone, decoding alone, SQLite alone, and a naive projector.
func (h *History) Rebuild(ctx context.Context) (Result, error) {
	read, err := h.readAlone(ctx)
	if err != nil {
		return nil, err
	}
	decode, err := h.decodeAlone()
	if err != nil {
		return nil, err
	}
	apply, err := h.applyAlone(ctx, 10_000, true)
	if err != nil {
		return nil, err
	}
	path := h.file()
	peak := startPeak()
	begin := time.Now()
	res, err := replay.Into(ctx, path, replay.Config{Stream: h.rig.stream, DefaultChannel: Channel})
	took := time.Since(begin)
	heap, resident := peak.stop()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if res.DeadLetters > 0 || res.Seq != uint64(h.events) {
		return nil, fmt.Errorf("bench: rebuild ended at seq=%d with %d dead letters", res.Seq, res.DeadLetters)
	}
	size, err := folderSize(path)
	if err != nil {
		return nil, err
	}
	tables, err := weigh(ctx, path, h.events)
	if err = errors.Join(err, schema.RemoveFile(path)); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	stored, err := folderSize(filepath.Join(h.rig.dir, "jetstream"))
	if err != nil {
		return nil, err
	}
	n := min(naiveEvents, h.events)
	naive, err := h.naive(ctx, n)
	if err != nil {
		return nil, err
	}
	return append(Result{
		{"read-events/s", rate(h.events, read)},
		{"decode-events/s", rate(h.events, decode)},
		{"sqlite-events/s", rate(h.events, apply)},
		{"naive-events/s", rate(n, naive)},
		{"rebuild-events/s", rate(h.events, took)},
		{"rebuild-s", took.Seconds()},
		{"rebuild/read", ratio(read.Seconds(), took.Seconds())},
		{"rebuild/sqlite", ratio(apply.Seconds(), took.Seconds())},
		{"rebuild/naive", ratio(rate(h.events, took), rate(n, naive))},
		{"peak-heap-MB", heap},
		{"peak-rss-MB", resident},
		{"stream-disk-bytes/event", float64(stored) / float64(h.events)},
		{"db-bytes/event", float64(size) / float64(h.events)},
	}, tables...), nil
}
