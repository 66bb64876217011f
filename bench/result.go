package bench

import "time"

// Metric is one figure. Its unit says what it is and what it is a ratio to, such
// as "events/s" or "rebuild/sqlite".
type Metric struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// Result is what one measurement came to. Its metrics are always the same ones
// in the same order.
type Result []Metric

// Get returns the metric of a unit, 0 where there is none.
func (r Result) Get(unit string) float64 {
	for _, m := range r {
		if m.Unit == unit {
			return m.Value
		}
	}
	return 0
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
