package main

import (
	"context"
	"errors"
	"fmt"
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
	// once is for what takes long and has its spread within itself.
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

// list is everything that is measured, in the order of the report.
func list(o options) []measurement {
	s := o.size()
	all := []measurement{
		publish(s), requests(s), sustained(s), burst(s), overhead(s), idle(s), mixed(s), restart(s),
		frameToRow(s), speak(s), queries(s), drain(s), outage(s), live(s),
	}
	for _, n := range s.rebuilds {
		all = append(all, rebuild(n))
	}
	return all
}

// size is how much of everything is measured.
type size struct {
	publish, append, requests int
	burst, mixed, restart     int
	messages, rounds          int
	drain, outage, live       int
	sustain                   time.Duration
	window, settle            time.Duration // of what is watched from outside
	perRate                   time.Duration // how long lines are said at each rate
	rebuilds                  []int
	history                   int
}

func (o options) size() size {
	if o.Quick {
		return size{
			publish: 320, append: 4000, requests: 50, burst: 1000, mixed: 5000, restart: 5000, messages: 20, rounds: 1,
			drain: 5000, outage: 5000, live: 10_000, sustain: min(o.Sustain, 3*time.Second), window: 2 * time.Second,
			settle: time.Second / 2, perRate: time.Second, rebuilds: []int{10_000}, history: 10_000,
		}
	}
	s := size{
		publish: 6400, append: 200_000, requests: 1000, burst: 20_000, mixed: 100_000, restart: 100_000, messages: 200, rounds: 15,
		drain: 100_000, outage: 100_000, live: 200_000, sustain: o.Sustain, window: 20 * time.Second,
		settle: 5 * time.Second, perRate: 10 * time.Second, rebuilds: []int{100_000}, history: 200_000,
	}
	if o.Events != s.rebuilds[0] {
		s.rebuilds = append(s.rebuilds, o.Events)
	}
	if o.Long {
		s.rebuilds, s.outage = append(s.rebuilds, longRebuild), 1_000_000
	}
	return s
}

// fresh runs a step in its own folder.
func fresh(do func(ctx context.Context, dir string) (measure.Result, error)) step {
	return func(ctx context.Context, p place) (measure.Result, error) { return do(ctx, p.dir) }
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

// of names a step's figures after what makes it differ from its neighbours.
func of(name string, value int, do step) step {
	prefix := fmt.Sprintf("%s=%d/", name, value)
	return func(ctx context.Context, p place) (measure.Result, error) {
		res, err := do(ctx, p)
		for i := range res.Metrics {
			res.Metrics[i].Unit = prefix + res.Metrics[i].Unit
		}
		for i := range res.Curves {
			res.Curves[i].Name = prefix + res.Curves[i].Name
		}
		return res, err
	}
}

// latencyPlot shows how latencies are spread.
func latencyPlot(title, curves string) plot {
	return plot{title: title, unit: "ms", across: "percentile", curves: curves, log: true}
}
