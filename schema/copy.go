package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// CopyFile writes a copy of a database to a new file: its state at one moment,
// whatever its writer does meanwhile, who is not held up. Nothing of the database
// changes. The copy is checked, and on the disk, when CopyFile returns its
// checkpoint.
//
// The errors are those of OpenUntouched; IsDamage tells where the database itself
// is at fault.
func CopyFile(ctx context.Context, from, to string) (Checkpoint, error) {
	if err := createFile(to); err != nil {
		return Checkpoint{}, err
	}
	c, err := copyFile(ctx, from, to)
	if err != nil {
		return Checkpoint{}, errors.Join(fmt.Errorf("schema: copy %s: %w", from, NameFullDisk(err)), RemoveFile(to))
	}
	return c, nil
}

func copyFile(ctx context.Context, from, to string) (c Checkpoint, err error) {
	if err := probe(from); err != nil {
		return c, err
	}
	// A connection that only queries could not write the copy either.
	db, err := open(ctx, dsnIn("ro", from, reading, "temp_store(FILE)"), from, 1)
	if err != nil {
		return c, classify(from, err)
	}
	if err := db.verifyOwn(ctx); err != nil {
		return c, err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	if err := errors.Join(err, db.Close()); err != nil {
		return c, classify(from, err)
	}
	if c, err = checkCopy(ctx, to); err != nil {
		return c, err
	}
	return c, syncPath(to)
}

// checkCopy reads the whole copy once, as SQLite checks it.
func checkCopy(ctx context.Context, path string) (c Checkpoint, err error) {
	db, err := OpenUntouched(ctx, path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return c, err
	}
	if verdict != "ok" {
		return c, fmt.Errorf("%w: %s", ErrDamagedCopy, verdict)
	}
	return ReadCheckpoint(ctx, db)
}

// ErrDamagedCopy is returned where what was copied is not whole.
var ErrDamagedCopy = errors.New("the database is damaged")

// Install makes a database file the current generation of a store that has none.
// The file is moved there; what comes of it is durable.
func (s Store) Install(path string) (Generation, error) {
	if _, err := s.Current(); err == nil || !errors.Is(err, ErrNoDatabase) {
		if err == nil {
			err = os.ErrExist
		}
		return Generation{}, fmt.Errorf("schema: install a database at %s: %w", s.Link, err)
	}
	g, err := s.Next()
	if err != nil {
		return g, err
	}
	if err := os.Rename(path, g.Path); err != nil {
		return g, fmt.Errorf("schema: install a database: %w", err)
	}
	if err := syncPath(g.Path); err != nil {
		return g, err
	}
	return g, s.Swap(g)
}

// NoteStream notes in a database that nobody has open when its stream was made: one
// that was restored has its identity, and another time. A database that has no such
// place is left as it is.
func NoteStream(ctx context.Context, path string, createdMS int64) error {
	if err := probe(path); err != nil {
		return err
	}
	db, err := open(ctx, dsn(path, writing), path, 1)
	if err != nil {
		return classify(path, err)
	}
	if err := db.verifyOwn(ctx); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "UPDATE projection_state SET stream_created_ms = ?", createdMS)
	if IsDamage(err) {
		err = nil
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("schema: note the stream in %s: %w", path, err)
	}
	return syncPath(path)
}
