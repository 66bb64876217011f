package campaign

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/projector"
	"rosey/replay"
)

// fault is one thing that can go wrong.
type fault struct {
	kind string
	// do lets it happen, brings back what it took away, and reports whether it
	// was seen to have happened. An error is Rosey's failure or the campaign's.
	do func(ctx context.Context, s *segment) (fired bool, err error)
}

// points are the named crash points, and what has to run to come by them. Points
// of a part that comes later are one more line here and in package main.
var points = []struct {
	names []string
	die   func(point string) func(context.Context, *segment) (bool, error)
}{
	{spool.CrashPoints(), func(point string) func(context.Context, *segment) (bool, error) {
		return func(ctx context.Context, s *segment) (bool, error) { return s.dieAt(ctx, s.bot, point, arrivals, nil) }
	}},
	{outbound.CrashPoints(), func(point string) func(context.Context, *segment) (bool, error) {
		return func(ctx context.Context, s *segment) (bool, error) { return s.dieAt(ctx, s.bot, point, sayings, nil) }
	}},
	{projector.CrashPoints(), func(point string) func(context.Context, *segment) (bool, error) {
		if strings.HasSuffix(point, "_link") {
			// Only a first database gets its link: the tables are deleted, as anyone may.
			return func(ctx context.Context, s *segment) (bool, error) {
				return s.dieAt(ctx, s.projector, point, 1, s.deleteTables)
			}
		}
		return func(ctx context.Context, s *segment) (bool, error) {
			return s.dieAt(ctx, s.projector, point, arrivals, nil)
		}
	}},
	{replay.CrashPoints(), func(point string) func(context.Context, *segment) (bool, error) {
		return func(ctx context.Context, s *segment) (bool, error) { return s.dieAtReplayPoint(ctx, point) }
	}},
}

const (
	// arrivals bounds at which arrival at a point a process dies.
	arrivals = 12
	// sayings is the same for the points that each message passes once: a bot says
	// some ten lines a second.
	sayings = 6
)

// catalog lists the faults of a layout. Some come more than once.
func catalog(l layout) []fault {
	var all []fault
	for _, p := range points {
		for _, name := range p.names {
			all = append(all, fault{name, p.die(name)})
		}
	}
	all = append(all, lineFaults()...)
	all = append(all, rebuildFaults()...)
	if l == together {
		return append(all, togetherFaults()...)
	}
	all = append(all, apartFaults()...)
	if l == proxied {
		all = append(all, proxyFaults()...)
	}
	return all
}

// Kinds lists all kinds of faults that a long campaign deals out.
func Kinds() []string {
	var kinds []string
	for _, l := range []layout{proxied, beside, together} {
		for _, f := range catalog(l) {
			if !slices.Contains(kinds, f.kind) {
				kinds = append(kinds, f.kind)
			}
		}
	}
	return kinds
}

// deal returns the faults of a segment in their order. The segments of a layout
// go through its catalog window by window, so that nothing is left to chance but
// the order.
func deal(l layout, first, n int, r *rand.Rand) []fault {
	all := catalog(l)
	hand := make([]fault, n)
	for i := range hand {
		hand[i] = all[(first+i)%len(all)]
	}
	r.Shuffle(n, func(i, j int) { hand[i], hand[j] = hand[j], hand[i] })
	return hand
}
