package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets this test's program be called as the command calls itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == stepArg || os.Args[1] == directArg) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		if err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestRun_WritesAReportThatCanBeShownAgain(t *testing.T) {
	t.Parallel()
	dir, work := t.TempDir(), t.TempDir()
	page := filepath.Join(dir, "performance.md")
	var progress bytes.Buffer
	if err := dispatch(t.Context(), []string{"-quick", "-only", "replay,publish", "-dir", work, "-docs", page}, &progress, &progress); err != nil {
		t.Fatal(err)
	}
	text := read(t, page)
	for _, want := range []string{
		"A trial", "go run ./bench -only replay,publish -quick -docs ", "| replay/events=10000 | peak-rss-MB |", "rebuild/sqlite", "| not measured |",
		"publishers=64/p99-ms", "(performance/publish-1.svg)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(read(t, filepath.Join(dir, "performance", "publish-1.svg")), "NaN") {
		t.Error("a picture holds what is no number")
	}
	var out bytes.Buffer
	again := filepath.Join(dir, "again", "performance.md")
	if err := dispatch(t.Context(), []string{"-from", filepath.Join(dir, "performance", "report.json"), "-docs", again}, &out, &out); err != nil {
		t.Fatal(err)
	}
	if read(t, again) != text {
		t.Error("the page that is made of the saved figures is another one")
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestRun_TellsWhatFailed keeps a measurement that fails from being left out in
// silence, and from costing the figures of the others.
func TestRun_TellsWhatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var progress bytes.Buffer
	err := dispatch(t.Context(), []string{"-quick", "-only", "drain,live", "-dir", filepath.Join(dir, "none"), "-out", dir}, &progress, &progress)
	if err == nil || !strings.Contains(err.Error(), "not measured: drain, live") {
		t.Errorf("error %v, want one that names drain and live", err)
	}
	if page := read(t, filepath.Join(dir, "report.md")); strings.Count(page, "**Not measured:**") != 2 {
		t.Errorf("the page does not say what failed:\n%s", page)
	}
}

func TestRun_RefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-runs", "0"}, {"-events", "0"}, {"-only", "nothing-of-that-name"}, {"everything"}, {"-from", "no-such-file"}, {"-sustain", "1ms"},
		{stepArg, `{"Name":"nothing"}`},
	} {
		var out bytes.Buffer
		if err := dispatch(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%v is carried out", args)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
