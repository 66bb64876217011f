package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rosey/bench/measure"
	"rosey/bench/report"
)

func run(ctx context.Context, o options, out, progress io.Writer) error {
	rep, err := o.report(ctx, progress)
	if err != nil {
		return err
	}
	if o.Out == "" && o.Docs == "" {
		return errors.Join(rep.Markdown(out, ""), failures(rep))
	}
	if o.Out != "" {
		if err := save(rep, filepath.Join(o.Out, "report.md"), o.Out); err != nil {
			return err
		}
		fmt.Fprintf(progress, "the report is in %s\n", filepath.Join(o.Out, "report.md"))
	}
	if o.Docs != "" {
		if err := save(rep, o.Docs, strings.TrimSuffix(o.Docs, filepath.Ext(o.Docs))); err != nil {
			return err
		}
		fmt.Fprintf(progress, "the report is in %s\n", o.Docs)
	}
	return failures(rep)
}

// report measures, or reads what was measured before; with both, what is measured
// now takes the place of what the earlier report says of it.
func (o options) report(ctx context.Context, progress io.Writer) (*report.Report, error) {
	if o.From == "" {
		rep, err := o.measure(ctx, progress)
		if err == nil {
			judge(rep)
		}
		return rep, err
	}
	text, err := os.ReadFile(o.From)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{}
	if err := json.Unmarshal(text, rep); err != nil {
		return nil, fmt.Errorf("read %s: %w", o.From, err)
	}
	if o.Only == "" {
		return rep, nil
	}
	now, err := o.measure(ctx, progress)
	if err != nil {
		return nil, err
	}
	rep.Replace(now)
	judge(rep)
	return rep, nil
}

// judge adds what takes figures of more than one measurement.
func judge(rep *report.Report) {
	compareRebuilds(rep)
	rep.Claims = claims(rep)
}

func (o options) measure(ctx context.Context, progress io.Writer) (_ *report.Report, err error) {
	rep := &report.Report{
		Command: o.command(), Machine: report.ThisMachine(ctx), Runs: o.Runs, Quick: o.Quick, Began: time.Now(),
	}
	rosey := ""
	for _, m := range list(o) {
		if !o.wants(m.name) {
			continue
		}
		if m.program && rosey == "" {
			dir, err := os.MkdirTemp(o.Dir, "rosey-bench-program-")
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			if rosey, err = measure.BuildProgram(ctx, dir); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(progress, "measuring %s ...\n", m.name)
		one := report.Measurement{Name: m.name, About: m.about}
		begin := time.Now()
		figures, curves, err := o.figures(ctx, m, rosey)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", m.name, ctx.Err())
		case err != nil:
			// The others took long: they are told, and that this one failed.
			one.Failed = err.Error()
			fmt.Fprintf(progress, "%s failed: %v\n", m.name, err)
		default:
			one.Figures, one.Plots = figures, m.draw(figures, curves)
		}
		one.Seconds = time.Since(begin).Seconds()
		rep.Measurements = append(rep.Measurements, one)
	}
	if len(rep.Measurements) == 0 {
		return nil, fmt.Errorf("-only %s names no measurement", o.Only)
	}
	rep.Seconds = time.Since(rep.Began).Seconds()
	rep.Machine.After()
	return rep, nil
}

// figures carries a measurement out and puts its runs together.
func (o options) figures(ctx context.Context, m measurement, rosey string) ([]report.Figure, []measure.Curve, error) {
	results, err := o.measured(ctx, m, rosey)
	if err != nil {
		return nil, nil, err
	}
	return report.Measured(results, m.targets)
}

// failures is an error if a measurement of the report failed.
func failures(rep *report.Report) error {
	var names []string
	for _, m := range rep.Measurements {
		if m.Failed != "" {
			names = append(names, m.Name)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("not measured: %s; the report says why", strings.Join(names, ", "))
	}
	return nil
}

// save writes the page, and beside it in a folder the plots and all single figures.
func save(rep *report.Report, page, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // for everybody to read, as documents are
		return err
	}
	text, err := json.MarshalIndent(rep, "", " ")
	if err != nil {
		return err
	}
	files := map[string][]byte{filepath.Join(folder, "report.json"): append(text, '\n')}
	for _, m := range rep.Measurements {
		for _, p := range m.Plots {
			files[filepath.Join(folder, p.File)] = []byte(p.SVG())
		}
	}
	pictures, err := filepath.Rel(filepath.Dir(page), folder)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := rep.Markdown(&b, filepath.ToSlash(pictures)); err != nil {
		return err
	}
	files[page] = []byte(b.String())
	for name, data := range files {
		if err := os.WriteFile(name, data, 0o644); err != nil { //nolint:gosec // see above
			return err
		}
	}
	return nil
}
