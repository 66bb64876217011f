package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"rosey/bench/measure"
)

// options are the command line.
type options struct {
	Runs    int
	Only    string
	Events  int
	Long    bool
	Quick   bool
	Sustain time.Duration
	Dir     string
	Out     string
	Docs    string
	From    string
}

// The first arguments with which the command calls itself.
const (
	stepArg   = "step"           // one step of a measurement
	directArg = "write-directly" // see measure.Direct
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, out, progress io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == stepArg:
		return runStep(ctx, args[1], out)
	case len(args) == 3 && args[0] == directArg:
		return measure.Direct(ctx, args[1], args[2])
	}
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	return run(ctx, o, out, progress)
}

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(usage)
	f.IntVar(&o.Runs, "runs", 3, "how often each measurement runs")
	f.StringVar(&o.Only, "only", "", "only measurements whose names contain one of these words, separated by commas")
	f.IntVar(&o.Events, "events", 1_000_000, "events of the large rebuild")
	f.BoolVar(&o.Long, "long", false, "also rebuild 10,000,000 events, once, and drain an outage of 1,000,000 (4 GB of disk)")
	f.BoolVar(&o.Quick, "quick", false, "a trial of everything, once and small: the figures mean nothing")
	f.DurationVar(&o.Sustain, "sustain", time.Minute, "how long the sustained load lasts")
	f.StringVar(&o.Dir, "dir", "", "where stores and databases are made: the disk that is measured (default: a temporary folder)")
	f.StringVar(&o.Out, "out", "", "write report.md, report.json and the plots into this folder")
	f.StringVar(&o.Docs, "docs", "", "write the report to this Markdown file, with its plots and report.json in a folder of the same name")
	f.StringVar(&o.From, "from", "", "measure nothing, show this report.json again; with -only, measure those anew and keep the rest")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not understood; all options begin with a dash", f.Arg(0))
	}
	if o.Runs < 1 || o.Events < 1 || o.Sustain < time.Second {
		return o, fmt.Errorf("-runs %d -events %d -sustain %v: runs and events begin at 1, the load lasts a second at least", o.Runs, o.Events, o.Sustain)
	}
	if o.Quick {
		o.Runs = 1
	}
	return o, nil
}

func (o options) wants(name string) bool {
	for word := range strings.SplitSeq(o.Only, ",") {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// command is how to run this again.
func (o options) command() string {
	b := strings.Builder{}
	b.WriteString("go run ./bench")
	say := func(yes bool, format string, args ...any) {
		if yes {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	say(o.Runs != 3 && !o.Quick, "-runs %d", o.Runs)
	say(o.Only != "", "-only %s", o.Only)
	say(o.Events != 1_000_000, "-events %d", o.Events)
	say(o.Long, "-long")
	say(o.Quick, "-quick")
	say(o.Sustain != time.Minute, "-sustain %v", o.Sustain)
	say(o.From != "", "-from %s", o.From)
	say(o.Docs != "", "-docs %s", o.Docs)
	return b.String()
}
