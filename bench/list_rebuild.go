package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"rosey/bench/measure"
	"rosey/bench/report"
)

// longRebuild takes so long that it is measured once, and only if asked for.
const longRebuild = 10_000_000

func replayOf(n int) string { return fmt.Sprintf("replay/events=%d", n) }

func rebuild(n int) measurement {
	dir := func(p place) string { return filepath.Join(p.dir, "history") }
	on := func(do func(*measure.History, context.Context) (measure.Result, error)) step {
		return func(ctx context.Context, p place) (_ measure.Result, err error) {
			h, err := measure.OpenHistory(ctx, dir(p), n, false)
			if err != nil {
				return measure.Result{}, err
			}
			defer func() { err = errors.Join(err, h.Close()) }()
			return do(h, ctx)
		}
	}
	steps, twice := []step{on((*measure.History).Rebuild), on((*measure.History).Bounds)}, ""
	if n < longRebuild {
		steps = append(steps, on((*measure.History).RebuildAgain))
		twice = " It is rebuilt before these and after them; the time is the mean of the two."
	}
	m := measurement{
		name: replayOf(n), once: n >= longRebuild,
		about: fmt.Sprintf("A rebuild of %d events from the stream into a finished file: read, decode, fold, write, indexes, full-text index, checks, "+
			"sync; in a process of its own, whose memory this is. Beside it in the same run: reading the stream and doing nothing with it; decoding "+
			"alone; SQLite alone on decoded events, finishing included; and a naive projector with a message, its JSON, a transaction and an "+
			"acknowledgement each, on the first 10,000 events, from which its rate for all of them is extrapolated.%s", n, twice),
		prepare: func(ctx context.Context, p place) error {
			h, err := measure.NewHistory(ctx, dir(p), n)
			if err != nil {
				return err
			}
			return h.Close()
		},
		steps:   steps,
		derive:  measure.AddRebuildRatios,
		targets: []report.Target{{Unit: "peak-rss-MB", Most: 300}},
		plots: []plot{
			{title: fmt.Sprintf("Rebuilding %d events, and its bounds", n), unit: "events/s", label: "events/s", log: true, units: []string{
				"rebuild-events/s", "sqlite-events/s", "read-events/s", "decode-events/s", "naive-events/s",
			}},
			{title: "What an event takes on the disk, by table", unit: "bytes", units: []string{measure.TableUnit}},
		},
	}
	if n == 1_000_000 { // the targets that are set for so many
		m.targets = append(m.targets, report.Target{Unit: "rebuild/sqlite", Least: 0.9}, report.Target{Unit: "rebuild/naive", Least: 25},
			report.Target{Unit: "rebuild-s", Most: 10.5}, report.Target{Unit: "stream-disk-bytes/event", Most: 150})
	}
	return m
}
