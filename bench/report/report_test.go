package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/bench"
)

func TestFigures_JudgeMediansAgainstTargets(t *testing.T) {
	t.Parallel()
	results := []bench.Result{
		{{Unit: "live/sqlite", Value: 0.7}}, {{Unit: "live/sqlite", Value: 0.95}}, {{Unit: "live/sqlite", Value: 0.92}},
	}
	f := figures("live", results)[0]
	if f.Median != 0.92 || f.Min != 0.7 || f.Max != 0.95 || f.Met == nil || !*f.Met || f.Target != "≥ 0.9" {
		t.Errorf("got %+v", f)
	}
	if f := figures("frame-to-row/rate=1000", []bench.Result{{{Unit: "p99-ms", Value: 25}}})[0]; f.Met == nil || *f.Met {
		t.Errorf("25 ms count as below 25 ms: %+v", f)
	}
	if f := figures("append/sync", []bench.Result{{{Unit: "events/s", Value: 1}}})[0]; f.Met != nil {
		t.Errorf("a figure without a target is judged: %+v", f)
	}
}

func TestRun_PrintsATableAndWritesAllFigures(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "figures.json")
	var out, progress bytes.Buffer
	o := options{runs: 2, events: 1000, only: "replay", dir: t.TempDir(), json: file}
	if err := run(t.Context(), o, &out, &progress); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| replay/events=1000 | rebuild/sqlite |") {
		t.Errorf("the table lacks the rebuild:\n%s", &out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rep report
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if len(rep.Figures) == 0 || len(rep.Figures[0].Runs) != 2 || rep.Machine.Cores == 0 {
		t.Errorf("the file holds %s", text)
	}
	if left, err := os.ReadDir(o.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
