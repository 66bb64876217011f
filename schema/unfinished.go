package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Marks that stand beside a generation, each an empty file or one of its owner's.
const (
	// unfinishedSuffix marks a generation that is being made. Whoever finds the mark
	// without its maker may remove the generation.
	unfinishedSuffix = ".unfinished"
	// ResumeSuffix marks an unfinished one that can be gone on with: Discard leaves
	// it. The mark has to be gone durably before anybody writes to the file again.
	ResumeSuffix = ".resume"
	// freshSuffix follows ResumeSuffix while that mark is being written. It is worth
	// nothing.
	freshSuffix = ".new"
)

// Begin names the generation after the newest one there is, and marks it as
// unfinished before anything else of it exists. Swap finishes it. No two calls
// return the same one.
func (s Store) Begin() (Generation, error) {
	for {
		g, err := s.Next()
		if err != nil {
			return g, err
		}
		err = writeMark(g, unfinishedSuffix, os.O_EXCL)
		if !errors.Is(err, fs.ErrExist) {
			return g, err
		}
		// Somebody else began it between the two.
	}
}

// Discard removes what was never finished: rebuilds that a crash left, and those
// whose maker can not go on. The caller holds the lock.
func (s Store) Discard() ([]string, error) {
	current, err := s.Current()
	if err != nil && !errors.Is(err, ErrNoDatabase) {
		return nil, err
	}
	known := err == nil
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, g := range all {
		unfinished, err := marked(g, unfinishedSuffix)
		if err != nil {
			return gone, err
		}
		if !unfinished {
			continue
		}
		if known && g.Number == current.Number {
			// Its maker ended between the swap and the mark.
			if err := unmark(g, unfinishedSuffix); err != nil {
				return gone, err
			}
			continue
		}
		for _, suffix := range []string{retainSuffix, ResumeSuffix} {
			kept, err := marked(g, suffix)
			if err != nil {
				return gone, err
			}
			unfinished = unfinished && !kept
		}
		if !unfinished {
			continue
		}
		if err := RemoveFile(g.Path); err != nil {
			return gone, err
		}
		gone = append(gone, g.Path)
	}
	return gone, nil
}

// Abandon removes a generation that was begun; never the current one, nor one that
// can be gone on with.
func (s Store) Abandon(g Generation) error {
	current, err := s.Current()
	if err != nil && !errors.Is(err, ErrNoDatabase) {
		return err
	}
	if err == nil && current.Number == g.Number {
		return nil // the swap had happened
	}
	if kept, err := marked(g, ResumeSuffix); err != nil || kept {
		return err
	}
	return RemoveFile(g.Path)
}

func mark(g Generation, suffix string) error { return writeMark(g, suffix, 0) }

func writeMark(g Generation, suffix string, flag int) error {
	f, err := os.OpenFile(g.Path+suffix, os.O_CREATE|os.O_WRONLY|flag, 0o600)
	if err != nil {
		return fmt.Errorf("schema: mark %s: %w", g.Path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("schema: mark %s: %w", g.Path, err)
	}
	return syncPath(g.Path + suffix)
}

func unmark(g Generation, suffix string) error {
	err := os.Remove(g.Path + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("schema: unmark %s: %w", g.Path, err)
	}
	return syncPath(filepath.Dir(g.Path))
}

func marked(g Generation, suffix string) (bool, error) {
	_, err := os.Lstat(g.Path + suffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("schema: look at %s: %w", g.Path, err)
	}
	return err == nil, nil
}
