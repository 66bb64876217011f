package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rosey/internal/loss"
	"rosey/projector/query"
	"rosey/schema"
)

type exportCmd struct {
	tablesFlag
	natsFlags
	logFlags
	What string `arg:"" help:"events, or a table or view such as chat_messages."`

	eventRange
	archiveFlags
	Format string `help:"Of a table: ndjson or csv. In NDJSON a BLOB is base64; in CSV an empty text is quoted and a NULL is not." enum:"ndjson,csv" default:"ndjson"`
	JSON   bool   `help:"The same as --format ndjson."`
	Out    string `help:"File to write; it appears once it is whole." type:"path" placeholder:"FILE"`
}

func (c *exportCmd) examples() string {
	return `  rosey export events --out everything.ndjson
  rosey export events --kind message.log --from 1000 --to 2000
  rosey export events --archive ./archive --verify
  rosey export events --archive ./archive --forget 4711
  rosey export chat_messages --format csv --out chat.csv
  rosey export user_stats | head`
}

const exportEvents = "events"

// Run writes events or a table.
func (c *exportCmd) Run(ctx context.Context, con *console) error {
	ignoreBrokenPipe()
	if err := c.check(); err != nil {
		return misused(con, err)
	}
	if c.Archive != "" {
		return c.archive(ctx, con)
	}
	if strings.EqualFold(c.What, exportEvents) {
		return unlessPipe(c.events(ctx, con))
	}
	err := c.table(ctx, con)
	var missing *query.NotFoundError
	if errors.As(err, &missing) {
		return misused(con, advise(missing, "rosey export with one of: %s, %s", exportEvents, strings.Join(missing.Known, ", ")))
	}
	return unlessPipe(err)
}

func (c *exportCmd) check() error {
	ofEvents := strings.EqualFold(c.What, exportEvents)
	switch {
	case c.Archive != "" && (!ofEvents || c.DB != "" || c.Format != formatNDJSON):
		return advise(errors.New("export: an archive holds the events of the stream"), "rosey export events --archive %s", shell(c.Archive))
	case c.Archive != "" && (c.From > 0 || len(c.Kind) > 0 || c.Parts || c.Out != ""):
		return advise(errors.New("export: an archive holds every event from the first one on; --from, --kind, --parts and --out do not go with it"),
			"rosey export events --archive %s", shell(c.Archive))
	case len(c.Forget) > 0 && (c.To > 0 || c.ForgetErased || c.KeepErased):
		return advise(errors.New("export: --forget names what the archive is to forget, and adds nothing to it"), "rosey export events --archive %s --forget SEQ", shell(c.Archive))
	case c.Verify && c.Archive == "":
		return advise(errors.New("export: --verify is about an archive"), "rosey export events --archive DIR --verify")
	case c.JSON && c.Format != formatNDJSON:
		return advise(errors.New("export: --json and --format csv contradict each other"), "give one of them")
	case ofEvents && c.Format != formatNDJSON:
		return advise(errors.New("export: events have fields of many kinds and go into NDJSON alone"), "leave --format csv out, or export a table")
	case ofEvents && c.DB != "":
		return advise(errors.New("export: a database holds no events, the stream does"), "--data DIR or --nats URL")
	case c.To > 0 && c.From > c.To:
		return advise(fmt.Errorf("export: --from %d is after --to %d", c.From, c.To), "--from %d --to %d", c.To, c.From)
	case !ofEvents && c.set():
		return advise(errors.New("export: --from, --to, --kind and --parts are about events"), "rosey export events ...")
	}
	if err := c.checkForgetting(); err != nil {
		return err
	}
	return c.kindFlag.check()
}

func (c *exportCmd) events(ctx context.Context, con *console) (err error) {
	log := c.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	out, err := openOutput(con.out, c.Out)
	if err != nil {
		return err
	}
	x := eventExport{eventRange: c.eventRange, stream: a.Stream, out: out.w}
	return c.finish(con, out, "events", func() (uint64, error) {
		err := x.run(ctx)
		if lost := x.incomplete(); err == nil && lost != "" {
			fmt.Fprintln(con.err, "rosey: "+lost)
		}
		if err == nil {
			c.warn(con, c.lost(ctx, a.Stream, log))
		}
		return x.written, err
	})
}

// warn says of events that were asked for why there are not more of them.
func (c *exportCmd) warn(con *console, l *loss.Lost) {
	if l != nil && l.LastSeq >= c.From && (c.To == 0 || l.FirstSeq <= c.To) {
		fmt.Fprintf(con.err, "rosey: not all there was: %s\ntry:   %s\n", l, l.Next)
	}
}

func (c *exportCmd) table(ctx context.Context, con *console) error {
	return c.read(ctx, func(q schema.Queryer) error {
		// A wrong name must not touch the file.
		if _, err := query.Table(ctx, q, c.What); err != nil {
			return err
		}
		out, err := openOutput(con.out, c.Out)
		if err != nil {
			return err
		}
		return c.finish(con, out, "rows", func() (uint64, error) {
			x := tableExport{format: c.Format, out: out.w}
			err := query.ReadTable(ctx, q, c.What, x.head, x.row)
			return x.written, err
		})
	})
}

// finish writes everything and makes the file appear, or nothing of it.
func (c *exportCmd) finish(con *console, out *output, what string, write func() (uint64, error)) error {
	n, err := write()
	if errors.Is(err, context.Canceled) {
		err = advise(errors.New("export: interrupted; what was to be written is not complete"), "the same command again")
	}
	if err != nil {
		return errors.Join(err, out.abandon())
	}
	if err := out.commit(); err != nil {
		return err
	}
	if c.Out != "" {
		fmt.Fprintf(con.err, "wrote      %d %s to %s\n", n, what, c.Out)
	}
	return nil
}

// output is where an export goes: the standard output, or a file that replaces
// what was there only once it is whole.
type output struct {
	w    *bufio.Writer
	file *os.File
	path string // where the file goes in the end, empty when it is there already
}

func openOutput(stdout io.Writer, path string) (*output, error) {
	const buffer = 256 << 10
	if path == "" {
		return &output{w: bufio.NewWriterSize(stdout, buffer)}, nil
	}
	target, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target = path
	case err != nil:
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir():
		return nil, advise(fmt.Errorf("write %s: it is a folder", path), "--out %s", shell(filepath.Join(path, "export.ndjson")))
	case err == nil && !info.Mode().IsRegular():
		// A device or a pipe is written to, never replaced.
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
		return &output{w: bufio.NewWriterSize(outputWriter{f}, buffer), file: f}, nil
	}
	folder := filepath.Dir(target)
	f, err := os.CreateTemp(folder, "."+filepath.Base(target)+".*.new") // 0600
	if errors.Is(err, fs.ErrNotExist) {
		return nil, advise(fmt.Errorf("write %s: there is no folder %s", path, folder), "mkdir -p %s", shell(folder))
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, advise(fmt.Errorf("write %s: %w", path, err), "--out FILE in a folder that can be written to")
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &output{w: bufio.NewWriterSize(outputWriter{f}, buffer), file: f, path: target}, nil
}

// commit makes what was written durable and visible.
func (o *output) commit() error {
	if err := o.w.Flush(); err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), o.abandon())
	}
	if o.file == nil {
		return nil
	}
	if o.path == "" {
		return o.file.Close()
	}
	if err := o.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), o.abandon())
	}
	err := o.file.Close()
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), os.Remove(o.file.Name()))
	}
	return nil
}

// abandon leaves what was there before.
func (o *output) abandon() error {
	if o.file == nil {
		// What is complete so far is still of use to whoever reads along.
		_ = o.w.Flush()
		return nil
	}
	err := o.file.Close()
	if o.path != "" {
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return err
}
