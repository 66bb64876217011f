package main

import (
	"context"
	"fmt"

	"rosey/bench/measure"
	"rosey/bench/report"
)

func publish(s size) measurement {
	publishers := func(n, events int) step {
		return of("publishers", n, fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Publish(ctx, dir, n, events)
		}))
	}
	batch := func(n, events int) step {
		return of("batch", n, fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Append(ctx, dir, n, events)
		}))
	}
	return measurement{
		name: "publish",
		about: "How long a publisher waits until its event is on the disk of a store that syncs before it acknowledges: 1, 8 and 64 publishers, " +
			"each with a connection of its own and one event on its way. `batch=` is one publisher that appends atomic batches, as the spool does.",
		steps: []step{
			publishers(1, s.publish), publishers(8, s.publish), publishers(64, 2*s.publish), batch(100, s.append/4), batch(1000, s.append),
		},
		targets: []report.Target{{Unit: "publishers=1/mean-ms", Most: 5}, {Unit: "publishers=1/events/s", Least: 100}},
		plots: []plot{
			latencyPlot("Publishing: time until an event is on the disk", "/ms"),
			{title: "Publishing: events a second, synced", unit: "events/s", log: true, label: "events/s", units: []string{
				"publishers=1/events/s", "publishers=8/events/s", "publishers=64/events/s", "batch=100/events/s", "batch=1000/events/s",
			}},
		},
	}
}

func mixed(s size) measurement {
	return measurement{
		name: "mixed",
		about: fmt.Sprintf("%d events of all kinds, as a busy evening has them, put into a spool, sent, and projected, all three at the same time and synced. "+
			"Afterwards there is a row for each line of chat, and nothing is set aside.", s.mixed),
		steps: []step{fresh(func(ctx context.Context, dir string) (measure.Result, error) { return measure.Mixed(ctx, dir, s.mixed) })},
	}
}

func restart(s size) measurement {
	return measurement{
		name: "restart",
		about: fmt.Sprintf("A projector that comes back, from opening its tables until they hold everything: with nothing to do, "+
			"and with %d events behind.", s.restart),
		steps: []step{fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Restart(ctx, dir, s.restart/5, s.restart)
		})},
	}
}

func frameToRow(s size) measurement {
	rate := func(n int) step {
		return of("rate", n, fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.FrameToRow(ctx, dir, n, max(int(float64(n)*s.perRate.Seconds()), 10))
		}))
	}
	return measurement{
		name: "frame-to-row",
		about: "How long from the frame leaving the simulated channel until a reader of its own sees the row: recorder, spool (synced), " +
			"store (synced), projector. Lines come evenly at the rate; the reader looks every 0.2 ms. `fsync` is one page written through " +
			"to the same disk before, and a line needs two of those at least. `disk-meanwhile` is the same while the lines come, fifty times a " +
			"second, from a file of its own: a stall that shows there too is the disk's, one that does not is the program's. Where lines come faster than they can be taken (compare `rows/s`), " +
			"latency is how long the queue has become.",
		steps: []step{rate(1), rate(100), rate(1000), rate(10_000)},
		targets: []report.Target{
			{Unit: "rate=100/mean-ms", Most: 5}, {Unit: "rate=100/p50-ms", Most: 3}, {Unit: "rate=100/p99-ms", Most: 10}, {Unit: "rate=1000/p99-ms", Most: 25},
		},
		plots: []plot{latencyPlot("From the frame to the visible row, by lines a second", "/ms")},
	}
}

func drain(s size) measurement {
	return measurement{
		name:    "drain",
		about:   fmt.Sprintf("A spool of %d events emptied into a store that syncs; beside it, the same events appended from memory.", s.drain),
		steps:   []step{fresh(func(ctx context.Context, dir string) (measure.Result, error) { return measure.Drain(ctx, dir, s.drain) })},
		targets: []report.Target{{Unit: "events/s", Least: 20_000}},
		plots: []plot{{title: "A spool after an outage", unit: "events/s", label: "events/s", itself: "drain", units: []string{
			"put-events/s", "append-events/s", "events/s",
		}}},
	}
}

func outage(s size) measurement {
	return measurement{
		name: "outage",
		about: fmt.Sprintf("A long one: %d events put while there is no stream, the spool opened again, and drained while 200 events a second "+
			"go on arriving. The stream is then read to prove order and number.", s.outage),
		steps: []step{fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Outage(ctx, dir, s.outage, false)
		})},
	}
}

func live(s size) measurement {
	return measurement{
		name: "live",
		about: fmt.Sprintf("The projector on a backlog of %d events, through its durable consumer; beside it, SQLite alone: its own Applier "+
			"on decoded events, the same journal, the same batches.", s.live),
		steps:   []step{onHistory(s.live, func(ctx context.Context, h *measure.History) (measure.Result, error) { return h.Live(ctx) })},
		targets: []report.Target{{Unit: "live/sqlite", Least: 0.9}},
		plots:   []plot{{title: "Projecting a backlog", unit: "events/s", label: "events/s", itself: "live", units: []string{"sqlite-events/s", "events/s"}}},
	}
}
