package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"

	"rosey/replay"
	"rosey/streams/archive"
)

// archiveFlags write the events into an archive instead of lines.
type archiveFlags struct {
	Archive string `help:"Folder of an archive to make, or to add what is new to; goes with --to alone." type:"path" placeholder:"DIR"`
	Verify  bool   `help:"Read the whole archive afterwards, and compare it with its hashes."`
}

// What an archive is doing, in the progress of a command.
const phaseArchiving = "archiving"

// archive adds what is new to an archive.
func (c *exportCmd) archive(ctx context.Context, con *console) (err error) {
	log := c.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	show := newProgress(con, c.JSON)
	defer show.close()
	tell := passProgress(show)
	res, err := archive.Write(ctx, c.Archive, a.Stream, archive.WriteOptions{
		To: c.To, Progress: func(p archive.Progress) { tell(phaseArchiving, p) }, Logger: log, Crash: crash,
	})
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
		return printJSON(con.out, res)
	}
	fmt.Fprintf(con.out, "archived   %s\n", c.Archive)
	fmt.Fprintf(con.out, "messages   %d, %s; %d of them new\n", res.Messages, covers(res.FirstSeq, res.LastSeq, res.Erased), res.Added)
	fmt.Fprintf(con.out, "segments   %d, %s\n", res.Segments, humanize.IBytes(uint64(res.Bytes)))
	if c.Verify {
		fmt.Fprintln(con.out, "verified   every segment is what was written")
	}
	return nil
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
	var begin time.Time
	var from uint64
	return func(now string, p archive.Progress) {
		if now != phase {
			phase, begin, from = now, time.Now(), p.Messages
		}
		pr := replay.Progress{Phase: phase, Seq: p.Seq, Last: p.Last, Events: int(p.Messages), ElapsedSeconds: time.Since(begin).Seconds()}
		if pr.PerSecond = float64(p.Messages-from) / max(pr.ElapsedSeconds, 1e-9); pr.PerSecond > 0 {
			pr.RemainingSeconds = float64(p.Last-p.Seq) / pr.PerSecond
		}
		show.tell(pr)
	}
}
