package campaign

import (
	"math/rand/v2"
	"slices"
	"testing"

	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/projector"
	"rosey/replay"
)

func kindsOf(faults []fault) []string {
	var kinds []string
	for _, f := range faults {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

func TestOffline_IsAPartOfTheReplayPoints(t *testing.T) {
	t.Parallel()
	for _, point := range offline {
		if !slices.Contains(replay.CrashPoints(), point) {
			t.Errorf("%s is no point of a rebuild", point)
		}
	}
}

// The segments of a layout that follow each other go through its whole catalog.
func TestDeal_ConsecutiveSeedsMissNothing(t *testing.T) {
	t.Parallel()
	const cycles = 19
	for _, l := range []layout{proxied, beside, together} {
		want := kindsOf(catalog(l))
		var got []string
		for seed := uint64(1_000_000_007); len(got) < len(want); seed++ {
			if of, window := layoutOf(seed); of == l {
				got = append(got, kindsOf(deal(l, window*cycles, cycles, rand.New(rand.NewPCG(seed, 1))))...)
			}
		}
		for _, kind := range want {
			if !slices.Contains(got, kind) {
				t.Errorf("%s: %q was not dealt out", l, kind)
			}
		}
	}
}

func TestDeal_TheSeedRepeatsThePlan(t *testing.T) {
	t.Parallel()
	plan := func(seed uint64) []string { return kindsOf(deal(proxied, 40, 25, rand.New(rand.NewPCG(seed, 1)))) }
	if a, b := plan(7), plan(7); !slices.Equal(a, b) {
		t.Errorf("seed 7 deals out %q and %q", a, b)
	}
	if slices.Equal(plan(7), plan(8)) {
		t.Error("two seeds have the same order")
	}
}

func TestCatalog_EachLayoutHasEveryPoint(t *testing.T) {
	t.Parallel()
	for _, l := range []layout{proxied, beside, together} {
		kinds := kindsOf(catalog(l))
		for _, point := range slices.Concat(spool.CrashPoints(), outbound.CrashPoints(), projector.CrashPoints(), replay.CrashPoints()) {
			if !slices.Contains(kinds, point) {
				t.Errorf("%s does not have %s", l, point)
			}
		}
	}
}
