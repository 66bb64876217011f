package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"rosey/bench/report"
)

// TestDocument_IsMadeOfItsFigures keeps docs/performance.md from being edited, and
// from naming a command that does not make it.
func TestDocument_IsMadeOfItsFigures(t *testing.T) {
	t.Parallel()
	const page, folder = "../docs/performance.md", "../docs/performance"
	rep := &report.Report{}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folder, "report.json"))), rep); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := rep.Markdown(&b, "performance"); err != nil {
		t.Fatal(err)
	}
	const remedy = "go run ./bench -from docs/performance/report.json -docs docs/performance.md"
	if b.String() != read(t, page) {
		t.Errorf("the page is not what its figures make: %s", remedy)
	}
	for _, m := range rep.Measurements {
		for _, p := range m.Plots {
			if read(t, filepath.Join(folder, p.File)) != p.SVG() {
				t.Errorf("%s is not what its figures make: %s", p.File, remedy)
			}
		}
	}
	args, ok := strings.CutPrefix(rep.Command, "go run ./bench ")
	if !ok {
		t.Fatalf("the page is made by %q", rep.Command)
	}
	o, err := parse(strings.Fields(args), new(bytes.Buffer))
	if err != nil || o.Docs != "docs/performance.md" || o.Quick {
		t.Errorf("the page is made by %q: %v", rep.Command, err)
	}
	for _, m := range list(o) {
		if !rep.Has(m.name) {
			t.Errorf("the page lacks %s", m.name)
		}
	}
}
