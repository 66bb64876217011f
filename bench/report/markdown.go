package report

import (
	"fmt"
	"io"
	"math"
	"path"
	"strings"
)

// Markdown writes the report as a page. Pictures are looked for in a folder beside
// it; with "" none are shown.
func (r *Report) Markdown(w io.Writer, pictures string) error {
	var b strings.Builder
	r.head(&b)
	r.claims(&b)
	r.targets(&b)
	for _, m := range r.Measurements {
		m.section(&b, pictures)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) head(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "# Performance\n\nMade by `%s`; do not edit. [How it is measured, and how to read it](../bench/README.md).\n\n", r.Command)
	if r.Quick {
		b.WriteString("**A trial: these figures show that everything runs, and nothing about speed.**\n\n")
	}
	fmt.Fprintf(b, "| | |\n|---|---|\n| Machine | %s, %d cores, %s MB |\n| System | %s/%s %s |\n| Versions | %s, %s |\n",
		m.CPU, m.Cores, number(m.MemoryMB), m.OS, m.Arch, m.Kernel, m.Go, strings.Join(m.Modules, ", "))
	if m.Revision != "" {
		fmt.Fprintf(b, "| Revision | %s |\n", m.Revision)
	}
	fmt.Fprintf(b, "| When | %s, for %s |\n", r.Began.UTC().Format("2006-01-02 15:04 UTC"), minutes(r.Seconds))
	fmt.Fprintf(b, "| Load | %s before, %s after (the measurements themselves included)%s |\n", m.LoadBefore, m.LoadAfter, m.others())
	fmt.Fprintf(b, "| Figures | medians of %d runs; the spread is from the lowest to the highest |\n\n", r.Runs)
	if m.busyWithOthers() {
		b.WriteString("**Others used the machine meanwhile. Rates and latencies are worse than on a quiet one; ratios within a run suffer less, but they suffer too.**\n\n")
	}
}

func (m Machine) others() string {
	if m.OthersCores < 0 {
		return ""
	}
	return fmt.Sprintf("; others kept %.2f of %d cores busy on average", m.OthersCores, m.Cores)
}

// busyWithOthers is whether figures say more about others than can be overlooked.
func (m Machine) busyWithOthers() bool { return m.OthersCores > 0.1*float64(m.Cores) }

func (r *Report) claims(b *strings.Builder) {
	if len(r.Claims) == 0 {
		return
	}
	b.WriteString("## What is claimed\n\n| Claim | as measured | | |\n|---|---|---:|---|\n")
	for _, c := range r.Claims {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.Text, c.Means, c.Value, verdict(c.Met))
	}
	b.WriteString("\n")
}

func verdict(met *bool) string {
	switch {
	case met == nil:
		return "not measured"
	case *met:
		return "reached"
	}
	return "**missed**"
}

func (r *Report) targets(b *strings.Builder) {
	reached, missed := 0, 0
	var rows strings.Builder
	for _, m := range r.Measurements {
		for _, f := range m.Figures {
			if f.Met == nil {
				continue
			}
			if *f.Met {
				reached++
			} else {
				missed++
			}
			fmt.Fprintf(&rows, "| %s | %s | %s | %s to %s | %s | %s |\n",
				m.Name, f.Unit, number(f.Median), number(f.Min), number(f.Max), f.Target, verdict(f.Met))
		}
	}
	if reached+missed == 0 {
		return
	}
	fmt.Fprintf(b, "## Targets\n\n%d reached, %d missed.\n\n| Measurement | Figure | Median | Spread | Target | |\n|---|---|---:|---:|---:|---|\n%s\n",
		reached, missed, &rows)
}

func (m Measurement) section(b *strings.Builder, pictures string) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", m.Name, m.About)
	if a := m.Apart; a != nil {
		fmt.Fprintf(b, "Measured apart from the rest, by `%s`, %s; revision %s, load %s before, %s after%s.\n\n",
			a.Command, a.Began.UTC().Format("2006-01-02 15:04 UTC"), a.Machine.Revision, a.Machine.LoadBefore, a.Machine.LoadAfter, a.Machine.others())
	}
	if m.Failed != "" {
		fmt.Fprintf(b, "**Not measured:**\n\n```\n%s\n```\n\n", m.Failed)
		return
	}
	if pictures != "" {
		for _, p := range m.Plots {
			fmt.Fprintf(b, "![%s](%s)\n\n", p.Title, path.Join(pictures, p.File))
		}
	}
	b.WriteString("| Figure | Median | Spread |\n|---|---:|---:|\n")
	for _, f := range m.Figures {
		fmt.Fprintf(b, "| %s | %s | %s to %s |\n", f.Unit, number(f.Median), number(f.Min), number(f.Max))
	}
	b.WriteString("\n")
}

// minutes are told as a whole number of them.
func minutes(seconds float64) string {
	if n := math.RoundToEven(seconds / 60); n != 1 {
		return fmt.Sprintf("%.0f minutes", n)
	}
	return "1 minute"
}
