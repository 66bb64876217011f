package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Set is a finished backup.
type Set struct {
	Dir string
	*Manifest
}

// Open reads the manifest of a backup. The error is ErrNoBackup, ErrCutOff,
// ErrFormat or ErrDamaged.
func Open(dir string) (*Set, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("backup: open %s: %w", dir, err)
	}
	return &Set{Dir: dir, Manifest: m}, nil
}

func (s *Set) path(name string) string { return filepath.Join(s.Dir, filepath.FromSlash(name)) }

// Verify reads every file and compares it with the manifest. The error is
// ErrDamaged and names the file.
func (s *Set) Verify(ctx context.Context, progress func(Progress)) error {
	tell := teller(progress, PhaseVerify, s.Bytes())
	var before int64
	for _, f := range s.Files {
		here := func(n int64) {
			if tell != nil {
				tell(before + n)
			}
		}
		if err := s.verify(ctx, f, here); err != nil {
			return fmt.Errorf("backup: verify %s: %w", s.Dir, err)
		}
		before += f.Bytes
	}
	return nil
}

func (s *Set) verify(ctx context.Context, f File, progress func(int64)) error {
	info, err := os.Stat(s.path(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is missing", ErrDamaged, f.Path)
	case err != nil:
		return err
	case info.Size() != f.Bytes:
		return fmt.Errorf("%w: %s has %d bytes, and had %d", ErrDamaged, f.Path, info.Size(), f.Bytes)
	}
	_, sum, err := hashFile(ctx, s.path(f.Path), progress)
	if err != nil {
		return err
	}
	if sum != f.SHA256 {
		return fmt.Errorf("%w: %s has other contents than were written", ErrDamaged, f.Path)
	}
	return nil
}
