package projector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rosey/schema"
)

// checkLeftLog looks at a database that was not closed in order: its log lies
// beside it. Where a copy was put in the place of the file, that log belongs to
// the database before, and SQLite would apply the one to the other. The file is
// not opened for writing before that is known, and the log stays where it is: a
// start that is refused is refused again, and the copy can be saved.
func checkLeftLog(ctx context.Context, s schema.Store) error {
	g, err := s.Current()
	if errors.Is(err, schema.ErrNoDatabase) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	log, err := os.Stat(g.Path + "-wal")
	if errors.Is(err, fs.ErrNotExist) || err == nil && log.Size() == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("projector: look at the database's log: %w", err)
	}
	db, err := schema.OpenUntouched(ctx, g.Path)
	if err != nil {
		if schema.IsDamage(err) && !errors.Is(err, schema.ErrNotADatabase) && !errors.Is(err, schema.ErrForeignDatabase) {
			return mixed(g.Path, err.Error())
		}
		return fmt.Errorf("projector: %w", err)
	}
	verdict, err := quickCheck(ctx, db)
	if err = errors.Join(err, db.Close()); err != nil || verdict == "" {
		return err
	}
	return mixed(g.Path, verdict)
}

func mixed(path, verdict string) error {
	return &StartError{
		Reason: ErrDamaged,
		Detail: fmt.Sprintf("%s and the log beside it, which a process left that did not end in order, do not belong together: %s", path, verdict),
		Remedy: fmt.Sprintf("if a copy was put in its place, remove %s-wal and %s-shm, which belong to the database before, and start again; if not, %s", path, path, replaceIt),
	}
}

// quickCheck runs SQLite's own check and returns what is wrong, if anything.
func quickCheck(ctx context.Context, db *schema.DB) (verdict string, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case err == nil && verdict == "ok":
		return "", nil
	case err == nil:
		return verdict, nil
	case schema.IsDamage(err):
		return err.Error(), nil
	}
	return "", fmt.Errorf("projector: check %s: %w", db.Path(), err)
}
