package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logPatience is how long TrimLog waits for the questions that read the log, in
// milliseconds.
const logPatience = 250

// LogSize is how many bytes the write-ahead log has on the disk.
func (d *DB) LogSize() int64 {
	info, err := os.Stat(d.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// TrimLog moves the log into the file and empties it. SQLite does the first by
// itself, but begins the log anew only at a commit at which nobody reads it: where
// questions overlap that never comes, and the log grows for as long as they go on.
// Here those that were begun are waited for, for a moment; later ones read the file
// alone and hold up nothing. Where that does not succeed the log stays, which is no
// error. It is for the writer, between two transactions.
func (d *DB) TrimLog(ctx context.Context) (err error) {
	c, err := d.Conn(ctx)
	if err != nil {
		return fmt.Errorf("schema: trim the log of %s: %w", d.path, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if _, err = c.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", logPatience)); err == nil {
		_, err = c.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		_, restored := c.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout))
		err = errors.Join(err, restored)
	}
	if err != nil {
		return fmt.Errorf("schema: trim the log of %s: %w", d.path, NameFullDisk(err))
	}
	return nil
}

// SyncLog writes what the log holds through to the disk. Commits do not wait for
// that; the next time that the log is moved into the file does, for all that was not
// yet written then. It may run beside everything else: SQLite keeps no locks on this
// file, so that closing it here takes none away.
func (d *DB) SyncLog() error {
	f, err := os.Open(d.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("schema: sync the log of %s: %w", d.path, err)
	}
	return nil
}
