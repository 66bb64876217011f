package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Opened is a database file as the one who writes to it sees it.
type Opened struct {
	// Path is where it is, empty where nothing may be read.
	Path string
	// File tells it from another file of the same name.
	File fs.FileInfo
	// Current says that it may be opened. One that is being given up is only for
	// those who have it open already.
	Current bool
	// AtRest says that nobody writes to it, and that another version of the program
	// may have made it.
	AtRest bool
}

// Same reports whether both are the same file.
func (o Opened) Same(other Opened) bool {
	return o.File != nil && other.File != nil && os.SameFile(o.File, other.File)
}

// ErrReplaced is returned where a name leads to another file than was meant.
var ErrReplaced = errors.New("the file was replaced")

// OpenPool opens a database for many questions at a time, as its writer has it
// open. All connections are opened now and kept, so that none of them reads
// another file when the name leads to one later. They cannot write, and closing
// them never moves the log into the file: that is left to the writer.
func OpenPool(ctx context.Context, o Opened, conns int) (_ *DB, err error) {
	if err := probe(o.Path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsnIn("ro", o.Path, reading, "query_only(1)", "cache_size(-8192)", "temp_store(MEMORY)"), o.Path, conns)
	if err != nil {
		return nil, classify(o.Path, err)
	}
	db.SetMaxIdleConns(conns)
	if err := db.verifyOwn(ctx); err != nil {
		return nil, err
	}
	if err := db.fillPool(ctx, conns); err != nil {
		return nil, errors.Join(classify(o.Path, err), db.Close())
	}
	now, err := os.Stat(o.Path)
	if err == nil && !os.SameFile(now, o.File) {
		err = ErrReplaced
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("schema: open %s: %w", o.Path, err), db.Close())
	}
	return db, nil
}

// fillPool opens all connections, and has each read the file: SQLite opens the
// log with the first question.
func (d *DB) fillPool(ctx context.Context, conns int) error {
	var release []func() error
	defer func() {
		for _, r := range release {
			_ = r()
		}
	}()
	for range conns {
		c, err := d.Conn(ctx)
		if err != nil {
			return fmt.Errorf("schema: open %s: %w", d.path, err)
		}
		release = append(release, c.Close)
		if _, err := ReadCheckpoint(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
