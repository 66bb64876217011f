package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"rosey/bench/measure"
)

func one(unit string, value float64) measure.Result {
	return measure.Result{Metrics: []measure.Metric{{Unit: unit, Value: value}}}
}

func TestMeasured_JudgesMediansByTargets(t *testing.T) {
	t.Parallel()
	runs := []measure.Result{one("live/sqlite", 0.7), one("live/sqlite", 0.95), one("live/sqlite", 0.92)}
	list, _, err := Measured(runs, []Target{{Unit: "live/sqlite", Least: 0.9}})
	if err != nil {
		t.Fatal(err)
	}
	if f := list[0]; f.Median != 0.92 || f.Min != 0.7 || f.Max != 0.95 || f.Met == nil || !*f.Met || f.Target != "≥ 0.9" {
		t.Errorf("got %+v", f)
	}
	if list, _, _ := Measured([]measure.Result{one("p99-ms", 25)}, []Target{{Unit: "p99-ms", Most: 25}}); list[0].Met == nil || *list[0].Met {
		t.Errorf("25 ms count as below 25 ms: %+v", list[0])
	}
	if list, _, _ := Measured(runs, nil); list[0].Met != nil {
		t.Errorf("a figure without a target is judged: %+v", list[0])
	}
	if _, _, err := Measured([]measure.Result{one("a", 1), one("b", 1)}, nil); err == nil {
		t.Error("two runs with other figures are put together")
	}
}

func TestMarkdown_SaysWhatIsMissedAndWhatWasNotMeasured(t *testing.T) {
	t.Parallel()
	no := false
	rep := &Report{
		Command: "go run ./bench", Runs: 3, Machine: Machine{Cores: 2, OthersCores: 1.5},
		Measurements: []Measurement{{Name: "drain", Figures: []Figure{{Unit: "events/s", Median: 12345, Target: "≥ 20,000", Met: &no}}}},
		Claims:       []Claim{{Text: "average latency < 5 ms", Means: "publishing", Value: "7.00 ms", Met: &no}, {Text: "another", Value: "—"}},
	}
	var b strings.Builder
	if err := rep.Markdown(&b, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| drain | events/s | 12,345 | 0 to 0 | ≥ 20,000 | **missed** |", "0 reached, 1 missed", "| publishing | 7.00 ms | **missed** |", "| not measured |",
		"Others used the machine",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, &b)
		}
	}
}

func TestReport_ReplacesWhatIsMeasuredApart(t *testing.T) {
	t.Parallel()
	rep := &Report{Command: "first", Measurements: []Measurement{{Name: "drain", Seconds: 1}, {Name: "live", Seconds: 2}}}
	rep.Replace(&Report{Command: "go run ./bench -only x", Measurements: []Measurement{{Name: "live", Seconds: 3}, {Name: "replay", Seconds: 4}}})
	if len(rep.Measurements) != 3 || rep.Measurements[0].Apart != nil || rep.Measurements[1].Seconds != 3 || rep.Measurements[2].Name != "replay" {
		t.Fatalf("got %+v", rep.Measurements)
	}
	var b strings.Builder
	if err := rep.Markdown(&b, ""); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "Measured apart from the rest, by `go run ./bench -only x`"); n != 2 {
		t.Errorf("the page says %d times that a measurement was made apart, want 2:\n%s", n, &b)
	}
}

// TestPlot_IsWellFormed draws what is hard to draw too.
func TestPlot_IsWellFormed(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Plot{
		"bars":        {Title: `a < b & "c"`, Unit: "ms", Bars: []Bar{{Label: "x", Median: 2, Min: 1, Max: 3}, {Label: "y", Median: 2000, Min: 2000, Max: 2000}}},
		"logarithmic": {Log: true, Bars: []Bar{{Median: 100, Min: 100, Max: 100}}},
		"zero":        {Log: true, Bars: []Bar{{}}},
		"below zero":  {Bars: []Bar{{Median: -3, Min: -5, Max: 1}}},
		"curves": {Log: true, Curves: []measure.Curve{
			{Name: "one", X: []float64{0, 50, 100}, Y: []float64{0, 1, 1000}}, {Name: "two", X: []float64{0, 100}, Y: []float64{5, 5}},
		}},
		"a point": {Curves: []measure.Curve{{X: []float64{1}, Y: []float64{1}}}},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svg := p.SVG()
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("holds what is no number:\n%s", svg)
			}
			if !strings.Contains(svg, "prefers-color-scheme: dark") {
				t.Error("cannot be read on a dark page")
			}
			d := xml.NewDecoder(strings.NewReader(svg))
			for {
				_, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestNumber_IsShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0.0123456: "0.0123", 3.14159: "3.14", 99.96: "100", 1234567: "1,234,567", -4321: "-4,321", 100: "100", 0: "0"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestMinutes_OneIsOne(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{20: "0 minutes", 61: "1 minute", 540: "9 minutes"} {
		if got := minutes(seconds); got != want {
			t.Errorf("%.0f s are %q, want %q", seconds, got, want)
		}
	}
}
