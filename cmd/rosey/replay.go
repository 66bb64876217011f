package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"rosey/projector"
	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

type replayCmd struct {
	dataFlag
	natsFlags
	logFlags
	acceptFlag
	Verify         bool     `help:"Rebuild beside the database and compare the two; exit 1 when they differ."`
	Into           string   `help:"Rebuild into a file of its own and leave the database alone." type:"path" placeholder:"FILE"`
	FromArchive    string   `help:"Archive that holds what the stream no longer does." type:"path" placeholder:"DIR"`
	UntilSeq       position `help:"Last stream sequence to apply; needs --into." placeholder:"SEQ"`
	UntilTime      instant  `help:"Leave out what the stream stored later; needs --into. Such as 2026-04-01T18:00:00Z, 2026-04-01 18:00 (UTC), or 2026-04-01, the first moment of that day." placeholder:"TIME"`
	Channel        named    `help:"Leave out what is about other channels; needs --into." placeholder:"NAME"`
	OnError        string   `help:"At an event that cannot be applied and was no dead letter before: stop, or dead-letter it and go on." enum:"stop,dead-letter" default:"stop"`
	Force          bool     `help:"Replace a database that belongs to another stream or history."`
	DefaultChannel string   `help:"Channel of events whose publisher names none. Default: as the database was made with." env:"ROSEY_DEFAULT_CHANNEL" placeholder:"NAME"`
	Differences    int      `help:"How many differences --verify names." default:"5" placeholder:"N"`
	Keep           kept     `help:"How many databases are kept, the current one among them. Default: 2." placeholder:"N"`
	Undo           bool     `help:"Go back to the database before the last rebuild."`
	AcceptErased   bool     `help:"Replace tables that have much of what the stream lists as erased: they are kept as a file."`
	Fresh          bool     `help:"Begin anew, even where an interrupted rebuild could go on."`
	JSON           bool     `help:"Print progress and result as JSON lines."`
}

func (c *replayCmd) examples() string {
	return `  rosey replay                          rebuild the tables and swap them in
  rosey replay --from-archive ./archive  with what the stream no longer holds
  rosey replay --undo                   go back to the tables before
  rosey replay --verify                 is the database what the stream says?
  rosey replay --into march.db --until-time 2026-04-01T00:00:00Z
  rosey replay --into movies.db --channel movies`
}

// Run rebuilds or verifies.
func (c *replayCmd) Run(ctx context.Context, con *console) (err error) {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return misused(con, err)
	}
	if c.Into != "" && dir.Database().Owns(c.Into) {
		return c.explain(fmt.Errorf("replay: rebuild into %s: %w: %s", c.Into, replay.ErrOfStore, dir.Database().Link))
	}
	log := c.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	store := dir.Database()
	show := newProgress(con, c.JSON)
	defer show.close()
	cfg := replay.Config{
		Stream: a.Stream, DefaultChannel: c.DefaultChannel, UntilSeq: uint64(c.UntilSeq), UntilTime: c.UntilTime.Time,
		AcceptFailures: c.OnError == "dead-letter", Force: c.Force, AcceptGap: c.AcceptGap, AcceptErased: c.AcceptErased, Progress: show.tell, Logger: log, Crash: crash,
		Program: version(), Channel: string(c.Channel), Fresh: c.Fresh,
	}
	if cfg.DefaultChannel == "" {
		cfg.DefaultChannel = storedDefaultChannel(ctx, store)
	}
	if c.FromArchive != "" {
		if cfg.Archive, err = archive.Open(c.FromArchive); err != nil {
			return err
		}
	}
	switch {
	case c.Verify:
		return c.verify(ctx, con, store, cfg)
	case c.Into != "":
		if cfg.Known, cfg.KnownTo, err = knownDeadLetters(ctx, store); err != nil {
			return err
		}
		cfg.AcceptFailures = cfg.AcceptFailures || cfg.KnownTo == 0
		cfg.Like = store
		res, err := replay.Into(ctx, c.Into, cfg)
		if err != nil {
			return roomOn(c.explainInto(err), filepath.Dir(c.Into))
		}
		show.close()
		return c.done(con, res)
	}
	res, err := c.replace(ctx, a.Conn, store, cfg, show)
	if err != nil {
		return c.explain(err)
	}
	show.close()
	return c.done(con, res)
}

// check refuses what makes no sense together.
func (c *replayCmd) check() error {
	switch {
	case (c.UntilSeq > 0 || !c.UntilTime.IsZero()) && c.Into == "":
		return advise(errors.New("replay: --until-seq and --until-time would take the current database back"), "add --into FILE")
	case c.Channel != "" && c.Into == "":
		return advise(errors.New("replay: tables of one channel cannot take the place of the whole"), "add --into FILE")
	case c.Verify && c.Into != "":
		return advise(errors.New("replay: --verify compares, and --into makes a file"), "leave one of them out")
	case c.Undo && (c.Verify || c.Into != "" || c.Force || c.Fresh || c.AcceptGap || c.FromArchive != ""):
		return advise(errors.New("replay: --undo rebuilds nothing"), "rosey replay --undo")
	case c.Undo && c.OnError != "stop":
		return advise(errors.New("replay: --undo applies nothing that could fail"), "rosey replay --undo")
	case c.Keep > 0 && (c.Verify || c.Into != ""):
		return advise(errors.New("replay: --keep is about the databases that a rebuild replaces, and neither --into nor --verify replaces one"), "leave --keep out")
	case c.AcceptErased && (c.Verify || c.Into != ""):
		return advise(errors.New("replay: --accept-erased is about the database that a rebuild replaces, and neither --into nor --verify replaces one"), "leave --accept-erased out")
	}
	return nil
}

// replace makes other tables the current ones: here, or in the process that keeps
// them.
func (c *replayCmd) replace(ctx context.Context, conn *streams.Conn, store schema.Store, cfg replay.Config, show *progress) (replay.Result, error) {
	_, held, err := store.Holder()
	if err != nil {
		return replay.Result{}, err
	}
	var inUse *schema.InUseError
	if !held {
		res, err := c.here(ctx, store, cfg)
		if !errors.As(err, &inUse) {
			return res, err
		}
		// Somebody came first.
	}
	return c.there(ctx, conn, store, show)
}

// here does the work in this process.
func (c *replayCmd) here(ctx context.Context, store schema.Store, cfg replay.Config) (replay.Result, error) {
	cfg.Keep = int(c.Keep)
	if c.Undo {
		return replay.Undo(ctx, store, cfg)
	}
	return replay.Swap(ctx, store, cfg)
}

// there lets the process do the work that keeps the tables.
func (c *replayCmd) there(ctx context.Context, conn *streams.Conn, store schema.Store, show *progress) (replay.Result, error) {
	if c.Force || c.DefaultChannel != "" {
		return replay.Result{}, advise(fmt.Errorf("replay: %s is in use; --force and --default-channel work on a database that no process keeps", store.Link),
			"stop the running projector (or rosey up) first")
	}
	r := replay.Request{
		Kind: replay.KindRebuild, AcceptGap: c.AcceptGap, AcceptErased: c.AcceptErased, AcceptFailures: c.OnError == "dead-letter",
		Archive: c.FromArchive, Keep: int(c.Keep), Fresh: c.Fresh,
	}
	if c.Undo {
		r = replay.Request{Kind: replay.KindUndo, AcceptErased: c.AcceptErased, Keep: int(c.Keep)}
	}
	w, err := askHolder(ctx, conn, store, r, show, rebuildCommand(r), " --data "+shell(c.Data)+c.words())
	if err != nil {
		return replay.Result{}, err
	}
	if w.Result == nil {
		return replay.Result{}, fmt.Errorf("replay: %w: it ended without a result", control.ErrUnknown)
	}
	return *w.Result, nil
}

// interrupted says how to go on, from a sequence where it was kept.
func (c *replayCmd) interrupted(kept uint64) error {
	if kept == 0 {
		return advise(errors.New("replay: interrupted; the database is as it was"), "rosey replay")
	}
	return advise(fmt.Errorf("replay: interrupted after seq=%d; the database is as it was, and what was done is kept", kept),
		"the same command again: it goes on from there   (with --fresh it begins anew)")
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

// explainInto names the file's folder where that is at fault, and not the data
// folder.
func (c *replayCmd) explainInto(err error) error {
	info, statErr := os.Lstat(c.Into)
	switch {
	case errors.Is(err, fs.ErrExist) && statErr == nil && info.IsDir():
		return advise(fmt.Errorf("replay: %s is a folder", c.Into), "name a file in it that is not there yet")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return advise(err, "name a file in a folder that can be written to")
	}
	return c.explain(err)
}

func (c *replayCmd) explain(err error) error {
	if errors.Is(err, control.ErrLeft) {
		return advise(errors.New("replay: no longer watched; the rebuild goes on"), "rosey replay   (shows it again)")
	}
	var here *replay.InterruptedError
	var there *control.InterruptedError
	switch {
	case errors.As(err, &here) && here.Kept:
		return c.interrupted(here.Seq)
	case errors.As(err, &there):
		return c.interrupted(there.KeptSeq)
	case errors.Is(err, context.Canceled):
		return c.interrupted(0)
	}
	if errors.Is(err, replay.ErrNoFolder) {
		return advise(err, "make the folder first, or name a file in one that exists")
	}
	if errors.Is(err, replay.ErrOfStore) {
		return advise(err, "name a file in another folder, or one that begins with another name")
	}
	var failed *projector.NewFailureError
	if errors.As(err, &failed) {
		next, _ := replay.AfterFailure(err)
		return advise(fmt.Errorf("the database is as it was: %w", err), "rosey tail --seq %d --limit 1 --json shows it; %s", failed.Seq, next)
	}
	if errors.Is(err, replay.ErrNoChannel) {
		return advise(err, "another --channel: rosey tail --json shows the names as they are spelled")
	}
	if errors.Is(err, replay.ErrLeftOut) || errors.Is(err, streams.ErrUnvouched) {
		var w replay.Work
		w.Fail(err)
		return advise(err, "%s", w.Remedy)
	}
	if errors.Is(err, replay.ErrNothingBefore) {
		return advise(err, "name a later --until-time, or a greater --until-seq")
	}
	return err
}
