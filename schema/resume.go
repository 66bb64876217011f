package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenForLoading goes on with a database that Suspend closed.
func OpenForLoading(ctx context.Context, path string) (*DB, error) {
	if err := probe(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, loadingDSN(path), path, 1)
	if err != nil {
		return nil, classify(path, err)
	}
	return db, db.verifyOwn(ctx)
}

// Suspend closes a database made by CreateForLoading, between two transactions,
// and makes what it holds durable: OpenForLoading can go on with it.
func (d *DB) Suspend() error {
	if err := d.Close(); err != nil {
		return fmt.Errorf("schema: suspend %s: %w", d.path, err)
	}
	return syncPath(d.path)
}

// WriteResume marks an unfinished database as one that can be gone on with, and
// keeps what its maker needs to know for that. It is there whole or not at all.
func WriteResume(path string, mark []byte) (err error) {
	mark = append(mark, '\n')
	fresh := path + ResumeSuffix + freshSuffix
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("schema: mark %s: %w", path, NameFullDisk(err)), removeIfThere(fresh))
		}
	}()
	if err := removeIfThere(fresh); err != nil {
		return err
	}
	if err := os.WriteFile(fresh, mark, 0o600); err != nil {
		return err
	}
	if err := syncPath(fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path+ResumeSuffix); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// ReadResume returns what WriteResume kept, nil where there is no mark.
func ReadResume(path string) ([]byte, error) {
	mark, err := os.ReadFile(path + ResumeSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("schema: read the mark of %s: %w", path, err)
	}
	return mark, nil
}

// RemoveResume removes the mark for good: whoever writes to the file after that
// and does not come to an end leaves one that nobody goes on with.
func RemoveResume(path string) error {
	if err := errors.Join(removeIfThere(path+ResumeSuffix), removeIfThere(path+ResumeSuffix+freshSuffix)); err != nil {
		return fmt.Errorf("schema: remove the mark of %s: %w", path, err)
	}
	return syncPath(filepath.Dir(path))
}

// RemoveRows removes a database and leaves its marks: another one is made in its
// place.
func RemoveRows(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := removeIfThere(path + suffix); err != nil {
			return fmt.Errorf("schema: remove database: %w", err)
		}
	}
	return nil
}

// removeIfThere removes a file, which need not be there.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Interrupted returns the unfinished generation that can be gone on with; ok is
// false where there is none.
func (s Store) Interrupted() (g Generation, ok bool, err error) {
	all, err := s.all()
	if err != nil {
		return Generation{}, false, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		ok, err := marked(all[i], unfinishedSuffix)
		if ok && err == nil {
			ok, err = marked(all[i], ResumeSuffix)
		}
		if ok || err != nil {
			return all[i], ok, err
		}
	}
	return Generation{}, false, nil
}
