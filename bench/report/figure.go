package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"rosey/bench"
)

// figure is one metric over all runs.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Runs   []float64 `json:"runs"`
	Target string    `json:"target,omitempty"`
	// Met is whether the median reaches the target, nil without one.
	Met *bool `json:"met,omitempty"`
}

func figures(name string, results []bench.Result) []figure {
	var list []figure
	for i, m := range results[0] {
		f := figure{Name: name, Unit: m.Unit}
		for _, r := range results {
			f.Runs = append(f.Runs, r[i].Value)
		}
		sorted := slices.Sorted(slices.Values(f.Runs))
		f.Min, f.Max = sorted[0], sorted[len(sorted)-1]
		f.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
		f.judge()
		list = append(list, f)
	}
	return list
}

func (f *figure) judge() {
	for _, t := range targets {
		if t.unit != f.Unit || f.Name != t.name && !strings.HasPrefix(f.Name, t.name+"/") {
			continue
		}
		met := f.Median >= t.least
		f.Target = "≥ " + number(t.least)
		if t.most > 0 {
			met = f.Median < t.most
			f.Target = "< " + number(t.most)
		}
		f.Met = &met
	}
}

func (r report) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s/%s, %s; median of %d runs (lowest to highest); load %s before, %s after\n",
		m.CPU, m.Cores, m.OS, m.Arch, m.Go, r.Runs, m.LoadBefore, m.LoadAfter)
	for _, d := range m.Modules {
		fmt.Fprintf(w, "%s\n", d)
	}
	fmt.Fprintf(w, "\n| Measurement | Figure | Median | Spread | Target | |\n|---|---|---:|---:|---:|---|\n")
	for _, f := range r.Figures {
		verdict := ""
		if f.Met != nil {
			verdict = map[bool]string{true: "reached", false: "missed"}[*f.Met]
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s to %s | %s | %s |\n",
			f.Name, f.Unit, number(f.Median), number(f.Min), number(f.Max), f.Target, verdict)
	}
}

// number shows three digits, or all before the point where there are more.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
