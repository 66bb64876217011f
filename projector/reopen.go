package projector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"rosey/schema"
)

// watchEvery is how often the database's names are looked at when there is
// nothing to write.
const watchEvery = 500 * time.Millisecond

// watch ends a delivery when the database file is not the open one any more.
func (p *Projector) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !p.file.mu.TryLock() {
			continue // it is being written to, which looks first
		}
		err := p.file.unchanged()
		p.file.mu.Unlock()
		if err == nil {
			err = p.locked()
		}
		if errors.Is(err, ErrReplaced) {
			stop(err)
			return
		}
	}
}

// replaced reports whether an error comes from a file that took the place of the
// open one: SQLite has many words for that.
func (p *Projector) replaced(err error) bool {
	if errors.Is(err, ErrReplaced) {
		return true
	}
	p.file.mu.Lock()
	defer p.file.mu.Unlock()
	return errors.Is(p.file.unchanged(), ErrReplaced)
}

// drop gives up the open file. What bears its name now is left as it is.
func (p *Projector) drop(ctx context.Context) error {
	// A file that neither was moved nor lost its link may have been written over.
	p.status.reopened(!p.file.inPlace() || !p.file.linked())
	if err := steady(ctx, p.cfg.Store.Link, p.file.path); err != nil {
		return err
	}
	f := p.file
	f.mu.Lock()
	defer f.mu.Unlock()
	over := f.inPlace() && f.linked() && f.logInPlace() && f.unchanged() != nil
	if over {
		// A copy was written over the open file. The log beside it belongs to what was
		// there before, and closing moves the log into the file: the copy gets a file
		// of its own first.
		if err := p.rescue(); err != nil {
			return err
		}
	}
	named := f.inPlace()
	err := p.db.Close()
	p.db = nil
	f.done()
	switch {
	case err != nil && named && !over:
		return fmt.Errorf("projector: close the replaced database: %w", err)
	case over:
		err = schema.RemoveFile(f.path)
	case !named:
		err = f.removeLog()
	}
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}

// rescue makes a generation of its own of what was written over the open file.
func (p *Projector) rescue() error {
	g, err := p.cfg.Store.Begin()
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if err := copyTo(g.Path, p.file.path); err != nil {
		return errors.Join(fmt.Errorf("projector: keep the copy that was written over the database: %w", err), schema.RemoveFile(g.Path))
	}
	if err := p.cfg.Store.Swap(g); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}

func copyTo(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// steadyFor is how long a file must look the same to count as wholly written.
const steadyFor = 250 * time.Millisecond

// steady waits until nobody writes to the files any more.
func steady(ctx context.Context, paths ...string) error {
	before := appearance(paths)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(steadyFor):
		}
		now := appearance(paths)
		if now == before {
			return nil
		}
		before = now
	}
}

func appearance(paths []string) string {
	text := ""
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil {
			text += fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
		text += ";"
	}
	return text
}

// reopen opens whatever bears the database's name now, or makes a new one where
// nothing does. It goes on from that file's checkpoint, if the stream allows it.
func (p *Projector) reopen(ctx context.Context) (err error) {
	if err := p.locked(); err != nil {
		if err := p.relock(ctx); err != nil {
			return err
		}
	}
	_, err = p.cfg.Store.Current()
	there := err == nil
	if p.db, err = openDatabase(ctx, p.cfg.Store, p.cfg.crash); err != nil {
		p.db = nil
		if there && schema.IsDamage(err) && !errors.Is(err, schema.ErrNotADatabase) && !errors.Is(err, schema.ErrForeignDatabase) {
			return damaged(p.cfg.Store.Link, err.Error())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.db.Close())
			p.db = nil
			p.file.done()
		}
	}()
	if there {
		if err := p.sound(ctx); err != nil {
			return err
		}
	}
	if err := p.admit(ctx, false, false); err != nil {
		return err
	}
	return p.begin(ctx)
}

// sound refuses a file that is no whole database, such as a copy that was made
// while it was written to.
func (p *Projector) sound(ctx context.Context) error {
	verdict, err := quickCheck(ctx, p.db)
	if err != nil || verdict == "" {
		return err
	}
	return damaged(p.db.Path(), verdict)
}

func damaged(path, verdict string) error {
	return &StartError{
		Reason: ErrDamaged,
		Detail: fmt.Sprintf("%s took the place of the open one: %s", path, verdict),
		Remedy: "put a whole copy in its place, or " + replaceIt,
	}
}

// lock makes this process the store's one writer, unless it is already.
func (p *Projector) lock(ctx context.Context, have bool) (err error) {
	p.release = func() error { return nil }
	if !have {
		if p.release, err = p.cfg.Store.Lock(ctx); err != nil {
			return fmt.Errorf("projector: %w", err)
		}
	}
	if p.held, err = os.Stat(p.lockPath()); err != nil {
		return errors.Join(fmt.Errorf("projector: look at the lock: %w", err), p.release())
	}
	return nil
}

func (p *Projector) lockPath() string { return p.cfg.Store.Link + ".lock" }

// locked reports ErrReplaced where the lock's file is gone: another process could
// lock a new one.
func (p *Projector) locked() error {
	now, err := os.Stat(p.lockPath())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, p.held) {
		return fmt.Errorf("projector: the lock %s is gone: %w", p.lockPath(), ErrReplaced)
	}
	return nil
}

// relock takes the lock anew. The old one protects nothing any more.
func (p *Projector) relock(ctx context.Context) error {
	old := p.release
	p.release = nil
	return errors.Join(p.lock(ctx, false), old())
}
