package main

import (
	"context"
	"fmt"
	"time"

	"rosey/bench/measure"
	"rosey/bench/report"
)

func speak(s size) measurement {
	return measurement{
		name: "speak",
		about: "From a caller's request to the frame being written to the channel (`wire`), and to the caller being told that the channel has " +
			"shown it (`confirmed`): service, queue and spool synced, sender, simulated channel. `polled` is the same requests served by a " +
			"loop that asks for messages once a second.",
		steps: []step{fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Speak(ctx, dir, s.messages, 50*time.Millisecond)
		})},
		targets: []report.Target{{Unit: "wire-p50-ms", Most: 5}},
		plots:   []plot{latencyPlot("Outbound: from the request to the channel", "-ms")},
	}
}

func requests(s size) measurement {
	callers := func(n int) step {
		return of("callers", n, fresh(func(ctx context.Context, dir string) (measure.Result, error) {
			return measure.Requests(ctx, dir, s.history/10, n, s.requests)
		}))
	}
	return measurement{
		name: "requests",
		about: "Request and reply with nothing else going on: `query` asks the query service for a user's statistics, `enqueue` gives the " +
			"outbound service a message, which is in the queue and on the disk before the answer. 1 and 8 callers, each of whom asks again " +
			"at once. See `queries` for questions under load, and `speak` for what becomes of a message.",
		steps:   []step{callers(1), callers(8)},
		targets: []report.Target{{Unit: "callers=1/query-mean-ms", Most: 5}, {Unit: "callers=1/enqueue-mean-ms", Most: 5}},
		plots:   []plot{latencyPlot("Request and reply", "-ms")},
	}
}

func queries(s size) measurement {
	return measurement{
		name: "queries",
		about: fmt.Sprintf("From a question to its answer while 5,000 events a second are projected into the tables that are asked, of %d events "+
			"and more: `alone`, one question after the other; `spread`, 200 callers who each ask once a second, at a moment of their own; "+
			"`together`, 200 callers who ask in the same instant. Nine questions in turn; `service` is an endpoint that looks nowhere.", s.history),
		steps: []step{onHistory(s.history, func(ctx context.Context, h *measure.History) (measure.Result, error) {
			return h.Queries(ctx, s.rounds)
		})},
		targets: []report.Target{{Unit: "spread-p50-ms", Most: 5}, {Unit: "spread-p99-ms", Most: 50}},
		plots:   []plot{latencyPlot("Questions while 5,000 events a second are projected", "-ms")},
	}
}
