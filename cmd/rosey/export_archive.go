package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rosey/internal/loss"
	"rosey/replay"
	"rosey/streams"
	"rosey/streams/archive"
)

// archiveFlags write the events into an archive instead of lines.
type archiveFlags struct {
	Archive string `help:"Folder of an archive to make, or to add what is new to; goes with --to alone." type:"path" placeholder:"DIR"`
	Verify  bool   `help:"Read the whole archive afterwards, and compare it with its hashes."`

	Forget       []uint64 `help:"Take this message out of the archive, whatever the stream has of it, and do nothing else; needs no installation." placeholder:"SEQ"`
	ForgetErased bool     `help:"Take out of the archive whatever was erased from the stream since, also where that is so much that a damaged store is as likely."`
	KeepErased   bool     `help:"Leave in the archive what was erased from the stream since."`
}

// erased says what becomes of what was erased from the stream.
func (f *archiveFlags) erased() archive.Erased {
	switch {
	case f.ForgetErased:
		return archive.ForgetAllErased
	case f.KeepErased:
		return archive.KeepErased
	}
	return archive.ForgetErased
}

// checkForgetting refuses what does not go together.
func (f *archiveFlags) checkForgetting() error {
	switch {
	case f.Archive == "" && (len(f.Forget) > 0 || f.ForgetErased || f.KeepErased):
		return advise(errors.New("export: --forget, --forget-erased and --keep-erased are about an archive"), "rosey export events --archive DIR --forget SEQ")
	case f.ForgetErased && f.KeepErased:
		return advise(errors.New("export: --forget-erased and --keep-erased contradict each other"), "give one of them")
	}
	return nil
}

// What an archive is doing, in the progress of a command.
const phaseArchiving = "archiving"

// archive adds what is new to an archive, or makes it forget messages.
func (c *exportCmd) archive(ctx context.Context, con *console) (err error) {
	log := c.logger(con.err, slog.LevelWarn)
	if len(c.Forget) > 0 {
		return c.forget(ctx, con, log)
	}
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	show := newProgress(con, c.JSON)
	defer show.close()
	tell := passProgress(show)
	res, err := archive.Write(ctx, c.Archive, a.Stream, archive.WriteOptions{
		To: c.To, Erased: c.erased(), Progress: func(p archive.Progress) { tell(phaseArchiving, p) }, Logger: log, Crash: crash,
	})
	done := archived{Written: res}
	if err == nil && !c.ForgetErased {
		done.Lost = c.lost(ctx, a.Stream, log)
	}
	if done.Lost != nil && done.ErasedSince >= done.Lost.Messages {
		done.Lost = nil // the archive has them
	}
	if err == nil {
		done.Before = c.before(ctx, a.Stream, log)
	}
	return c.archived(ctx, con, show, tell, done, err)
}

// archived is what an archive holds now.
type archived struct {
	archive.Written
	// Lost is what neither the stream nor the archive has, and the tables have.
	Lost *loss.Lost `json:"lost,omitempty"`
	// Before says what the archive lacks at its beginning, where nothing tells that it
	// was trimmed.
	Before string `json:"before,omitempty"`
}

// before says what the tables in the data folder have of before the archive.
func (c *exportCmd) before(ctx context.Context, s *streams.Stream, log *slog.Logger) string {
	dir, err := c.dir()
	if err != nil {
		return "" // there is none
	}
	b, err := loss.LookBefore(ctx, dir.Database(), s, c.Archive, true)
	if err != nil {
		log.Warn("the tables cannot be asked what the stream has lost of its beginning", "path", dir.Database().Link, "err", err)
	}
	if b == nil {
		return ""
	}
	return b.String()
}

// lost is what the stream has lost, as far as the tables in the data folder tell.
func (c *exportCmd) lost(ctx context.Context, s *streams.Stream, log *slog.Logger) *loss.Lost {
	dir, err := c.dir()
	if err != nil {
		return nil // there is none
	}
	l, err := loss.Look(ctx, dir.Database(), s)
	if err != nil {
		log.Warn("the tables cannot be asked whether the stream has lost messages", "path", dir.Database().Link, "err", err)
	}
	return l
}

// forget takes messages out of an archive.
func (c *exportCmd) forget(ctx context.Context, con *console, log *slog.Logger) error {
	show := newProgress(con, c.JSON)
	defer show.close()
	res, err := archive.Forget(ctx, c.Archive, c.Forget, archive.WriteOptions{Logger: log, Crash: crash})
	return c.archived(ctx, con, show, passProgress(show), archived{Written: res}, err)
}

// archived tells what an archive holds now.
func (c *exportCmd) archived(ctx context.Context, con *console, show *progress, tell func(string, archive.Progress), res archived, err error) error {
	if err == nil && c.Verify {
		err = verifyArchive(ctx, c.Archive, tell)
	}
	if errors.Is(err, context.Canceled) {
		return advise(fmt.Errorf("export: interrupted; the archive holds what is complete, up to seq=%d", res.LastSeq), "the same command goes on")
	}
	if err != nil {
		return roomOn(err, c.Archive)
	}
	show.close()
	if c.JSON {
		err = printJSON(con.out, res)
	} else {
		c.tellArchived(con, res)
	}
	if err == nil && res.Before != "" {
		fmt.Fprintf(con.err, "rosey: no archive of all there was, no tables can be made of it as they are: %s\ntry:   %s\n", res.Before, loss.Settle)
	}
	if err == nil && res.Lost != nil {
		return advise(fmt.Errorf("export: archived, but do not take it for all there was: %s", res.Lost), "%s", res.Lost.Next)
	}
	return err
}

// tellArchived says what an archive holds.
func (c *exportCmd) tellArchived(con *console, res archived) {
	fmt.Fprintf(con.out, "archived   %s\n", c.Archive)
	fmt.Fprintf(con.out, "messages   %d, %s; %d of them new\n", res.Messages, covers(res.FirstSeq, res.LastSeq, res.Erased), res.Added)
	if res.Forgotten > 0 {
		fmt.Fprintf(con.out, "forgotten  %s: %s\n", messages(res.Forgotten), runsText(res.ForgottenRuns))
	}
	if res.ErasedSince > 0 {
		fmt.Fprintf(con.out, "kept       %s that the stream has erased since\n", messages(res.ErasedSince))
	}
	tellLost(con, res.Lost)
	fmt.Fprintf(con.out, "segments   %d, %s\n", res.Segments, humanize.IBytes(uint64(res.Bytes)))
	if c.Verify {
		fmt.Fprintln(con.out, "verified   every segment is what was written")
	}
}

// shownRuns is how many runs of sequences are shown.
const shownRuns = 100

// runsText lists sequences, adjacent ones as a run.
func runsText(runs [][2]uint64) string {
	var parts []string
	for _, run := range runs[:min(len(runs), shownRuns)] {
		text := fmt.Sprintf("seq=%d", run[0])
		if run[1] > run[0] {
			text += fmt.Sprintf(" to seq=%d", run[1])
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, ", ")
	if n := len(runs) - shownRuns; n > 0 {
		text += fmt.Sprintf(" and %d more runs (--json names all)", n)
	}
	return text
}

func messages(n uint64) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

func verifyArchive(ctx context.Context, dir string, tell func(string, archive.Progress)) error {
	a, err := archive.Open(dir)
	if err != nil {
		return err
	}
	return a.Verify(ctx, func(p archive.Progress) { tell(archive.PhaseVerifying, p) })
}

// covers says which sequences an archive is about.
func covers(first, last, erased uint64) string {
	switch {
	case last < first:
		return "no sequence yet"
	case erased > 0:
		return fmt.Sprintf("seq=%d to seq=%d without %d that were erased", first, last, erased)
	}
	return fmt.Sprintf("seq=%d to seq=%d", first, last)
}

// passProgress shows the passes over an archive as a rebuild is shown.
func passProgress(show *progress) func(phase string, p archive.Progress) {
	var phase string
	var begin time.Time // of the phase: each has a pace of its own
	var from uint64
	start := time.Now()
	return func(now string, p archive.Progress) {
		if now != phase {
			phase, begin, from = now, time.Now(), p.Messages
		}
		pr := replay.Progress{
			Phase: phase, Seq: p.Seq, Last: p.Last, Events: int(p.Messages),
			ElapsedSeconds: time.Since(start).Seconds(), MemoryBytes: replay.ResidentMemory(),
		}
		if pr.PerSecond = float64(p.Messages-from) / max(time.Since(begin).Seconds(), 1e-9); pr.PerSecond > 0 {
			pr.RemainingSeconds = float64(p.Last-p.Seq) / pr.PerSecond
		}
		show.tell(pr)
	}
}
