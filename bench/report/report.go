package report

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"rosey/bench/measure"
)

// Report is what one call of the command came to.
type Report struct {
	// Command is what made it.
	Command string  `json:"command"`
	Machine Machine `json:"machine"`
	// Runs is how often each measurement ran.
	Runs int `json:"runs"`
	// Quick marks a trial: its figures show that everything works, and nothing else.
	Quick        bool          `json:"quick,omitempty"`
	Began        time.Time     `json:"began"`
	Seconds      float64       `json:"seconds"`
	Measurements []Measurement `json:"measurements"`
	Claims       []Claim       `json:"claims"`
}

// Measurement is one entry of the list, over all runs.
type Measurement struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Seconds float64  `json:"seconds"`
	Figures []Figure `json:"figures"`
	Plots   []Plot   `json:"plots,omitempty"`
	// Failed is why there are no figures, empty where there are.
	Failed string `json:"failed,omitempty"`
	// Apart is set where it was not measured with the rest of the report.
	Apart *Apart `json:"apart,omitempty"`
}

// Apart says how one measurement was made that was not made with the others.
type Apart struct {
	Command string    `json:"command"`
	Machine Machine   `json:"machine"`
	Began   time.Time `json:"began"`
}

// Replace takes the measurements of a later report for those of the same names, and
// adds those that are new. Each says that it was made apart.
func (r *Report) Replace(later *Report) {
	for _, m := range later.Measurements {
		m.Apart = &Apart{Command: later.Command, Machine: later.Machine, Began: later.Began}
		i := slices.IndexFunc(r.Measurements, func(old Measurement) bool { return old.Name == m.Name })
		if i < 0 {
			r.Measurements = append(r.Measurements, m)
			continue
		}
		r.Measurements[i] = m
	}
}

// Figure is one metric over all runs.
type Figure struct {
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Runs   []float64 `json:"runs"`
	Target string    `json:"target,omitempty"`
	// Met is whether the median reaches the target, nil without one.
	Met *bool `json:"met,omitempty"`
}

// Target is what a figure has to reach: at least Least, or less than Most.
type Target struct {
	Unit  string
	Least float64
	Most  float64
}

// Claim is a promise, with what was measured of it. A promise that can be
// understood in more than one way has a line for each.
type Claim struct {
	Text  string `json:"text"`
	Means string `json:"means"`
	Value string `json:"value"`
	// Met is nil where it was not measured.
	Met *bool `json:"met,omitempty"`
}

// Measured puts the runs of one measurement together. All have the same metrics in
// the same order. The curves are those of the run whose first figure is the median.
func Measured(results []measure.Result, targets []Target) ([]Figure, []measure.Curve, error) {
	var list []Figure
	for i, m := range results[0].Metrics {
		f := Figure{Unit: m.Unit}
		for _, r := range results {
			if i >= len(r.Metrics) || r.Metrics[i].Unit != m.Unit {
				return nil, nil, fmt.Errorf("report: %s is not a figure of every run", m.Unit)
			}
			f.Runs = append(f.Runs, r.Metrics[i].Value)
		}
		sorted := slices.Sorted(slices.Values(f.Runs))
		f.Min, f.Max = sorted[0], sorted[len(sorted)-1]
		f.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
		for _, t := range targets {
			if t.Unit == f.Unit {
				f.judge(t)
			}
		}
		list = append(list, f)
	}
	return list, middle(results), nil
}

func (f *Figure) judge(t Target) {
	met := f.Median >= t.Least
	f.Target = "≥ " + number(t.Least)
	if t.Most > 0 {
		met = f.Median < t.Most
		f.Target = "< " + number(t.Most)
	}
	f.Met = &met
}

// middle is the curves of the run whose first figure is the median.
func middle(results []measure.Result) []measure.Curve {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b measure.Result) int {
		switch x, y := a.Metrics[0].Value, b.Metrics[0].Value; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return sorted[(len(sorted)-1)/2].Curves
}

// Has reports whether a measurement was made.
func (r *Report) Has(measurement string) bool {
	return slices.ContainsFunc(r.Measurements, func(m Measurement) bool { return m.Name == measurement })
}

// Find returns a figure of a measurement.
func (r *Report) Find(measurement, unit string) (Figure, bool) {
	for _, m := range r.Measurements {
		if m.Name != measurement {
			continue
		}
		for _, f := range m.Figures {
			if f.Unit == unit {
				return f, true
			}
		}
	}
	return Figure{}, false
}

// number shows three digits, or all before the point where there are more, in
// groups of three.
func number(v float64) string {
	if v < 100 && v > -100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Compare is how one figure compares with another, by their medians.
func Compare(unit string, a, b Figure, t Target) Figure {
	ratio := 0.0
	if b.Median > 0 {
		ratio = a.Median / b.Median
	}
	f := Figure{Unit: unit, Median: ratio, Min: ratio, Max: ratio, Runs: []float64{ratio}}
	f.judge(t)
	return f
}
