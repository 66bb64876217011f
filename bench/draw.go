package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rosey/bench/measure"
	"rosey/bench/report"
)

// draw makes the pictures of a measurement.
func (m measurement) draw(figures []report.Figure, curves []measure.Curve) (plots []report.Plot) {
	for i, p := range m.plots {
		made := report.Plot{
			File:  fmt.Sprintf("%s-%d.svg", strings.NewReplacer("/", "-", "=", "-").Replace(m.name), i+1),
			Title: p.title, Unit: p.unit, Across: p.across, Log: p.log,
		}
		if p.curves != "" {
			made.Curves = p.choose(curves)
		} else {
			made.Bars = p.rows(figures)
		}
		if len(made.Bars)+len(made.Curves) > 0 {
			plots = append(plots, made)
		}
	}
	return plots
}

func (p plot) choose(all []measure.Curve) (list []measure.Curve) {
	for _, c := range all {
		if name, ok := strings.CutSuffix(c.Name, p.curves); ok {
			c.Name = name
			list = append(list, c)
		}
	}
	return list
}

// tables is how many of the largest a picture shows.
const tables = 10

func (p plot) rows(figures []report.Figure) (list []report.Bar) {
	if len(p.units) == 1 {
		for _, f := range figures {
			if label, ok := strings.CutSuffix(f.Unit, p.units[0]); ok {
				list = append(list, report.Bar{Label: label, Median: f.Median, Min: f.Min, Max: f.Max})
			}
		}
		slices.SortFunc(list, func(a, b report.Bar) int {
			return cmp.Or(cmp.Compare(b.Median, a.Median), strings.Compare(a.Label, b.Label))
		})
		return list[:min(len(list), tables)]
	}
	for _, unit := range p.units {
		for _, f := range figures {
			if f.Unit == unit {
				label := strings.TrimRight(strings.TrimSuffix(unit, p.label), "/-")
				list = append(list, report.Bar{Label: cmp.Or(label, p.itself), Median: f.Median, Min: f.Min, Max: f.Max})
			}
		}
	}
	return list
}
