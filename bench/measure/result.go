package measure

import (
	"slices"
	"time"
)

// Metric is one figure. Its unit says what it is and what it is a ratio to, such
// as "events/s" or "rebuild/sqlite".
type Metric struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// Curve is what one number would hide: how latencies are spread, or how memory
// goes on.
type Curve struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
}

// Result is what one measurement came to. Its metrics are always the same ones
// in the same order.
type Result struct {
	Metrics []Metric `json:"metrics"`
	Curves  []Curve  `json:"curves,omitempty"`
}

// Get returns the metric of a unit, 0 where there is none.
func (r Result) Get(unit string) float64 {
	for _, m := range r.Metrics {
		if m.Unit == unit {
			return m.Value
		}
	}
	return 0
}

// set gives the metric of a unit another value.
func (r *Result) set(unit string, value float64) {
	for i := range r.Metrics {
		if r.Metrics[i].Unit == unit {
			r.Metrics[i].Value = value
		}
	}
}

func (r *Result) add(list ...Metric) { r.Metrics = append(r.Metrics, list...) }

// Join adds another measurement's figures.
func (r *Result) Join(more Result) {
	r.add(more.Metrics...)
	r.Curves = append(r.Curves, more.Curves...)
}

// rate is n things in d, per second.
func rate(n int, d time.Duration) float64 {
	return float64(n) / max(d.Seconds(), 1e-9)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Percentiles are where a curve of latencies has its points.
var Percentiles = func() (list []float64) {
	for p := range 100 {
		list = append(list, float64(p))
	}
	return append(list, 99.5, 99.9, 100)
}()

// latencies is what is told of how long something took, in milliseconds. The mean
// counts beside the percentiles: it is what a promise of an average is held
// against.
func latencies(name string, took []time.Duration) Result {
	sorted := slices.Sorted(slices.Values(took))
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	c := Curve{Name: name + "ms", X: Percentiles}
	for _, p := range Percentiles {
		c.Y = append(c.Y, milliseconds(percentile(sorted, p)))
	}
	return Result{Metrics: []Metric{
		{name + "mean-ms", milliseconds(sum) / float64(len(sorted))},
		{name + "p50-ms", milliseconds(percentile(sorted, 50))},
		{name + "p99-ms", milliseconds(percentile(sorted, 99))},
		{name + "max-ms", milliseconds(sorted[len(sorted)-1])},
	}, Curves: []Curve{c}}
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}
