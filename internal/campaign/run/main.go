// Command run runs a crash campaign and prints what it came to. It ends with 1
// where anything was lost, counted twice or different, or a fault never fired.
//
//	go run ./internal/campaign/run --cycles 1000
//	go run ./internal/campaign/run --for 50m --report campaign.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"rosey/internal/campaign"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "campaign:", err)
	}
	if !ok {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) (ok bool, err error) {
	cfg := campaign.Config{Progress: progress}
	f := flag.NewFlagSet("campaign", flag.ContinueOnError)
	f.SetOutput(progress)
	f.IntVar(&cfg.Cycles, "cycles", 0, "how many faults are dealt out (default: by --for, and without that 100)")
	f.DurationVar(&cfg.For, "for", 0, "no segment begins after this long")
	f.Uint64Var(&cfg.Seed, "seed", 0, "seed of the first segment; 0 for another one each time")
	f.IntVar(&cfg.SegmentCycles, "segment-cycles", campaign.DefaultSegmentCycles, "cycles on one data folder")
	f.IntVar(&cfg.EventsPerCycle, "events-per-cycle", campaign.DefaultEventsPerCycle, "lines said in a cycle at least")
	f.IntVar(&cfg.Rate, "rate", campaign.DefaultRate, "lines said in a second")
	f.IntVar(&cfg.Parallel, "parallel", 1, "segments at a time")
	dir := f.String("dir", "", "where data folders are made (default: a temporary folder)")
	report := f.String("report", "", "write the report to this file as JSON")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(time.Now().Unix())
	}
	if cfg.Cycles == 0 && cfg.For == 0 {
		cfg.Cycles = 100
	}
	probe := cfg
	probe.Program, probe.Dir = "to be built", "to be made"
	if err := probe.Validate(); err != nil {
		return false, err
	}
	if cfg.Dir, err = os.MkdirTemp(*dir, "rosey-campaign-"); err != nil {
		return false, err
	}
	// What failed segments left keeps it.
	defer func() { _ = os.Remove(cfg.Dir) }()
	cfg.Program = filepath.Join(cfg.Dir, "rosey")
	if err := campaign.Build(ctx, cfg.Program); err != nil {
		return false, err
	}
	fmt.Fprintf(progress, "campaign: --seed %d --segment-cycles %d repeats the plan\n", cfg.Seed, cfg.SegmentCycles)
	res, err := campaign.Run(ctx, cfg)
	if len(res.Failures) == 0 {
		_ = os.Remove(cfg.Program)
	}
	err = errors.Join(err, res.Write(out))
	if *report != "" {
		err = errors.Join(err, writeJSON(*report, res))
	}
	return err == nil && res.OK(), err
}

func writeJSON(path string, r *campaign.Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
