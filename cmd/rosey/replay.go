package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rosey/replay"
	"rosey/schema"
)

type replayCmd struct {
	dataFlag
	natsFlags
	logFlags
	acceptFlag
	Verify         bool      `help:"Rebuild beside the database and compare the two; exit 1 when they differ."`
	Into           string    `help:"Rebuild into a file of its own and leave the database alone." type:"path" placeholder:"FILE"`
	UntilSeq       uint64    `help:"Last stream sequence to apply; needs --into." placeholder:"SEQ"`
	UntilTime      time.Time `help:"Leave out what the stream stored later; needs --into." placeholder:"RFC3339"`
	OnError        string    `help:"At an event that cannot be applied and was no dead letter before: stop, or dead-letter it and go on." enum:"stop,dead-letter" default:"stop"`
	Force          bool      `help:"Replace a database that belongs to another stream or history."`
	DefaultChannel string    `help:"Channel of events whose publisher names none. Default: as the database was made with." env:"ROSEY_DEFAULT_CHANNEL" placeholder:"NAME"`
	Differences    int       `help:"How many differences --verify names." default:"5" placeholder:"N"`
	JSON           bool      `help:"Print progress and result as JSON lines."`
}

func (c *replayCmd) examples() string {
	return `  rosey replay                          rebuild the tables and swap them in
  rosey replay --verify                 is the database what the stream says?
  rosey replay --into march.db --until-time 2026-04-01T00:00:00Z`
}

// Run rebuilds or verifies.
func (c *replayCmd) Run(ctx context.Context, con *console) (err error) {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if (c.UntilSeq > 0 || !c.UntilTime.IsZero()) && c.Into == "" {
		return advise(errors.New("replay: --until-seq and --until-time would take the current database back"), "add --into FILE")
	}
	log := c.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	store := dir.Database()
	cfg := replay.Config{
		Stream: a.Stream, DefaultChannel: c.DefaultChannel, UntilSeq: c.UntilSeq, UntilTime: c.UntilTime,
		AcceptFailures: c.OnError == "dead-letter", Force: c.Force, AcceptGap: c.AcceptGap, Progress: c.progress(con), Logger: log, Crash: crash,
		Program: version(),
	}
	if cfg.DefaultChannel == "" {
		cfg.DefaultChannel = storedDefaultChannel(ctx, store)
	}
	switch {
	case c.Verify:
		return c.verify(ctx, con, store, cfg)
	case c.Into != "":
		if cfg.Known, cfg.KnownTo, err = knownDeadLetters(ctx, store); err != nil {
			return err
		}
		cfg.AcceptFailures = cfg.AcceptFailures || cfg.KnownTo == 0
		res, err := replay.Into(ctx, c.Into, cfg)
		if err != nil {
			return c.explain(err)
		}
		return c.done(con, res)
	}
	res, err := replay.Swap(ctx, store, cfg)
	if err != nil {
		return c.explain(err)
	}
	return c.done(con, res)
}

// knownDeadLetters returns the dead letters of the database, and up to where it
// can know any: 0 where there is none, or nothing in it.
func knownDeadLetters(ctx context.Context, store schema.Store) (known map[uint64]string, upTo uint64, err error) {
	g, err := store.Current()
	if errors.Is(err, schema.ErrNoDatabase) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = db.Close() }()
	// The checkpoint first: what a projector adds meanwhile lies beyond it.
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil {
		return nil, 0, err
	}
	known, err = replay.DeadLetters(ctx, db)
	return known, c.Seq, err
}

func (c *replayCmd) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return advise(errors.New("replay: interrupted; the database is as it was"), "rosey replay")
	}
	if errors.Is(err, replay.ErrNoFolder) {
		return advise(err, "make the folder first, or name a file in one that exists")
	}
	if errors.Is(err, replay.ErrNothingBefore) {
		return advise(err, "name a later --until-time, or a greater --until-seq")
	}
	return err
}

func (c *replayCmd) done(con *console, res replay.Result) error {
	if c.JSON {
		return printJSON(con.out, res)
	}
	fmt.Fprintf(con.out, "rebuilt    %s\n", filepath.Clean(res.Path))
	fmt.Fprintf(con.out, "events     %d up to seq=%d (%d duplicates, %d dead letters)\n", res.Events, res.Seq, res.Duplicates, res.DeadLetters)
	if res.EndsBefore {
		fmt.Fprintf(con.out, "ended      at seq=%d, the end of the stream, before %s\n", res.Seq, c.limit())
	}
	if res.From > 1 {
		fmt.Fprintf(con.out, "begins     at seq=%d: what came before is given up\n", res.From)
	}
	if res.Kept != "" {
		fmt.Fprintf(con.out, "kept       %s, the database before; delete it when nobody needs it\n", filepath.Clean(res.Kept))
	}
	fmt.Fprintf(con.out, "took       %.2f s, %.0f events/s\n", res.Seconds, res.PerSecond)
	return nil
}

// limit names how far a rebuild was to go.
func (c *replayCmd) limit() string {
	if c.UntilSeq > 0 {
		return fmt.Sprintf("--until-seq %d", c.UntilSeq)
	}
	return "--until-time " + c.UntilTime.Format(time.RFC3339)
}

func (c *replayCmd) verify(ctx context.Context, con *console, store schema.Store, cfg replay.Config) error {
	v, err := replay.Verify(ctx, store, cfg, max(c.Differences, 1))
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		if err := printJSON(con.out, v); err != nil {
			return err
		}
	} else if v.Equal {
		fmt.Fprintf(con.out, "equal: %d rows of %s are what the stream says up to seq=%d\n", v.Rows, filepath.Base(v.Path), v.Seq)
	} else {
		tellDifferent(con.out, v)
	}
	if !v.Equal {
		return exitError(exitFailed)
	}
	return nil
}

// tellDifferent says where the tables are not what the stream says, and what comes
// next. They may be the last to hold what a damaged stream lost.
func tellDifferent(w io.Writer, v replay.Verification) {
	fmt.Fprintf(w, "different: %d of %d rows, definitions and index entries are not what the stream says up to seq=%d\n", v.Different, v.Rows+v.Others, v.Seq)
	for _, d := range v.Differences {
		fmt.Fprintln(w, d.String())
	}
	switch v.Erased {
	case 0:
	case 1:
		fmt.Fprintln(w, "1 message is gone from the stream after the tables had it: if it was erased on purpose, it accounts for such differences")
	default:
		fmt.Fprintf(w, "%d messages are gone from the stream after the tables had them: if they were erased on purpose, they account for such differences\n", v.Erased)
	}
	if v.Erased > 0 || v.Extra > 0 {
		fmt.Fprintln(w, "try:   rosey doctor   (says whether the stream lost what only the tables hold now; if not, rosey replay makes them from what is there)")
		return
	}
	fmt.Fprintln(w, "try:   rosey replay   (rebuilds the tables from the stream)")
}

// progress shows a bar on a terminal, and JSON lines where they are asked for.
func (c *replayCmd) progress(con *console) func(replay.Progress) {
	if c.JSON {
		enc := json.NewEncoder(con.err)
		return func(p replay.Progress) { _ = enc.Encode(p) }
	}
	file, ok := con.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(p replay.Progress) {
		if bar == nil {
			bar = progressbar.NewOptions64(int64(p.Last), progressbar.OptionSetWriter(file), progressbar.OptionSetDescription("events"),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
		}
		if p.Phase == replay.PhaseIndexes {
			bar.Describe("building indexes")
		}
		_ = bar.Set64(int64(p.Seq))
		if p.Phase == replay.PhaseDone {
			_ = bar.Finish()
		}
	}
}
