package main

import (
	"fmt"
	"slices"

	"rosey/bench/report"
)

// compareRebuilds adds how the rate of the longest rebuild compares with that of a
// million events.
func compareRebuilds(rep *report.Report) {
	short, found := rep.Find(replayOf(1_000_000), "rebuild-events/s")
	long, both := rep.Find(replayOf(longRebuild), "rebuild-events/s")
	if !found || !both {
		return
	}
	for i := range rep.Measurements {
		if m := &rep.Measurements[i]; m.Name == replayOf(longRebuild) {
			const unit = "rate/rate-of-1,000,000"
			m.Figures = slices.DeleteFunc(m.Figures, func(f report.Figure) bool { return f.Unit == unit })
			m.Figures = append(m.Figures, report.Compare(unit, long, short, report.Target{Least: 0.85}))
		}
	}
}

// claims holds what is promised against what was measured. Where a promise can be
// meant in more than one way, each is told.
func claims(rep *report.Report) (list []report.Claim) {
	say := func(text, means, measurement, unit, as string, of func(report.Figure) float64, met func(float64) bool) {
		c := report.Claim{Text: text, Means: means, Value: "—"}
		if f, ok := rep.Find(measurement, unit); ok {
			v := of(f)
			yes := met(v)
			c.Value, c.Met = fmt.Sprintf(as, v), &yes
		}
		list = append(list, c)
	}
	median := func(f report.Figure) float64 { return f.Median }
	// more is by how many per cent something is more than what it is compared with.
	more := func(f report.Figure) float64 { return 100 * (f.Median - 1) }
	below := func(limit float64) func(float64) bool { return func(v float64) bool { return v < limit } }
	least := func(limit float64) func(float64) bool { return func(v float64) bool { return v >= limit } }

	const latency = "average latency < 5 ms"
	say(latency, "publishing, 1 publisher, until the event is on the disk", "publish", "publishers=1/mean-ms", "%.2f ms", median, below(5))
	say(latency, "the same, 8 publishers", "publish", "publishers=8/mean-ms", "%.2f ms", median, below(5))
	say(latency, "the same, 64 publishers, all waiting for one disk", "publish", "publishers=64/mean-ms", "%.2f ms", median, below(5))
	say(latency, "a question to the query service and its answer", "requests", "callers=1/query-mean-ms", "%.2f ms", median, below(5))
	say(latency, "a message given to the outbound service, on the disk", "requests", "callers=1/enqueue-mean-ms", "%.2f ms", median, below(5))
	say(latency, "frame to visible row, 100 lines/s, two disks' syncs included", "frame-to-row", "rate=100/mean-ms", "%.2f ms", median, below(5))
	const throughput = "≥ 100 events/s"
	say(throughput, "the whole program, frame to row, sustained", "sustained", "events/s", "%.0f/s", median, least(100))
	say(throughput, "the slowest twelfth of that time", "sustained", "slowest-twelfth-events/s", "%.0f/s", median, least(100))
	say(throughput, "one publisher, one event after the other", "publish", "publishers=1/events/s", "%.0f/s", median, least(100))
	const cpu = "CPU overhead < 5 % (at 100 events/s)"
	say(cpu, "more than writing directly, in points of the machine", "overhead", "added-%-of-the-machine", "%.1f", median, below(5))
	say(cpu, "the same in points of one core", "overhead", "added-%-of-a-core", "%.1f", median, below(5))
	say(cpu, "the same without the server's process", "overhead", "without-server-added-%-of-a-core", "%.1f", median, below(5))
	say(cpu, "in per cent of what writing directly takes", "overhead", "path/direct-cpu", "%.0f %%", more, below(5))
	const memory = "memory overhead < 10 %"
	say(memory, "more than writing directly, in per cent of the machine's memory", "overhead", "added-%-of-memory", "%.2f %%", median, below(10))
	say(memory, "in per cent of what writing directly takes", "overhead", "path/direct-rss", "%.0f %%", more, below(10))
	return list
}
