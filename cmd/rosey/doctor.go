package main

import (
	"context"
	"errors"
	"fmt"

	"rosey/internal/doctor"
)

type doctorCmd struct {
	streamFlags
	Spool     []string `help:"Spool of a bot elsewhere, beside those of the data folder." type:"path" placeholder:"FILE"`
	Archive   string   `help:"Archive that holds what the stream no longer does. Default: the one that the tables were made with." type:"path" placeholder:"DIR"`
	TrustSync bool     `help:"This external server syncs before it acknowledges: I have seen to it." env:"ROSEY_TRUST_SYNC"`
	Instance  string   `help:"Name of the projector that keeps the data folder's database." default:"main" env:"ROSEY_INSTANCE" placeholder:"NAME"`
}

func (c *doctorCmd) examples() string {
	return `  rosey doctor --data /var/lib/rosey
  rosey doctor --json
  rosey doctor --archive /backups/archive
  rosey doctor --nats nats://10.0.0.5:4222 --nats-creds admin.creds --spool /mnt/bot/spool/yourchannel.db`
}

// Run examines the installation and says what it found: first what is wrong,
// last the verdict.
func (c *doctorCmd) Run(ctx context.Context, con *console) error {
	report, err := c.examine(ctx, con)
	if err != nil {
		return misused(con, err)
	}
	if c.JSON {
		err = printJSON(con.out, report)
	} else {
		err = printReport(con, report)
	}
	if err != nil {
		return err
	}
	switch report.State {
	case doctor.Wrong:
		return exitError(exitFailed)
	case doctor.Unknown:
		return exitError(exitUsage)
	}
	return nil
}

func (c *doctorCmd) examine(ctx context.Context, con *console) (report doctor.Report, err error) {
	dir, err := c.dir()
	if err != nil {
		return report, err
	}
	cfg := doctor.Config{Dir: dir, External: c.external(), Spools: c.Spool, Instance: c.Instance, TrustSync: c.TrustSync, Archive: c.Archive}
	conn, err := c.connect(ctx, con)
	switch {
	case err == nil:
		cfg.Conn, cfg.Stopped = conn.Conn, conn.own
		defer func() { err = errors.Join(err, conn.done()) }()
	case ctx.Err() != nil:
		return report, err
	default:
		cfg.ConnErr = err
	}
	return doctor.Examine(ctx, cfg)
}

func printReport(con *console, r doctor.Report) error {
	t := newTable(con.out)
	for _, state := range []doctor.State{doctor.Wrong, doctor.Unknown, doctor.OK} {
		for _, ch := range r.Checks {
			if ch.State != state {
				continue
			}
			word := string(state)
			if state == doctor.Wrong {
				word = "WRONG"
			}
			t.row(word, ch.Guarantee, ch.Name, printable(ch.Detail))
			if ch.Remedy != "" {
				t.row("", "", "", "try: "+printable(ch.Remedy))
			}
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := printProducers(con, r); err != nil {
		return err
	}
	fmt.Fprintf(con.out, "\n%s\n", r.Verdict)
	return nil
}

// printProducers prints one line for each producer, or two where stream and
// tables hold something different.
func printProducers(con *console, r doctor.Report) error {
	if len(r.Producers) == 0 {
		return nil
	}
	t := newTable(con.out)
	t.row()
	t.row("producer", "channel", "in", "first", "last", "count", "gaps", "duplicates", "verdict")
	row := func(p doctor.Producer, where string, a *doctor.Account) {
		t.row(printable(p.Producer), printable(orDash(p.Channel)), where, fmt.Sprint(a.First), fmt.Sprint(a.Last), fmt.Sprint(a.Count),
			a.GapsText(), fmt.Sprint(a.Duplicates), string(a.Verdict)+suffix(p))
	}
	for _, p := range r.Producers {
		switch {
		case p.Stream != nil && p.Tables != nil && readAlike(p.Stream, p.Tables):
			row(p, "stream = tables", p.Stream)
		default:
			if p.Stream != nil {
				row(p, "stream", p.Stream)
			}
			if p.Tables != nil {
				row(p, "tables", p.Tables)
			}
		}
	}
	return t.flush()
}

// suffix adds what is behind a verdict.
func suffix(p doctor.Producer) string {
	if p.Detail == "" {
		return ""
	}
	return " (" + printable(p.Detail) + ")"
}

// readAlike reports whether two accounts read alike.
func readAlike(a, b *doctor.Account) bool {
	return a.First == b.First && a.Last == b.Last && a.Count == b.Count && a.Duplicates == b.Duplicates &&
		a.Verdict == b.Verdict && a.GapsText() == b.GapsText()
}
