package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks a database as Rosey's ("Rosy").
const applicationID = 0x526f7379

// DB is an open database file.
type DB struct {
	*sql.DB
	path string
}

// Path is the file that is open.
func (d *DB) Path() string { return d.path }

// How transactions begin. One that writes takes its turn at the beginning: after
// its first read it could no longer wait for another writer.
const (
	reading = "deferred"
	writing = "immediate"
)

// busyTimeout is how long a connection waits for others, in milliseconds.
const busyTimeout = 10_000

// dsn spells out the pragmas for every connection of the pool: a PRAGMA run
// once reaches one connection only.
func dsn(path string, lock string, pragmas ...string) string {
	return dsnIn("rw", path, lock, pragmas...)
}

func dsnIn(mode, path, lock string, pragmas ...string) string {
	q := url.Values{}
	q.Set("mode", mode)
	q.Set("_txlock", lock)
	for _, p := range append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout), "foreign_keys(1)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

func open(ctx context.Context, dsn, path string, conns int) (*DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("schema: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(conns)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("schema: open %s: %w", path, err)
	}
	return &DB{DB: db, path: path}, nil
}

// Create makes a new database file with all tables, for live projection. The
// file must not exist; after an error it does not either.
func Create(ctx context.Context, path string) (*DB, error) {
	now, late, err := statements()
	if err != nil {
		return nil, err
	}
	d, err := create(ctx, path, dsn(path, writing, "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-16384)",
		"wal_autocheckpoint(4000)", "temp_store(MEMORY)"), append(now, late...))
	if err != nil {
		return nil, err
	}
	if err := d.settle(ctx); err != nil {
		return nil, errors.Join(err, d.Close(), RemoveFile(path))
	}
	return d, nil
}

// settle puts what was written so far into the file itself, and on the disk. The
// commits of a live database are synced by checkpoints alone; without this one a
// power cut would leave a file that does not say whose it is.
func (d *DB) settle(ctx context.Context) error {
	if _, err := d.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("schema: settle %s: %w", d.path, err)
	}
	// The checkpoint synced the file; its name has to last too. The file itself is
	// not opened for that: see probe.
	return syncPath(filepath.Dir(d.path))
}

// CreateForLoading makes a new database file for a rebuild: without a journal
// and without the indexes that only readers need. Finish completes it. Until
// then the file is worthless after a crash.
func CreateForLoading(ctx context.Context, path string) (*DB, error) {
	now, _, err := statements()
	if err != nil {
		return nil, err
	}
	return create(ctx, path, loadingDSN(path), now)
}

func loadingDSN(path string) string {
	return dsn(path, writing, "journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-32768)", "temp_store(FILE)")
}

func create(ctx context.Context, path, dsn string, tables []string) (*DB, error) {
	if err := createFile(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsn, path, 1)
	if err == nil {
		if err = db.exec(ctx, tables); err == nil {
			return db, nil
		}
		_ = db.Close()
	}
	// The file is this call's own: nobody else knows that it is to go.
	return nil, errors.Join(err, RemoveFile(path))
}

// Finish builds the late indexes of a database made by CreateForLoading, completes
// its full-text index, closes and checks it, and makes it durable. Where the
// context ends it, it can be called again, on what OpenForLoading opens.
func (d *DB) Finish(ctx context.Context) error {
	_, late, err := statements()
	if err != nil {
		return err
	}
	// A sorter of an index gathers as much as the cache may hold, and each of its
	// workers as much again; smaller shares are sorted no slower. Two workers made
	// the large indexes of a million events in 1.2 s instead of 1.8, where a core
	// was free for them.
	for _, p := range []string{"cache_size = -4096", fmt.Sprintf("threads = %d", sortingWorkers())} {
		if _, err := d.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("schema: finish %s: %w", d.path, err)
		}
	}
	// One by one: an interruption between two leaves a file that Suspend can keep.
	for _, s := range append(late, FillSearch) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("schema: finish %s: %w", d.path, err)
		}
		s = strings.Replace(s, "CREATE INDEX ", "CREATE INDEX IF NOT EXISTS ", 1)
		if _, err := d.ExecContext(context.WithoutCancel(ctx), s); err != nil {
			return fmt.Errorf("schema: finish %s: %.40s: %w", d.path, s, NameFullDisk(err))
		}
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("schema: finish %s: %w", d.path, err)
	}
	if err := check(ctx, d.path); err != nil {
		return err
	}
	return syncPath(d.path)
}

// sortingWorkers is how many threads SQLite may sort with beside its own.
func sortingWorkers() int { return min(2, runtime.GOMAXPROCS(0)-1) }

// check runs SQLite's own checks on a finished file, and sets the mode that it is
// used in from now on. The one of the full-text index takes as long as the one of
// all else, so they run side by side; what the first finds ends the other.
func check(ctx context.Context, path string) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The journal's mode is kept in the file.
	db, err := open(ctx, dsn(path, writing, "journal_mode(WAL)"), path, 2)
	if err != nil {
		return err
	}
	text := make(chan error, 1)
	go func() {
		// It writes nothing, but is spelled like a row that is written.
		_, err := db.ExecContext(ctx, "INSERT INTO chat_search (chat_search, rank) VALUES ('integrity-check', 1)")
		if err != nil {
			cancel()
			err = fmt.Errorf("schema: check the full-text index of %s: %w", path, err)
		}
		text <- err
	}()
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case err != nil:
		err = fmt.Errorf("schema: check %s: %w", path, err)
	case verdict != "ok":
		err = fmt.Errorf("schema: check %s: %s", path, verdict)
	}
	if err != nil {
		cancel()
	}
	if textErr := <-text; textErr != nil && (err == nil || !errors.Is(textErr, context.Canceled)) {
		err = errors.Join(textErr, err)
	}
	return errors.Join(err, db.Close())
}

// OpenWriter opens an existing database for projection.
func OpenWriter(ctx context.Context, path string) (*DB, error) {
	if err := probe(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsn(path, writing, "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-16384)", "wal_autocheckpoint(4000)", "temp_store(MEMORY)"), path, 1)
	if err != nil {
		return nil, classify(path, err)
	}
	return db, db.verifyOwn(ctx)
}

// OpenReader opens an existing database for queries alone: nothing that runs on
// it can change a row.
func OpenReader(ctx context.Context, path string) (*DB, error) {
	if err := probe(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsn(path, reading, "query_only(1)"), path, 4)
	if err != nil {
		return nil, classify(path, err)
	}
	return db, db.verifyOwn(ctx)
}

// OpenUntouched opens an existing database to look at it with its log beside it.
// Neither while it is open nor when it is closed is the log moved into the file:
// whether the two belong together may be what is asked.
func OpenUntouched(ctx context.Context, path string) (*DB, error) {
	if err := probe(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsnIn("ro", path, reading, "query_only(1)"), path, 1)
	if err != nil {
		return nil, classify(path, err)
	}
	return db, db.verifyOwn(ctx)
}

// verifyOwn closes the database again when it is not Rosey's.
func (d *DB) verifyOwn(ctx context.Context) error {
	var id int64
	err := d.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id)
	switch {
	case err != nil:
		err = classify(d.path, fmt.Errorf("schema: open %s: %w", d.path, err))
	case id != applicationID:
		err = fmt.Errorf("schema: open %s: %w", d.path, ErrForeignDatabase)
	default:
		return nil
	}
	_ = d.Close()
	return err
}

// probe looks at the file before SQLite does: SQLite takes an empty file for a
// new database and would write to it. The file is not opened for that: a process
// that closes any descriptor of a file loses all its locks on it, those of a
// connection that is open elsewhere in the process among them.
func probe(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("schema: open %s: %w", path, ErrNoDatabase)
	case err != nil:
		return fmt.Errorf("schema: open: %w", err)
	case !info.Mode().IsRegular() || info.Size() == 0:
		return fmt.Errorf("schema: open %s: %w", path, ErrNotADatabase)
	}
	return nil
}

// classify recognises SQLite's errors by their codes, never by their text.
func classify(path string, err error) error {
	var se *sqlite.Error
	if errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_NOTADB {
		return fmt.Errorf("schema: open %s: %w", path, ErrNotADatabase)
	}
	return err
}

func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("schema: create: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("schema: create: %w", err)
	}
	return f.Close()
}

func (d *DB) exec(ctx context.Context, statements []string) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("schema: create tables in %s: %w", d.path, NameFullDisk(err))
	}
	defer func() { _ = tx.Rollback() }()
	statements = append([]string{fmt.Sprintf("PRAGMA application_id = %d", applicationID)}, statements...)
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("schema: create tables in %s: %.40s: %w", d.path, s, NameFullDisk(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("schema: create tables in %s: %w", d.path, NameFullDisk(err))
	}
	return nil
}

// syncPath makes a file and its entry in the folder durable.
func syncPath(path string) error {
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p)
		if err != nil {
			return fmt.Errorf("schema: sync: %w", err)
		}
		err = errors.Join(f.Sync(), f.Close())
		if err != nil {
			return fmt.Errorf("schema: sync %s: %w", p, err)
		}
	}
	return nil
}
