// Command report runs the measurements of package bench several times and prints
// their medians, with the spread between runs, as a Markdown table. With -json it
// writes the same, and every single figure, to a file.
//
//	go run ./bench/report -runs 5
//	go run ./bench/report -runs 3 -only replay,live -json figures.json
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

type options struct {
	runs   int
	events int
	only   string
	dir    string
	json   string
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 3, "how often each measurement runs")
	flag.IntVar(&o.events, "events", 1_000_000, "events of the rebuild")
	flag.StringVar(&o.only, "only", "", "only measurements whose names contain one of these words, separated by commas")
	flag.StringVar(&o.dir, "dir", "", "where stores and databases are made (default: a temporary folder)")
	flag.StringVar(&o.json, "json", "", "write all figures to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// report is what the JSON file holds.
type report struct {
	Machine machine  `json:"machine"`
	Runs    int      `json:"runs"`
	Figures []figure `json:"figures"`
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	if o.runs < 1 || o.events < 1 {
		return fmt.Errorf("-runs %d -events %d: both begin at 1", o.runs, o.events)
	}
	rep := report{Machine: thisMachine(), Runs: o.runs}
	for _, m := range measurements(o.events) {
		if !o.wants(m.name) {
			continue
		}
		fmt.Fprintf(progress, "measuring %s ...\n", m.name)
		figures, err := o.measure(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		rep.Figures = append(rep.Figures, figures...)
	}
	rep.Machine.LoadAfter = load()
	rep.print(out)
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", o.json, err)
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o600)
}

func (o options) wants(name string) bool {
	for _, word := range strings.Split(o.only, ",") {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// measure runs one measurement in a folder that is removed afterwards.
func (o options) measure(ctx context.Context, m measurement) (_ []figure, err error) {
	dir, err := os.MkdirTemp(o.dir, "rosey-bench-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := os.RemoveAll(dir); err == nil {
			err = e
		}
	}()
	results, err := m.run(ctx, dir, o.runs)
	if err != nil {
		return nil, err
	}
	return figures(m.name, results), nil
}
