package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Copied is what a copy of a spool holds.
type Copied struct {
	Inspection
	// InUse says that a bot had the spool: its run goes on behind the copy, and a
	// bot on the copy says that it does not know how that one ended.
	InUse bool
	// Raw says that the file could not be read and was copied byte by byte. Opening
	// the copy takes over what is whole.
	Raw bool
}

// Copy writes a copy of the spool at from to a new file: its state at one moment,
// whatever a bot puts meanwhile, and whatever damaged files lie beside it. Neither
// is the bot held up nor anything of the spool changed. The copy is on the disk
// when Copy returns.
//
// A bot may go on with the copy, on this machine or another. What waits in it is
// looked for in the stream first, so that nothing arrives twice.
func Copy(ctx context.Context, from, to string) (Copied, error) {
	c, err := makeCopy(ctx, from, to)
	if err != nil {
		return c, fmt.Errorf("spool: copy %s: %w", from, err)
	}
	return c, nil
}

func makeCopy(ctx context.Context, from, to string) (c Copied, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return c, err
	}
	if _, err := os.Stat(from); err != nil {
		return c, err
	}
	if _, err := os.Lstat(to); err == nil {
		return c, fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	if c.InUse, err = inUse(from); err != nil {
		return c, err
	}
	err = copyDatabase(ctx, from, to, c.InUse)
	if now, heldErr := inUse(from); heldErr != nil || now && !c.InUse {
		if heldErr != nil {
			return c, heldErr
		}
		// A bot came meanwhile: the copy may be of no moment at all.
		c.InUse = true
		if err = removeCopy(to); err == nil {
			err = copyDatabase(ctx, from, to, true)
		}
	}
	if err == nil {
		err = finishCopy(ctx, to, c.InUse)
	}
	if c.Raw = errors.Is(err, ErrDamaged) && !c.InUse; c.Raw {
		if err = removeCopy(to); err == nil {
			err = copyRaw(from, to)
		}
	}
	if err != nil {
		return c, errors.Join(err, removeCopy(to))
	}
	if err := copyDamaged(from, to); err != nil {
		return c, err
	}
	if !c.Raw {
		if c.Inspection, err = inspect(ctx, to); err != nil {
			return c, err
		}
	}
	return c, syncCopies(to)
}

func inUse(path string) (bool, error) {
	_, held, err := Holder(path)
	return held, err
}

// copyDatabase lets SQLite write one state of the file into another.
func copyDatabase(ctx context.Context, from, to string, live bool) (err error) {
	if !live {
		// Not while it is in use: a process that closes a file loses its locks on it.
		for _, check := range []func(string) error{checkHeader, checkFormat, checkLog} {
			if err := check(from); err != nil {
				return err
			}
		}
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "trusted_schema(0)"}}
	if info, err := os.Stat(from + "-wal"); !live && (err != nil || info.Size() == 0) {
		query.Set("immutable", "1")
	}
	db, err := openQuery(from, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkReadable(ctx, db); err != nil {
		return damage(err)
	}
	if err := createNew(to); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return damage(err)
	}
	return nil
}

// finishCopy brings the copy to this program's schema, notes in it whether its last
// run goes on elsewhere, and checks every row.
func finishCopy(ctx context.Context, to string, goesOn bool) (err error) {
	if err := migrate(ctx, to); err != nil {
		return err
	}
	if goesOn {
		db, err := open(to)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "UPDATE drain SET open_run = (SELECT coalesce(max(run), 0) FROM producers WHERE last_seq > 0)")
		if err := errors.Join(err, db.Close()); err != nil {
			return classify(err)
		}
	}
	return examine(ctx, to)
}

// createNew makes an empty file of its owner alone, which SQLite then fills.
func createNew(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// removeCopy removes what there is of a copy.
func removeCopy(to string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(to + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyRaw copies a file that SQLite does not read, with its log.
func copyRaw(from, to string) error {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if err := copyFile(from+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// copyDamaged copies the damaged files that were set aside: what was not taken over
// from them yet may never have been sent.
func copyDamaged(from, to string) error {
	entries, err := os.ReadDir(filepath.Dir(from))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), filepath.Base(from)+damagedInfix)
		if !ok || strings.HasSuffix(rest, "-shm") {
			continue
		}
		if err := copyFile(filepath.Join(filepath.Dir(from), entry.Name()), to+damagedInfix+rest); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// syncCopies makes the copy, and what lies beside it, durable.
func syncCopies(to string) error {
	list, err := filepath.Glob(globQuote(to) + "*")
	if err != nil {
		return err
	}
	for _, path := range append(list, filepath.Dir(to)) {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// globQuote keeps what a path holds from being taken for a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
