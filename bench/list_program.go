package main

import (
	"context"
	"fmt"

	"rosey/bench/measure"
	"rosey/bench/report"
)

// perSecond is the rate at which the overhead is claimed.
const perSecond = 100

func sustained(s size) measurement {
	return measurement{
		name: "sustained", program: true, once: true,
		about: fmt.Sprintf("`rosey up` in a simulated channel whose people talk as fast as the program takes it, never more than 2,000 lines "+
			"ahead, for %.0f seconds: from the frame to the visible row, everything synced; its memory meanwhile, and how that grows in the second half. "+
			"The channel runs in another process on the same cores. Measured once; the parts of the time are its spread.", s.sustain.Seconds()),
		steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
			return measure.Sustained(ctx, p.dir, p.program, s.sustain)
		}},
		targets: []report.Target{
			{Unit: "events/s", Least: 100}, {Unit: "slowest-twelfth-events/s", Least: 100}, {Unit: "second/first-half-peak-rss", Most: 1.5},
		},
		plots: []plot{
			{title: "Sustained load: lines a second", unit: "events/s", across: "seconds", curves: "events/s"},
			{title: "Sustained load: memory of the program", unit: "MB", across: "events", curves: "memory-MB"},
		},
	}
}

func burst(s size) measurement {
	return measurement{
		name: "burst", program: true,
		about: fmt.Sprintf("%d lines said at once in front of `rosey up`, and how long until the last has its row.", s.burst),
		steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
			return measure.Burst(ctx, p.dir, p.program, s.burst)
		}},
		targets: []report.Target{{Unit: "events/s", Least: 100}},
	}
}

func overhead(s size) measurement {
	return measurement{
		name: "overhead", program: true,
		about: fmt.Sprintf("What the way over a spool, a stream and a projector takes of the machine, at %d things a second for %.0f seconds: "+
			"chat, joins, leaves, people who doze off. `path` is `rosey up` as it is installed, with its server, its services and everything "+
			"synced. `direct` is a recorder made for this comparison: the same client, the same translation, and the rows written in a "+
			"transaction for each event, synced, with no history to rebuild from. Both run after each other in processes of their own in the "+
			"same simulated channel, and leave the same rows. `three-processes` is `rosey server`, `bot` and `projector`; `without-server` "+
			"leaves the server's process out, as for an installation on a NATS server that is there anyway. Processor time is user and system "+
			"time of all threads, as a share of one core; memory is the highest resident set.", perSecond, s.window.Seconds()),
		steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
			return measure.Overhead(ctx, p.dir, p.program, perSecond, s.window)
		}},
		plots: []plot{
			{title: "Processor time at 100 events a second", unit: "% of a core", label: "cpu-%", units: []string{
				"direct-cpu-%", "path-cpu-%", "three-processes-cpu-%", "without-server-cpu-%",
			}},
			{title: "Memory at 100 events a second", unit: "MB", label: "rss-MB", units: []string{
				"direct-rss-MB", "path-rss-MB", "three-processes-rss-MB", "without-server-rss-MB",
			}},
		},
	}
}

func idle(s size) measurement {
	return measurement{
		name: "idle", program: true,
		about: fmt.Sprintf("`rosey up` in a channel with forty people in which nothing happens, for %.0f seconds: bot, projector, services, "+
			"and the embedded server.", s.window.Seconds()),
		steps: []step{func(ctx context.Context, p place) (measure.Result, error) {
			return measure.Idle(ctx, p.dir, p.program, s.settle, s.window)
		}},
		targets: []report.Target{{Unit: "cpu-%-of-a-core", Most: 1}, {Unit: "rss-MB", Most: 60}},
	}
}
