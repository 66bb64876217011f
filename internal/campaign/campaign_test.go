package campaign_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/internal/campaign"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/replay"
)

// seed repeats what chance decided in an earlier run.
var seed = flag.Uint64("seed", 0, "seed of the campaign's first segment; 0 for another one each time")

// The short form of the campaign: every named point, every other kind of fault
// of three processes behind proxies, and a part of those of the other layouts.
func TestCampaign_ShortForm(t *testing.T) {
	t.Parallel()
	if err := suite.NoteSources("../.."); err != nil {
		t.Fatal(err)
	}
	first := *seed
	if first == 0 {
		first = uint64(time.Now().Unix())
		first -= first % 5 // where the layouts begin again
	}
	t.Logf("-seed %d repeats this", first)
	dir := t.TempDir()
	program := filepath.Join(dir, "rosey")
	if err := campaign.Build(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	folders := filepath.Join(dir, "segments")
	if err := os.Mkdir(folders, 0o700); err != nil {
		t.Fatal(err)
	}
	// Three segments of the first layout go through its whole catalog.
	res, err := campaign.Run(t.Context(), campaign.Config{
		Seed: first, Cycles: 105, SegmentCycles: 21, EventsPerCycle: 100, Rate: 400, Parallel: 3, Program: program, Dir: folders, Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !res.OK() {
		t.Error("the campaign failed")
	}
	if res.Cycles < 65 || res.Lines < 105*100 || res.Events < res.Lines || res.Segments != 5 {
		t.Errorf("only %d cycles, %d lines, %d events in %d segments", res.Cycles, res.Lines, res.Events, res.Segments)
	}
	for _, point := range slices.Concat(spool.CrashPoints(), outbound.CrashPoints(), projector.CrashPoints(), replay.CrashPoints()) {
		if !slices.ContainsFunc(res.Faults, func(f campaign.Fault) bool { return f.Kind == point && f.Fired > 0 }) {
			t.Errorf("no process died at %s", point)
		}
	}
	if o := res.Outbound; o.Queued < 100 || o.Sent < o.Queued/2 || o.ByService == 0 || o.ByService == o.Queued {
		t.Errorf("of messages: %s", &o)
	}
	var report strings.Builder
	if err := res.Write(&report); err != nil {
		t.Fatal(err)
	}
	t.Log(report.String())
	left, err := os.ReadDir(folders)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 && res.OK() {
		t.Errorf("it left %s and %d more", left[0].Name(), len(left)-1)
	}
}
