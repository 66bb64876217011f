package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
)

func (c *replayCmd) done(con *console, res replay.Result) error {
	if c.JSON {
		return printJSON(con.out, res)
	}
	if c.Undo {
		fmt.Fprintf(con.out, "went back  to %s\n", filepath.Clean(res.Path))
		fmt.Fprintf(con.out, "caught up  %d events up to seq=%d (%d duplicates, %d dead letters)\n", res.Events, res.Seq, res.Duplicates, res.DeadLetters)
		tellErased(con.out, res)
		if res.Note != "" {
			fmt.Fprintf(con.out, "note       %s\n", res.Note)
		}
		tellKept(con.out, res)
		fmt.Fprintf(con.out, "took       %.2f s\n", res.Seconds)
		return nil
	}
	fmt.Fprintf(con.out, "rebuilt    %s\n", filepath.Clean(res.Path))
	fmt.Fprintf(con.out, "events     %d up to seq=%d (%d duplicates, %d dead letters)\n", res.Events, res.Seq, res.Duplicates, res.DeadLetters)
	if res.ResumedAfter > 0 {
		fmt.Fprintf(con.out, "resumed    after seq=%d\n", res.ResumedAfter)
	}
	if res.BegunAnew != "" && !c.Fresh {
		fmt.Fprintf(con.out, "anew       what an earlier rebuild had left is not gone on with: %s\n", res.BegunAnew)
	}
	if res.Channel != "" {
		fmt.Fprintf(con.out, "channel    %s alone: nothing goes on with this database\n", res.Channel)
	}
	if res.EndsBefore {
		fmt.Fprintf(con.out, "ended      at seq=%d, the end of the stream, before %s\n", res.Seq, c.limit())
	}
	if res.From > 1 {
		fmt.Fprintf(con.out, "begins     at seq=%d: what came before is given up\n", res.From)
	}
	tellErased(con.out, res)
	tellArchive(con.out, res)
	if res.Note != "" {
		fmt.Fprintf(con.out, "note       %s\n", res.Note)
	}
	tellKept(con.out, res)
	fmt.Fprintf(con.out, "took       %.2f s, %.0f events/s\n", res.Seconds, res.PerSecond)
	return nil
}

// tellErased says what the tables are not made of.
func tellErased(w io.Writer, res replay.Result) {
	if res.Erased == 0 && res.ErasedSince == 0 {
		return
	}
	before := ""
	if res.ErasedSince > 0 {
		before = fmt.Sprintf("; the database before had %d of them", res.ErasedSince)
	}
	fmt.Fprintf(w, "erased     %d of the messages up to seq=%d are gone from the stream%s\n", res.Erased, res.Seq, before)
}

func tellKept(w io.Writer, res replay.Result) {
	if res.Kept != "" {
		fmt.Fprintf(w, "kept       %s, the database before; delete it when nobody needs it\n", filepath.Clean(res.Kept))
	}
}

// tellArchive says what an archive that was named was good for.
func tellArchive(w io.Writer, res replay.Result) {
	switch {
	case res.Archive != "":
		fmt.Fprintf(w, "archive    %s: what the stream no longer holds came from it\n", filepath.Clean(res.Archive))
	case res.ArchiveNotNeeded:
		fmt.Fprintln(w, "archive    not needed: the stream itself reaches back as far; it is of this stream and joins it")
	}
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
	if errors.Is(err, projector.ErrOtherProgram) {
		if pid, held, lookErr := heldBy(store); lookErr == nil && held {
			return advise(err, "compare with the version of the program that keeps the tables, process %d (rosey.db.query.status says which); only if that is this one, rosey replay", pid)
		}
	}
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		if err := printJSON(con.out, v); err != nil {
			return err
		}
	} else if v.Equal {
		fmt.Fprintf(con.out, "equal: %d rows of %s are what the stream says up to seq=%d\n", v.Rows, filepath.Base(v.Path), v.Seq)
		tellArchive(con.out, v.Rebuild)
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
