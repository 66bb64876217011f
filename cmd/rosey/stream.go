package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"rosey/internal/installation"
	"rosey/internal/standstill"
	"rosey/streams"
	"rosey/streams/embedded"
)

type streamCmd struct {
	streamFlags

	Show  streamShowCmd  `cmd:"" help:"How far the stream is, how full, and who reads it."`
	Check streamCheckCmd `cmd:"" help:"Compare the stream with its definition; exit 1 when they differ, 2 when that cannot be told."`
	Setup streamSetupCmd `cmd:"" help:"Create the stream on a server, or repair it."`
}

func (c *streamCmd) examples() string {
	return `  rosey stream show --data /var/lib/rosey
  rosey stream check --nats nats://10.0.0.5:4222 --nats-creds admin.creds
  rosey stream setup --nats nats://10.0.0.5:4222 --replicas 3 --max-bytes 64GiB`
}

type streamFlags struct {
	dataFlag
	natsFlags
	logFlags
	JSON bool `help:"Print JSON."`
}

// opened is a connection, and what ends it.
type opened struct {
	*streams.Conn
	done func() error
	// own says that nobody else's server was found.
	own bool
}

// connect reaches the server of an installation, running or not, whatever state
// its stream is in: these commands are for streams that nothing else would use.
func (f streamFlags) connect(ctx context.Context, con *console) (opened, error) {
	log := f.logger(con.err, slog.LevelError)
	return inTurn(ctx, con, f.dataFlag, f.natsFlags, func() (opened, error) { return f.reach(ctx, log) })
}

func (f streamFlags) reach(ctx context.Context, log *slog.Logger) (opened, error) {
	return f.reachOrMake(ctx, log, false)
}

// explain adds what a stream that is not there means for the data folder.
func (f streamFlags) explain(err error) error {
	if f.external() || !errors.Is(err, streams.ErrNoStream) {
		return f.natsFlags.explain(err)
	}
	dir, dirErr := f.dir()
	if dirErr != nil {
		return err
	}
	return errors.Join(dir.StreamGone(context.Background()), err)
}

// reachOrMake is reach for a data folder that need not be there yet.
func (f streamFlags) reachOrMake(ctx context.Context, log *slog.Logger, mayMake bool) (opened, error) {
	dir, err := f.dir()
	if err != nil {
		return opened{}, err
	}
	var cfg streams.Config
	if f.external() {
		cfg, err = f.config(log)
	} else {
		cfg, err = dir.ClientConfig(log)
	}
	var c *streams.Conn
	if err == nil {
		c, err = streams.Connect(ctx, cfg)
	}
	switch {
	case err == nil:
		return opened{c, func() error { c.Close(); return nil }, false}, nil
	case f.external():
		return opened{}, err
	}
	if _, missing := os.Stat(dir.JetStream()); !mayMake && errors.Is(missing, fs.ErrNotExist) {
		return opened{}, fmt.Errorf("%s: %w", dir, installation.ErrNotSetUp)
	}
	return connectOwn(ctx, dir, log, err)
}

// connectOwn runs a server on a data folder that no other one runs on; found is
// why no running one could be reached.
func connectOwn(ctx context.Context, dir installation.Dir, log *slog.Logger, found error) (opened, error) {
	s, err := embedded.Start(ctx, embedded.Config{StoreDir: dir.JetStream(), NoListen: true, NoMonitor: true, Logger: log})
	if errors.Is(err, embedded.ErrStoreInUse) {
		return opened{}, found
	}
	if err != nil {
		return opened{}, err
	}
	stop := func() error {
		ctx, cancel := standstill.WithTimeout(context.Background(), ownServerStop)
		defer cancel()
		return s.Shutdown(ctx)
	}
	user, password := s.Credentials()
	c, err := streams.Connect(ctx, streams.Config{InProcess: s.InProcessConn, User: user, Password: password, Logger: log})
	if err != nil {
		return opened{}, errors.Join(err, stop())
	}
	return opened{c, func() error { c.Close(); return stop() }, true}, nil
}

const ownServerStop = 8 * time.Second

type streamCheckCmd struct {
	optionFlags
}

func (c *streamCheckCmd) examples() string {
	return "  rosey stream check\n  rosey stream check --replicas 3 --json"
}

// checkResult is what check prints for machines.
type checkResult struct {
	Equal       bool                 `json:"equal"`
	Differences []streams.Difference `json:"differences"`
}

// Run lists what differs.
func (c *streamCheckCmd) Run(ctx context.Context, con *console, flags *streamCmd) error {
	diffs, err := c.differences(ctx, con, flags)
	if err != nil {
		return misused(con, err)
	}
	if flags.JSON {
		err = printJSON(con.out, checkResult{Equal: len(diffs) == 0, Differences: append([]streams.Difference{}, diffs...)})
	} else {
		err = printDifferences(con, diffs)
	}
	if err == nil && len(diffs) > 0 {
		return exitError(exitFailed)
	}
	return err
}

func (c *streamCheckCmd) differences(ctx context.Context, con *console, flags *streamCmd) (diffs []streams.Difference, err error) {
	conn, err := flags.connect(ctx, con)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.done()) }()
	diffs, err = streams.Check(ctx, conn.Conn, c.options())
	return diffs, flags.explain(err)
}

func printDifferences(con *console, diffs []streams.Difference) error {
	if len(diffs) == 0 {
		_, err := fmt.Fprintln(con.out, "the stream is as it is defined")
		return err
	}
	t := newTable(con.out, "what", "is", "wanted", "remedy")
	for _, d := range diffs {
		remedy := d.Remedy
		if d.Changeable {
			remedy = strings.TrimSuffix("rosey stream setup; then: "+d.Remedy, "; then: ")
		}
		t.row(printable(d.Field), printable(d.Is), printable(d.Want), printable(remedy))
	}
	return t.flush()
}

// optionFlags are what an installation may choose about the stream.
type optionFlags struct {
	Replicas int  `help:"Copies in a cluster: 1, 3 or 5. Default: as it is, 1 for a new stream." placeholder:"N"`
	MaxBytes size `help:"Size at which the stream takes no more, such as 64GiB. Default: as it is; for a new stream 64GiB, or what the disk has." placeholder:"SIZE"`
}

func (f optionFlags) options() streams.StreamOptions {
	return streams.StreamOptions{Replicas: f.Replicas, MaxBytes: int64(f.MaxBytes)}
}

// Validate reports what no stream can be, before anything is asked of a server.
func (f optionFlags) Validate() error { return f.options().Validate() }

// size is a number of bytes as a person writes it.
type size int64

// UnmarshalText reads a number with or without a unit.
func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n == 0 || n > 1<<62 {
		return fmt.Errorf("%q is no size: give bytes, or a number with a unit, such as 64GiB", text)
	}
	*s = size(n)
	return nil
}

type streamSetupCmd struct {
	optionFlags
}

func (c *streamSetupCmd) examples() string {
	return "  rosey stream setup --nats nats://10.0.0.5:4222 --replicas 3 --max-bytes 64GiB"
}

// setupResult is what setup prints for machines.
type setupResult struct {
	ID      string           `json:"id"`
	Changes []streams.Change `json:"changes"`
}

// Run makes the stream as it is defined.
func (c *streamSetupCmd) Run(ctx context.Context, con *console, flags *streamCmd) (err error) {
	conn, err := flags.connect(ctx, con)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.done()) }()
	o := c.options()
	if !flags.external() {
		dir, err := flags.dir()
		if err != nil {
			return err
		}
		if o.MaxBytesIfNew, err = embedded.DefaultMaxBytes(dir.JetStream()); err != nil {
			return err
		}
	}
	s, changes, err := streams.Setup(ctx, conn.Conn, o)
	if errors.Is(err, streams.ErrCannotChange) {
		return advise(err, "rosey stream check   (lists each difference with its remedy)")
	}
	if err != nil {
		return err
	}
	if flags.JSON {
		return printJSON(con.out, setupResult{ID: s.Identity().ID, Changes: append([]streams.Change{}, changes...)})
	}
	for _, ch := range changes {
		fmt.Fprintln(con.out, ch.String())
	}
	for _, w := range conn.Warnings() {
		fmt.Fprintf(con.err, "warning: %s\n", w)
	}
	fmt.Fprintf(con.out, "the stream %s %s is as it is defined\n", streams.StreamName, s.Identity().ID)
	return nil
}
