package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// A Store is the place of one projection: a link such as rosey.db, and the
// generations beside it.
type Store struct {
	// Link is the path that readers open.
	Link string
}

// Generation is one real database file of a Store.
type Generation struct {
	Number int
	Path   string
}

func (s Store) file(n int) string { return s.Link + ".g" + strconv.Itoa(n) }

// StoreOf returns the store that a path belongs to, as one of the names that it
// has for its files, if there is such a store in the path's folder: what another
// puts there it would take for its own, and remove.
func StoreOf(path string) (Store, bool) {
	dir, name := filepath.Split(path)
	for i := range name {
		if name[i] != '.' && name[i] != '-' {
			continue
		}
		s := Store{Link: dir + name[:i]}
		if !s.Owns(path) {
			continue
		}
		if _, err := os.Lstat(s.Link); err == nil {
			return s, true
		}
		if _, err := os.Lstat(s.lockPath()); err == nil {
			return s, true
		}
	}
	return Store{}, false
}

// owned are the beginnings of what follows a link's name in those of the files
// beside it.
var owned = []string{".g", ".before", ".new", ".lock", ".id", ".verify", ".keep", ".resume", ".unfinished", "-wal", "-shm", "-journal"}

// Owns reports whether a path bears the link's name, or one that the store may give
// to a file beside it.
func (s Store) Owns(path string) bool {
	if !sameFolder(filepath.Dir(path), filepath.Dir(s.Link)) {
		return false
	}
	tail, ok := strings.CutPrefix(filepath.Base(path), filepath.Base(s.Link))
	return ok && (tail == "" || slices.ContainsFunc(owned, func(b string) bool { return strings.HasPrefix(tail, b) }))
}

// sameFolder compares what is there, as far as it is: links and dots lead to one
// folder by several names.
func sameFolder(a, b string) bool {
	if x, err := os.Stat(a); err == nil {
		if y, err := os.Stat(b); err == nil {
			return os.SameFile(x, y)
		}
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

// Current returns the generation that the link names. It is ErrNoDatabase when
// there is none: never made, or deleted by somebody who wants it rebuilt.
func (s Store) Current() (Generation, error) {
	info, err := os.Lstat(s.Link)
	if errors.Is(err, fs.ErrNotExist) {
		return Generation{}, fmt.Errorf("schema: %s: %w", s.Link, ErrNoDatabase)
	}
	if err != nil {
		return Generation{}, fmt.Errorf("schema: look at the database: %w", err)
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return Generation{Number: 0, Path: s.Link}, nil
	}
	target, err := os.Readlink(s.Link)
	if err != nil {
		return Generation{}, fmt.Errorf("schema: look at the database: %w", err)
	}
	n, ok := s.number(filepath.Base(target))
	if !ok || filepath.Base(target) != target {
		return Generation{}, fmt.Errorf("schema: %s links to %s, which is no generation of it; remove the link and start again", s.Link, target)
	}
	if _, err := os.Stat(s.file(n)); errors.Is(err, fs.ErrNotExist) {
		return Generation{}, fmt.Errorf("schema: %s: %w", s.file(n), ErrNoDatabase)
	}
	return Generation{Number: n, Path: s.file(n)}, nil
}

// Adopt turns a database that stands at the link's own place, such as a restored
// copy, into a generation. The caller holds the lock, so nobody has it open.
func (s Store) Adopt() (Generation, error) {
	if err := probe(s.Link); err != nil {
		return Generation{}, err
	}
	g, err := s.Next()
	if err != nil {
		return Generation{}, err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(s.Link+suffix, g.Path+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return Generation{}, fmt.Errorf("schema: adopt %s: %w", s.Link, err)
		}
	}
	return g, s.Swap(g)
}

// Next names the generation after the newest one there is.
func (s Store) Next() (Generation, error) {
	all, err := s.all()
	if err != nil {
		return Generation{}, err
	}
	n := 1
	if len(all) > 0 {
		n = all[len(all)-1].Number + 1
	}
	return Generation{Number: n, Path: s.file(n)}, nil
}

// Swap makes the generation the current one, atomically and durably, and finishes
// one that was begun. After an error the current one is the one before.
func (s Store) Swap(g Generation) error { return s.swap(g, syncPath) }

func (s Store) swap(g Generation, sync func(path string) error) error {
	current, err := s.Current()
	known := err == nil && current.Number != 0
	if known && current.Number != g.Number {
		// First: until the link changes, a generation that was before itself says
		// nothing.
		if err := s.lead(s.Link+beforeSuffix, current); err != nil {
			return err
		}
	}
	if err := s.lead(s.Link, g); err != nil {
		return err
	}
	if err := sync(filepath.Dir(s.Link)); err != nil {
		// Nobody knows which one a crash would leave: whoever is told of the error goes
		// on in the one before.
		if !known {
			return errors.Join(err, os.Remove(s.Link))
		}
		return errors.Join(err, s.lead(s.Link, current))
	}
	// Last, and the swap stands without it: Discard knows a mark at the current one.
	_ = unmark(g, unfinishedSuffix)
	return nil
}

// lead has a link name a generation, atomically.
func (s Store) lead(link string, g Generation) error {
	fresh := link + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("schema: swap to %s: %w", g.Path, err)
	}
	if err := os.Symlink(filepath.Base(g.Path), fresh); err != nil {
		return fmt.Errorf("schema: swap to %s: %w", g.Path, err)
	}
	if err := os.Rename(fresh, link); err != nil {
		return fmt.Errorf("schema: swap to %s: %w", g.Path, err)
	}
	return nil
}

// RemoveFile removes a database with everything that is kept beside it. The marks
// go last: what a crash leaves of an unfinished one is still marked.
func RemoveFile(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", retainSuffix, ResumeSuffix + freshSuffix, ResumeSuffix, unfinishedSuffix} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("schema: remove database: %w", err)
		}
	}
	return nil
}

func (s Store) all() ([]Generation, error) {
	entries, err := os.ReadDir(filepath.Dir(s.Link))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("schema: list generations: %w", err)
	}
	var list []Generation
	for _, e := range entries {
		// The mark comes before the file, and goes after it.
		if n, ok := s.number(strings.TrimSuffix(e.Name(), unfinishedSuffix)); ok {
			list = append(list, Generation{Number: n, Path: s.file(n)})
		}
	}
	slices.SortFunc(list, func(a, b Generation) int { return a.Number - b.Number })
	return slices.Compact(list), nil
}

func (s Store) number(name string) (int, bool) {
	tail, ok := strings.CutPrefix(name, filepath.Base(s.Link)+".g")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(tail)
	return n, err == nil && n > 0 && strconv.Itoa(n) == tail
}

// How long Lock waits for another writer, and how often it tries: a process that
// was just killed still has its locks until it has ended.
const (
	lockPatience = 3 * time.Second
	lockEvery    = 50 * time.Millisecond
)

// Lock makes the caller the one writer of the store, until the returned function
// is called. Another writer that does not end soon is an InUseError.
func (s Store) Lock(ctx context.Context) (release func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(s.Link), 0o700); err != nil {
		return nil, fmt.Errorf("schema: lock: %w", err)
	}
	path := s.lockPath()
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	held, err := l.TryLockContext(patience, lockEvery)
	switch {
	case held:
	case patience.Err() != nil && ctx.Err() == nil:
		text, _ := os.ReadFile(path)
		pid, _, _ := strings.Cut(string(text), "\n")
		return nil, &InUseError{Path: s.Link, PID: strings.TrimSpace(pid)}
	default:
		return nil, fmt.Errorf("schema: lock %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(s.holderText()), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("schema: lock %s: %w", path, err), l.Unlock())
	}
	return l.Unlock, nil
}
