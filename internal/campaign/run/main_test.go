package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/campaign"
)

func TestRun_ReportsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "report.json")
	var out, progress strings.Builder
	ok, err := run(t.Context(), []string{
		"--seed", "9", "--cycles", "2", "--segment-cycles", "1", "--events-per-cycle", "50", "--rate", "200", "--dir", dir, "--report", file,
	}, &out, &progress)
	if err != nil || !ok {
		t.Fatalf("%t, %v\n%s%s", ok, err, progress.String(), out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r campaign.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Seed != 9 || r.Segments != 2 || r.Cycles != 2 || r.Lines < 100 || r.Events < r.Lines || r.Kills == 0 || !r.OK() {
		t.Errorf("the report says %s", text)
	}
	for _, want := range []string{"cycles       2 in 2 segments", "lost         0\n", "not fired    none\n", "seeds        9 to 10\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, out.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestRun_RefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--cycles", "-1"}, {"--cycle", "1"}, {"--for", "-1s"}} {
		var out, progress strings.Builder
		if ok, err := run(t.Context(), args, &out, &progress); ok || err == nil {
			t.Errorf("%q: %t, %v", args, ok, err)
		}
	}
}
