package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rosey/bot/spool"
	"rosey/internal/installation"
	"rosey/internal/loss"
	"rosey/schema"
	"rosey/streams"
)

// Config says what to copy, and where to.
type Config struct {
	// Dir is the backup's folder: new, or empty.
	Dir string
	// Stream is the one to copy, with the queue beside it.
	Stream *streams.Stream
	// Data is the data folder, with the database and the spools. There may be none.
	Data installation.Dir
	// Spools are copied beside those of the data folder.
	Spools []string
	// Program is this program's version.
	Program string
	// Progress, where it is set, is told how far it is.
	Progress func(Progress)
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Free tells how many bytes are free on the disk of a folder. Default: the
	// system's answer.
	Free func(dir string) (int64, error)
}

// taking is a backup that is being made.
type taking struct {
	Config
	m Manifest
	// made is what the copied database is made of.
	made loss.Tables
}

// Take makes a backup of an installation, which may be running. After an error
// nothing of it is left, and after a crash a folder that Open calls cut off. One of a
// stream that has lost messages is made, as it may be all there is, and its manifest
// says so (Lost): nobody may take it for a good one.
func Take(ctx context.Context, cfg Config) (*Manifest, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Free == nil {
		cfg.Free = freeBytes
	}
	t := &taking{Config: cfg, m: Manifest{Format: Format, Program: cfg.Program, BeganMS: cfg.Now().UnixMilli(), Spools: []SpoolFile{}, Notes: []string{}}}
	made, leave, err := t.prepare(ctx)
	if err == nil {
		if err = t.all(ctx); err != nil {
			err = errors.Join(err, t.remove(made))
		}
		if leaveErr := leave(); !made || err == nil {
			err = errors.Join(err, leaveErr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("backup: into %s: %w", cfg.Dir, err)
	}
	if cfg.Progress != nil {
		cfg.Progress(Progress{Phase: PhaseDone, Bytes: t.m.Bytes(), Total: t.m.Bytes()})
	}
	return &t.m, nil
}

// prepare looks at everything that can be refused, and makes the folder, if it is not
// there, until leave its own. It reports whether it made it.
func (t *taking) prepare(ctx context.Context) (made bool, leave func() error, err error) {
	there, err := exists(t.Dir)
	if err == nil {
		err = unfinished(t.Dir)
	}
	if errors.Is(err, ErrTaken) {
		_, err = enter(t.Dir) // clears up after it
	}
	if err != nil {
		return false, nil, err
	}
	state, err := t.Stream.State(ctx)
	if err != nil {
		return false, nil, err
	}
	need := int64(state.Bytes)
	paths, err := t.spoolPaths()
	if err != nil {
		return false, nil, err
	}
	if g, err := t.Data.Database().Current(); err == nil {
		paths = append(paths, g.Path)
	}
	for _, p := range paths {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(p + suffix); err == nil {
				need += info.Size()
			}
		}
	}
	if err := requireRoom(t.Free, t.Dir, need); err != nil {
		return false, nil, err
	}
	leave, err = enter(t.Dir)
	return !there, leave, err
}

// isEmpty reports whether a folder has nothing but what a file system puts at its
// top.
func isEmpty(entries []fs.DirEntry) bool {
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "lost+found" })
}

// all copies in the order that the package's doc gives reasons for.
func (t *taking) all(ctx context.Context) error {
	if err := t.spools(ctx); err != nil {
		return err
	}
	if err := t.queue(ctx); err != nil {
		return err
	}
	if err := t.database(ctx); err != nil {
		return err
	}
	file, err := t.snapshot(ctx, streams.StreamName, PhaseStream)
	if err != nil {
		return err
	}
	t.m.Stream = file
	if id := t.Stream.Identity().ID; file.Identity != id {
		return fmt.Errorf("the stream was replaced by another one meanwhile: identity %s, and was %s", file.Identity, id)
	}
	if err := t.lost(ctx); err != nil {
		return err
	}
	if err := readThrough(ctx, t.Stream, file.Snapshot); err != nil {
		return err
	}
	if err := syncTree(t.Dir); err != nil {
		return err
	}
	t.m.EndedMS = t.Now().UnixMilli()
	return t.m.write(t.Dir)
}

// remove takes back what was written.
func (t *taking) remove(made bool) error {
	if made {
		return os.RemoveAll(t.Dir)
	}
	return removeParts(t.Dir)
}

func (t *taking) note(format string, args ...any) {
	t.m.Notes = append(t.m.Notes, fmt.Sprintf(format, args...))
}

// snapshot copies a stream.
func (t *taking) snapshot(ctx context.Context, stream, phase string) (StreamFile, error) {
	name := path.Join(streamFolder, stream+".snapshot")
	f, err := createHashed(filepath.Join(t.Dir, filepath.FromSlash(name)))
	if err != nil {
		return StreamFile{}, err
	}
	var total int64
	if phase == PhaseStream {
		if state, err := t.Stream.State(ctx); err == nil {
			total = int64(state.Bytes)
		}
	}
	s, err := t.Stream.Conn().Snapshot(ctx, stream, f, teller(t.Progress, phase, total))
	if err := errors.Join(err, f.close()); err != nil {
		return StreamFile{}, err
	}
	t.m.Files = append(t.m.Files, f.entry(name))
	return StreamFile{Path: name, Snapshot: s}, nil
}

func (t *taking) queue(ctx context.Context) error {
	file, err := t.snapshot(ctx, streams.OutboundStream, PhaseQueue)
	if errors.Is(err, streams.ErrNoStream) {
		t.note("the server has no queue of messages to the channel")
		return os.Remove(filepath.Join(t.Dir, streamFolder, streams.OutboundStream+".snapshot"))
	}
	if err != nil {
		return err
	}
	t.m.Queue = &file
	return nil
}

// add notes a file that somebody else wrote into the backup.
func (t *taking) add(ctx context.Context, name string) error {
	n, sum, err := hashFile(ctx, filepath.Join(t.Dir, filepath.FromSlash(name)), nil)
	if err != nil {
		return err
	}
	t.m.Files = append(t.m.Files, File{Path: name, Bytes: n, SHA256: sum})
	return nil
}

// spoolPaths lists the data folder's spools and those that were named.
func (t *taking) spoolPaths() ([]string, error) {
	paths, err := t.Data.Spools()
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, p := range paths {
		names[filepath.Base(p)] = p
	}
	for _, p := range t.Spools {
		before, taken := names[filepath.Base(p)]
		if taken && before != p {
			return nil, fmt.Errorf("two spools have the name %s: %s and %s", filepath.Base(p), before, p)
		}
		if !taken {
			names[filepath.Base(p)] = p
			paths = append(paths, p)
		}
	}
	return paths, nil
}

func (t *taking) spools(ctx context.Context) error {
	paths, err := t.spoolPaths()
	if err != nil {
		return err
	}
	teller(t.Progress, PhaseSpools, 0)
	for _, p := range paths {
		if err := t.spool(ctx, p); err != nil {
			return err
		}
	}
	if len(paths) == 0 {
		t.note("there is no spool in %s: what a bot elsewhere has not sent yet is not in this backup", t.Data)
	}
	return nil
}

func (t *taking) spool(ctx context.Context, from string) error {
	name := path.Join(spoolFolder, filepath.Base(from))
	to := filepath.Join(t.Dir, filepath.FromSlash(name))
	c, err := spool.Copy(ctx, from, to)
	if err != nil {
		return err
	}
	file := SpoolFile{Path: name, InUse: c.InUse, Waiting: c.Depth.Events}
	for _, run := range c.Producers {
		if run.LastSeq > 0 {
			file.Producer, file.LastSeq = run.Producer, run.LastSeq
		}
	}
	if c.Raw {
		t.note("the spool %s is damaged, and was copied as it is: a bot takes over what can be read of it", filepath.Base(from))
	}
	entries, err := os.ReadDir(filepath.Dir(to))
	if err != nil {
		return err
	}
	for _, e := range entries {
		// Damaged ones lie beside it, with their logs.
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(from))
		if ok && (slices.Contains([]string{"", "-wal", "-journal"}, rest) || strings.HasPrefix(rest, ".damaged-")) {
			if err := t.add(ctx, path.Join(spoolFolder, e.Name())); err != nil {
				return err
			}
		}
	}
	t.m.Spools = append(t.m.Spools, file)
	return nil
}

// database copies the database, where there is one. It can always be made again,
// so that one which cannot be copied is no reason to be without a backup.
func (t *taking) database(ctx context.Context) error {
	teller(t.Progress, PhaseDatabase, 0)
	g, err := t.Data.Database().Current()
	if err != nil {
		t.note("there is no database in %s: a restored installation makes it from the stream", t.Data)
		return nil
	}
	if kept, err := filepath.Glob(filepath.Join(string(t.Data), "rosey.db.g*.keep")); err == nil && len(kept) > 0 {
		t.note("not in this backup are databases that are kept apart: %s; copy them by hand", strings.ReplaceAll(strings.Join(kept, ", "), ".keep", ""))
	}
	name := path.Join(databaseFolder, "rosey.db")
	c, err := schema.CopyFile(ctx, g.Path, filepath.Join(t.Dir, filepath.FromSlash(name)))
	switch {
	case err == nil:
	case schema.IsDamage(err), schema.IsUnreadable(err), errors.Is(err, schema.ErrDamagedCopy):
		t.note("the database cannot be copied: %v; a restored installation makes it from the stream", err)
		return nil
	default:
		return err
	}
	if id := t.Stream.Identity().ID; c.StreamID != "" && c.StreamID != id {
		t.note("the database belongs to another stream (%s) and is left out; a restored installation makes it from the stream", c.StreamID)
		return os.RemoveAll(filepath.Join(t.Dir, databaseFolder))
	}
	if t.made, err = madeOf(ctx, filepath.Join(t.Dir, filepath.FromSlash(name)), c.Seq); err != nil {
		return err
	}
	t.m.Database = &DatabaseFile{Path: name, Checkpoint: c.Seq, StreamID: c.StreamID, Fingerprint: c.Fingerprint}
	return t.add(ctx, name)
}
