package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"rosey/projector"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/embedded"
)

type importCmd struct {
	dataFlag
	natsFlags
	logFlags
	optionFlags
	What    string `arg:"" help:"events." enum:"events"`
	Archive string `arg:"" help:"Folder of the archive." type:"path"`
	JSON    bool   `help:"Print progress and result as JSON lines."`
}

func (c *importCmd) examples() string {
	return `  rosey import events ./archive --data ./restored
  rosey import events ./archive --nats nats://10.0.0.5:4222 --nats-creds admin.creds --replicas 3`
}

// Run restores the stream of an archive.
func (c *importCmd) Run(ctx context.Context, con *console) (err error) {
	a, err := archive.Open(c.Archive)
	if err != nil {
		return err
	}
	show := newProgress(con, c.JSON)
	defer show.close()
	tell := passProgress(show)
	if err := c.verifyFirst(ctx, a, tell); err != nil {
		return err
	}
	log := c.logger(con.err, slog.LevelError)
	server, err := inTurn(ctx, con, c.dataFlag, c.natsFlags, func() (opened, error) { return c.reach(ctx, log) })
	if err != nil {
		return c.explain(err)
	}
	defer func() { err = errors.Join(err, server.done()) }()
	o := c.options()
	if !c.external() {
		dir, err := c.dir()
		if err != nil {
			return err
		}
		if o.MaxBytesIfNew, err = embedded.DefaultMaxBytes(dir.JetStream()); err != nil {
			return err
		}
	}
	_, res, err := archive.Import(ctx, server.Conn, a, archive.ImportOptions{Stream: o, Progress: tell})
	if errors.Is(err, context.Canceled) {
		return advise(errors.New("import: interrupted; the stream cannot be used before it is complete"), "the same command goes on")
	}
	if err != nil {
		return c.explain(err)
	}
	show.close()
	if c.JSON {
		return printJSON(con.out, res)
	}
	fmt.Fprintf(con.out, "imported   %d messages, %s\n", res.Messages, covers(res.FirstSeq, res.LastSeq, res.Erased))
	fmt.Fprintf(con.out, "stream     %s %s, compared with the archive\n", streams.StreamName, res.ID)
	fmt.Fprintf(con.out, "tables     %s; a database of this stream goes on by itself\n", howTables(res))
	return nil
}

// howTables says what makes the tables. The first start refuses a stream that does not
// begin at 1 unless it is told to: it cannot tell what the archive lacks from what
// somebody trimmed.
func howTables(res archive.Imported) string {
	if res.FirstSeq <= 1 {
		return "rosey replay makes them"
	}
	return fmt.Sprintf("rosey replay %s makes them, without seq=1 to seq=%d, which the archive does not hold", projector.FlagAcceptGap, res.FirstSeq-1)
}

// verifyFirst reads the whole archive before a data folder is made for it: an
// archive that is damaged leaves no empty installation behind.
func (c *importCmd) verifyFirst(ctx context.Context, a *archive.Archive, tell func(string, archive.Progress)) error {
	if c.external() {
		return nil // nothing is made before Import has read it
	}
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir.JetStream()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err = a.Verify(ctx, func(p archive.Progress) { tell(archive.PhaseVerifying, p) })
	if errors.Is(err, context.Canceled) {
		return advise(errors.New("import: interrupted; nothing was made yet"), "the same command again")
	}
	return err
}

// reach connects to the server, or runs one on a data folder, which may be new.
func (c *importCmd) reach(ctx context.Context, log *slog.Logger) (opened, error) {
	f := streamFlags{dataFlag: c.dataFlag, natsFlags: c.natsFlags, logFlags: c.logFlags}
	return f.reachOrMake(ctx, log, true)
}
