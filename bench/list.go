package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rosey/bench/measure"
	"rosey/bench/report"
)

// measurement is one entry of the list.
type measurement struct {
	name  string
	about string
	// program says that the steps need the program itself.
	program bool
	// once is for what has its spread within itself.
	once bool
	// prepare makes what all runs work on. With nil each step has a folder of its own.
	prepare func(context.Context, place) error
	steps   []step
	// derive adds what takes figures of more than one step.
	derive  func(*measure.Result)
	targets []report.Target
	plots   []plot
}

type step func(context.Context, place) (measure.Result, error)

// place is where a step works, and with what.
type place struct {
	dir     string
	program measure.Program
}

// plot says which figures a picture shows: bars of those in units, or the curves
// whose names end in curves.
type plot struct {
	title, unit, across string
	units               []string
	curves              string
	log                 bool
	// label ends the units and is left out beside the bars; itself is what stays of
	// one that is nothing else.
	label, itself string
}

// size is how much of everything is measured.
type size struct {
	publish, append, requests int
	burst, mixed, restart     int
	messages, rounds          int
	drain, outage, live       int
	window, settle            time.Duration // of what is watched from outside
	perLine                   time.Duration // how long lines are said at each rate
	rebuilds                  []int
	history                   int
}

func (o options) size() size {
	if o.Quick {
		return size{
			publish: 320, append: 4000, requests: 50, burst: 1000, mixed: 5000, restart: 5000, messages: 20, rounds: 1,
			drain: 5000, outage: 5000, live: 10_000, window: 2 * time.Second, settle: time.Second / 2,
			perLine: time.Second, rebuilds: []int{10_000}, history: 10_000,
		}
	}
	s := size{
		publish: 6400, append: 200_000, requests: 1000, burst: 20_000, mixed: 100_000, restart: 100_000, messages: 200, rounds: 15,
		drain: 100_000, outage: 100_000, live: 200_000, window: 20 * time.Second, settle: 5 * time.Second,
		perLine: 10 * time.Second, rebuilds: []int{100_000}, history: 200_000,
	}
	if o.Events != s.rebuilds[0] {
		s.rebuilds = append(s.rebuilds, o.Events)
	}
	if o.Long {
		s.rebuilds, s.outage = append(s.rebuilds, longRebuild), 1_000_000
	}
	return s
}

const longRebuild = 10_000_000

// perSecond is the rate at which the overhead is claimed.
const perSecond = 100

// list is everything that is measured, in the order of the report.
func list(o options) []measurement {
	s := o.size()
	all := []measurement{
		{
			name: "publish",
			about: "How long a publisher waits until its event is on the disk of a store that syncs before it acknowledges: 1, 8 and 64 publishers, " +
				"each with a connection of its own and one event on its way. `batch=` is one publisher that appends atomic batches, as the spool does.",
			steps: []step{
				prefixed("publishers=1/", func(ctx context.Context, p place) (measure.Result, error) {
					return measure.Publish(ctx, p.dir, 1, s.publish)
				}),
				prefixed("publishers=8/", func(ctx context.Context, p place) (measure.Result, error) {
					return measure.Publish(ctx, p.dir, 8, s.publish)
				}),
				prefixed("publishers=64/", func(ctx context.Context, p place) (measure.Result, error) {
					return measure.Publish(ctx, p.dir, 64, 2*s.publish)
				}),
				prefixed("batch=100/", func(ctx context.Context, p place) (measure.Result, error) {
					return measure.Append(ctx, p.dir, 100, s.append/4)
				}),
				prefixed("batch=1000/", func(ctx context.Context, p place) (measure.Result, error) {
					return measure.Append(ctx, p.dir, 1000, s.append)
				}),
			},
			targets: []report.Target{{Unit: "publishers=1/mean-ms", Most: 5}, {Unit: "publishers=1/events/s", Least: 100}},
			plots: []plot{
				{title: "Publishing: time until an event is on the disk", unit: "ms", across: "percentile", curves: "/ms", log: true},
				{title: "Publishing: events a second, synced", unit: "events/s", log: true, label: "events/s", units: []string{
					"publishers=1/events/s", "publishers=8/events/s", "publishers=64/events/s", "batch=100/events/s", "batch=1000/events/s",
				}},
			},
		},
		{
			name: "requests",
			about: "Request and reply with nothing else going on: `query` asks the query service for a user's statistics, `enqueue` gives the outbound service a message, " +
				"which is in the queue and on the disk before the answer. 1 and 8 callers, each of whom asks again at once. See `queries` for questions under load, and `speak` for what becomes of a message.",
			steps: []step{
				prefixed("callers=1/", requests(s, 1)),
				prefixed("callers=8/", requests(s, 8)),
			},
			targets: []report.Target{{Unit: "callers=1/query-mean-ms", Most: 5}, {Unit: "callers=1/enqueue-mean-ms", Most: 5}},
			plots:   []plot{{title: "Request and reply", unit: "ms", across: "percentile", curves: "-ms", log: true}},
		},
		{
			name:    "sustained",
			program: true, once: true,
			about: fmt.Sprintf("`rosey up` in a simulated channel whose people talk as fast as the program takes it, never more than 2,000 lines ahead, for %v: "+
				"from the frame to the visible row, everything synced. Its memory meanwhile, and how that grows in the second half, with each line a reader looks for. "+
				"The channel runs in another process on the same cores. Measured once; the parts of the time are its spread.", o.Sustain),
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				lasting := o.Sustain
				if o.Quick {
					lasting = min(lasting, 3*time.Second)
				}
				return measure.Sustained(ctx, p.dir, p.program, lasting)
			}},
			targets: []report.Target{{Unit: "events/s", Least: 100}, {Unit: "slowest-twelfth-events/s", Least: 100}},
			plots: []plot{
				{title: "Sustained load: lines a second", unit: "events/s", across: "seconds", curves: "events/s"},
				{title: "Sustained load: memory of the program", unit: "MB", across: "events", curves: "memory-MB"},
			},
		},
		{
			name:    "burst",
			program: true,
			about:   fmt.Sprintf("%d lines said at once in front of `rosey up`, and how long until the last has its row.", s.burst),
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Burst(ctx, p.dir, p.program, s.burst)
			}},
			targets: []report.Target{{Unit: "events/s", Least: 100}},
		},
		{
			name:    "overhead",
			program: true,
			about: fmt.Sprintf("What the way over a spool, a stream and a projector takes of the machine, at %d things a second for %v: chat, joins, leaves, people who doze off. ", perSecond, s.window) +
				"`path` is `rosey up` as it is installed, with its server, its services and everything synced. `direct` is a recorder made for this comparison: the same client, the same translation, " +
				"and the rows written in a transaction for each event, synced, with no history to rebuild from. Both run after each other in processes of their own in the same simulated channel, and leave the same rows. " +
				"`three-processes` is `rosey server`, `bot` and `projector`; `without-server` leaves the server's process out, as for an installation on a NATS server that is there anyway. " +
				"Processor time is user and system time of all threads, as a share of one core; memory is the highest resident set.",
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Overhead(ctx, p.dir, p.program, perSecond, s.window)
			}},
			plots: []plot{
				{title: "Processor time at 100 events a second", unit: "% of a core", label: "cpu-%", units: []string{"direct-cpu-%", "path-cpu-%", "three-processes-cpu-%", "without-server-cpu-%"}},
				{title: "Memory at 100 events a second", unit: "MB", label: "rss-MB", units: []string{"direct-rss-MB", "path-rss-MB", "three-processes-rss-MB", "without-server-rss-MB"}},
			},
		},
		{
			name:    "idle",
			program: true,
			about:   fmt.Sprintf("`rosey up` in a channel with forty people in which nothing happens, for %v: bot, projector, services, and the embedded server.", s.window),
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Idle(ctx, p.dir, p.program, s.settle, s.window)
			}},
			targets: []report.Target{{Unit: "cpu-%-of-a-core", Most: 1}, {Unit: "rss-MB", Most: 60}},
		},
		{
			name: "mixed",
			about: fmt.Sprintf("%d events of all kinds, as a busy evening has them, put into a spool, sent, and projected, all three at the same time and synced. ", s.mixed) +
				"Afterwards there is a row for each line of chat, and nothing is set aside.",
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) { return measure.Mixed(ctx, p.dir, s.mixed) }},
		},
		{
			name:  "restart",
			about: fmt.Sprintf("A projector that comes back, from opening its tables until they hold everything: with nothing to do, and with %d events behind.", s.restart),
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Restart(ctx, p.dir, s.restart/5, s.restart)
			}},
		},
		{
			name: "frame-to-row",
			about: "How long from the frame leaving the simulated channel until a reader of its own sees the row: recorder, spool (synced), store (synced), projector. " +
				"Lines come evenly at the rate; the reader looks every 0.2 ms. `fsync` is one page written through to the same disk, and a line needs two of those at least. " +
				"At 10,000 a second the line is as long as what cannot be taken at once.",
			steps: []step{rated(s, 1), rated(s, 100), rated(s, 1000), rated(s, 10_000)},
			targets: []report.Target{
				{Unit: "rate=100/mean-ms", Most: 5}, {Unit: "rate=100/p50-ms", Most: 3}, {Unit: "rate=100/p99-ms", Most: 10}, {Unit: "rate=1000/p99-ms", Most: 25},
			},
			plots: []plot{{title: "From the frame to the visible row", unit: "ms", across: "percentile", curves: "/ms", log: true}},
		},
		{
			name: "speak",
			about: "From a caller's request to the frame being written to the channel (`wire`), and to the caller being told that the channel has shown it (`confirmed`): " +
				"service, queue and spool synced, sender, simulated channel. `polled` is the same requests served by a loop that asks for messages once a second.",
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Speak(ctx, p.dir, s.messages, 50*time.Millisecond)
			}},
			targets: []report.Target{{Unit: "wire-p50-ms", Most: 5}},
			plots:   []plot{{title: "Outbound: from the request to the channel", unit: "ms", across: "percentile", curves: "-ms", log: true}},
		},
		{
			name: "queries",
			about: fmt.Sprintf("From a question to its answer while 5,000 events a second are projected into the tables that are asked, of %d events and more: ", s.history) +
				"`alone`, one question after the other; `spread`, 200 callers who each ask once a second, at a moment of their own; `together`, 200 callers who ask in the same instant. " +
				"Nine questions in turn; `service` is an endpoint that looks nowhere.",
			steps:   []step{onHistory(s.history, func(ctx context.Context, h *measure.History) (measure.Result, error) { return h.Queries(ctx, s.rounds) })},
			targets: []report.Target{{Unit: "spread-p50-ms", Most: 5}, {Unit: "spread-p99-ms", Most: 50}},
			plots:   []plot{{title: "Questions while 5,000 events a second are projected", unit: "ms", across: "percentile", curves: "-ms", log: true}},
		},
		{
			name:    "drain",
			about:   fmt.Sprintf("A spool of %d events emptied into a store that syncs; beside it, the same events appended from memory.", s.drain),
			steps:   []step{func(ctx context.Context, p place) (measure.Result, error) { return measure.Drain(ctx, p.dir, s.drain) }},
			targets: []report.Target{{Unit: "events/s", Least: 20_000}},
			plots:   []plot{{title: "A spool after an outage", unit: "events/s", label: "events/s", itself: "drain", units: []string{"put-events/s", "append-events/s", "events/s"}}},
		},
		{
			name: "outage",
			about: fmt.Sprintf("A long one: %d events put while there is no stream, the spool opened again, and drained while 200 events a second go on arriving. ", s.outage) +
				"The stream is then read to prove order and number.",
			steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
				return measure.Outage(ctx, p.dir, s.outage, false)
			}},
		},
		{
			name:    "live",
			about:   fmt.Sprintf("The projector on a backlog of %d events, through its durable consumer; beside it, SQLite alone: its own Applier on decoded events, the same journal, the same batches.", s.live),
			steps:   []step{onHistory(s.live, func(ctx context.Context, h *measure.History) (measure.Result, error) { return h.Live(ctx) })},
			targets: []report.Target{{Unit: "live/sqlite", Least: 0.9}},
			plots:   []plot{{title: "Projecting a backlog", unit: "events/s", label: "events/s", itself: "live", units: []string{"sqlite-events/s", "events/s"}}},
		},
	}
	for _, n := range s.rebuilds {
		all = append(all, rebuild(n))
	}
	return all
}

// rebuild is the measurement of rebuilding so many events.
func rebuild(n int) measurement {
	dir := func(p place) string { return filepath.Join(p.dir, "history") }
	on := func(do func(*measure.History, context.Context) (measure.Result, error)) step {
		return func(ctx context.Context, p place) (_ measure.Result, err error) {
			h, err := measure.OpenHistory(ctx, dir(p), n)
			if err != nil {
				return measure.Result{}, err
			}
			defer func() { err = errors.Join(err, h.Close()) }()
			return do(h, ctx)
		}
	}
	m := measurement{
		name: replayOf(n), once: n >= longRebuild,
		about: fmt.Sprintf("A rebuild of %d events from the stream into a finished file: read, decode, fold, write, indexes, full-text index, checks, sync; in a process of its own, whose memory this is. ", n) +
			"Beside it in the same run: reading the stream and doing nothing with it; decoding alone; SQLite alone on decoded events, finishing included; and a naive projector with a message, its JSON, " +
			"a transaction and an acknowledgement each, on the first 10,000 events, from which its rate for all of them is extrapolated.",
		prepare: func(ctx context.Context, p place) error {
			h, err := measure.NewHistory(ctx, dir(p), n)
			if err != nil {
				return err
			}
			return h.Close()
		},
		steps:   []step{on((*measure.History).Rebuild), on((*measure.History).Bounds)},
		derive:  measure.AddRebuildRatios,
		targets: []report.Target{{Unit: "peak-rss-MB", Most: 300}},
		plots: []plot{
			{title: fmt.Sprintf("Rebuilding %d events, and its bounds", n), unit: "events/s", label: "events/s", log: true, units: []string{
				"rebuild-events/s", "sqlite-events/s", "read-events/s", "decode-events/s", "naive-events/s",
			}},
			{title: "What an event takes on the disk, by table", unit: "bytes", units: []string{measure.TableUnit}},
		},
	}
	if n == 1_000_000 {
		m.targets = append(m.targets, report.Target{Unit: "rebuild/sqlite", Least: 0.9}, report.Target{Unit: "rebuild/naive", Least: 25},
			report.Target{Unit: "rebuild-s", Most: 10.5}, report.Target{Unit: "stream-disk-bytes/event", Most: 150})
	}
	return m
}

func replayOf(n int) string { return fmt.Sprintf("replay/events=%d", n) }

func prefixed(name string, do step) step {
	return func(ctx context.Context, p place) (measure.Result, error) {
		res, err := do(ctx, p)
		for i := range res.Metrics {
			res.Metrics[i].Unit = name + res.Metrics[i].Unit
		}
		for i := range res.Curves {
			res.Curves[i].Name = name + res.Curves[i].Name
		}
		return res, err
	}
}

// rated says lines at a rate, twenty at least.
func rated(s size, rate int) step {
	return prefixed(fmt.Sprintf("rate=%d/", rate), func(ctx context.Context, p place) (measure.Result, error) {
		return measure.FrameToRow(ctx, p.dir, rate, max(int(float64(rate)*s.perLine.Seconds()), 10))
	})
}

func requests(s size, callers int) step {
	return onHistory(s.history/10, func(ctx context.Context, h *measure.History) (measure.Result, error) {
		return h.Requests(ctx, callers, s.requests)
	})
}

// onHistory runs a step on a stream of its own that holds a history.
func onHistory(events int, do func(context.Context, *measure.History) (measure.Result, error)) step {
	return func(ctx context.Context, p place) (_ measure.Result, err error) {
		h, err := measure.NewHistory(ctx, p.dir, events)
		if err != nil {
			return measure.Result{}, err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		return do(ctx, h)
	}
}
