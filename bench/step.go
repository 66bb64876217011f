package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rosey/bench/measure"
)

// order is what a step's process is told.
type order struct {
	Options options
	Name    string
	Step    int // preparing, or an index of steps
	Dir     string
	Rosey   string
}

// preparing is the step that makes what all runs share.
const preparing = -1

// runStep carries one step out in this process and prints its result.
func runStep(ctx context.Context, text string, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("read what is to be done: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, m := range list(o.Options) {
		if m.name != o.Name {
			continue
		}
		at := place{dir: o.Dir, program: measure.Program{Rosey: o.Rosey, Self: []string{self, directArg}}}
		if o.Step == preparing {
			return m.prepare(ctx, at)
		}
		res, err := m.steps[o.Step](ctx, at)
		if err != nil {
			return err
		}
		if len(res.Metrics) == 0 {
			return errors.New("nothing was measured")
		}
		return json.NewEncoder(out).Encode(res)
	}
	return fmt.Errorf("no measurement is called %s", o.Name)
}

// endLimit is how long a step may take to end after it was told to: it has servers
// and programs of its own to end.
const endLimit = 30 * time.Second

// inProcess carries one step out in a process of its own.
func (o order) inProcess(ctx context.Context) (measure.Result, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return measure.Result{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return measure.Result{}, err
	}
	cmd := exec.CommandContext(ctx, self, stepArg, string(text)) //nolint:gosec // this program
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = endLimit
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return measure.Result{}, fmt.Errorf("%w: %s", err, strings.TrimPrefix(strings.TrimSpace(problems.String()), "bench: "))
	}
	var res measure.Result
	if o.Step == preparing {
		return res, nil
	}
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return res, fmt.Errorf("read the figures: %w", err)
	}
	return res, nil
}

// measured carries a measurement out, all its runs, in a folder that is removed
// afterwards.
func (o options) measured(ctx context.Context, m measurement, rosey string) (results []measure.Result, err error) {
	dir, err := os.MkdirTemp(o.Dir, "rosey-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	do := order{Options: o, Name: m.name, Dir: dir, Rosey: rosey}
	if m.prepare != nil {
		do.Step = preparing
		if _, err := do.inProcess(ctx); err != nil {
			return nil, err
		}
	}
	runs := o.Runs
	if m.once {
		runs = 1
	}
	for range runs {
		var all measure.Result
		for step := range m.steps {
			do.Step = step
			if m.prepare == nil {
				do.Dir = filepath.Join(dir, "step")
				if err := os.Mkdir(do.Dir, 0o700); err != nil {
					return nil, err
				}
			}
			res, err := do.inProcess(ctx)
			if m.prepare == nil {
				err = errors.Join(err, os.RemoveAll(do.Dir))
			}
			if err != nil {
				return nil, err
			}
			all.Join(res)
		}
		if m.derive != nil {
			m.derive(&all)
		}
		results = append(results, all)
	}
	return results, nil
}
