package main

import (
	"testing"

	"rosey/bench/report"
)

func measured(name, unit string, median float64) report.Measurement {
	return report.Measurement{Name: name, Figures: []report.Figure{{Unit: unit, Median: median}}}
}

func TestClaims_AreHeldAgainstWhatWasMeasured(t *testing.T) {
	t.Parallel()
	for _, c := range claims(&report.Report{}) {
		if c.Met != nil {
			t.Errorf("%s (%s) is judged without a figure", c.Text, c.Means)
		}
	}
	rep := &report.Report{Measurements: []report.Measurement{
		measured("overhead", "path/direct-cpu", 1.04), measured("requests", "callers=1/query-mean-ms", 5), measured("sustained", "events/s", 100),
	}}
	got := map[string]bool{}
	for _, c := range claims(rep) {
		if c.Met != nil {
			got[c.Value] = *c.Met
		}
	}
	// 1.04 times as much is 4 % more.
	for value, want := range map[string]bool{"4 %": true, "5.00 ms": false, "100/s": true} {
		if met, found := got[value]; !found || met != want {
			t.Errorf("%s is reached: %v, found: %v, want %v", value, met, found, want)
		}
	}
	if len(got) != 3 {
		t.Errorf("judged are %v, want three", got)
	}
}

func TestCompareRebuilds_SaysWhetherTheRateHolds(t *testing.T) {
	t.Parallel()
	rep := &report.Report{Measurements: []report.Measurement{
		measured(replayOf(1_000_000), "rebuild-events/s", 100_000), measured(replayOf(longRebuild), "rebuild-events/s", 80_000),
	}}
	compareRebuilds(rep)
	f, found := rep.Find(replayOf(longRebuild), "rate/rate-of-1,000,000")
	if !found || f.Met == nil || *f.Met || f.Median != 0.8 {
		t.Errorf("%+v, want 0.8 and that it is missed", f)
	}
}

// TestList_NamesAreTheirOwn keeps two entries, or two targets, from being one.
func TestList_NamesAreTheirOwn(t *testing.T) {
	t.Parallel()
	for _, o := range []options{{Events: 1_000_000, Long: true, Runs: 3}, {Events: 100_000, Runs: 1}, {Events: 5, Quick: true, Runs: 1}} {
		seen := map[string]bool{}
		for _, m := range list(o) {
			if seen[m.name] || m.about == "" || len(m.steps) == 0 {
				t.Errorf("%s is there twice, or says or does nothing", m.name)
			}
			seen[m.name] = true
		}
	}
}
