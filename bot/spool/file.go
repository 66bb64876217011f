package spool

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks the file as a spool ("RoSp"), so that another program's
// database is never taken for one.
const applicationID = 0x526f5370

//go:embed migrations/*.sql
var migrations embed.FS

// openFile opens the database, creating or migrating it as needed.
func openFile(ctx context.Context, path string) (*sql.DB, error) {
	if err := createFile(path); err != nil {
		return nil, err
	}
	if err := checkHeader(path); err != nil {
		return nil, err
	}
	if err := examine(ctx, path); err != nil {
		return nil, err
	}
	if err := migrate(ctx, path); err != nil {
		return nil, err
	}
	db, err := open(path, "journal_mode(WAL)", "journal_size_limit(16777216)")
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, classify(err)
	}
	return db, nil
}

// open returns a handle whose every connection has the pragmas, which reach one
// connection only when they are run as statements.
func open(path string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(10000)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)",
	}, pragmas...)}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// One connection for the writer, one for Drain to read with.
	db.SetMaxOpenConns(2)
	return db, nil
}

// createFile makes the file and its folder with their modes: SQLite would use
// the process's mask, and gives the same mode to the files beside it.
func createFile(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	return f.Close()
}

// checkHeader refuses a file that is not a spool before SQLite opens it, which
// could already change it. A creation that a crash cut short has left a journal
// that empties the file again, or a database in which nothing is yet.
func checkHeader(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return checkNoRows(path)
	}
	id, err := headerID(path)
	if err != nil || id == applicationID {
		return err
	}
	if _, err := os.Stat(path + "-journal"); err == nil && id == 0 {
		return nil
	}
	if empty, err := emptyDatabase(path); err != nil || empty && id == 0 {
		return err
	}
	if err := checkNoRows(path); err != nil {
		return err
	}
	return fmt.Errorf("%w: its header is that of another kind of file (application id %#x)", ErrNotASpool, id)
}

// checkNotNewer refuses a file of a later version of this program.
func checkNotNewer(version int64) error {
	steps, err := migrationSteps()
	if err != nil {
		return err
	}
	if version > int64(len(steps)) {
		return fmt.Errorf("%w: schema %d, this program knows %d; use that version, or move the file away once it is drained",
			ErrNewerSchema, version, len(steps))
	}
	return nil
}

// migrate brings the schema to this program's version. It runs before the file
// is in WAL mode the first time, so that the header of the file itself, and not
// of a log beside it, says from the start whose it is.
func migrate(ctx context.Context, path string) (err error) {
	db, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// What is set for a new file below must reach the connection that fills it.
	db.SetMaxOpenConns(1)
	if err := checkFile(ctx, db); err != nil {
		return err
	}
	steps, err := migrationSteps()
	if err != nil {
		return err
	}
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	if version < 0 {
		return fmt.Errorf("%w: its header has the schema %d", ErrDamaged, version)
	}
	if err := checkNotNewer(version); err != nil {
		return err
	}
	if version == 0 {
		// Only a file without tables can be told to give free pages back.
		if _, err := db.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return fmt.Errorf("set up file: %w", classify(err))
		}
	}
	for i := int(version); i < len(steps); i++ {
		if err := migrateStep(ctx, db, i+1, steps[i]); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", i+1, damage(err))
		}
	}
	return nil
}

func migrateStep(ctx context.Context, db *sql.DB, version int, step string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	statement := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version)
	if _, err := tx.ExecContext(ctx, step+statement); err != nil {
		return err
	}
	if version == checksumVersion {
		if err := sumRuns(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// sumRuns gives the runs of an older file their checksums.
func sumRuns(ctx context.Context, tx *sql.Tx) error {
	runs, err := listProducers(ctx, tx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		_, err := tx.ExecContext(ctx, "UPDATE producers SET sum = ? WHERE producer = ?", runSum(run.Producer, run.LastSeq), run.Producer)
		if err != nil {
			return err
		}
	}
	return nil
}

// migrationSteps lists the migrations in the order of their numbers.
func migrationSteps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, nil
}

// checkFile refuses a file that is not a spool.
func checkFile(ctx context.Context, db *sql.DB) error {
	id, err := pragma(ctx, db, "application_id")
	if err != nil {
		return err
	}
	var tables int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return fmt.Errorf("read schema: %w", classify(err))
	}
	switch {
	case id == 0 && tables == 0:
		return nil // new, or a creation that a crash cut short
	case id != applicationID:
		return fmt.Errorf("%w: it is another program's database (application id %#x)", ErrNotASpool, id)
	}
	return nil
}

func pragma(ctx context.Context, db *sql.DB, name string) (int64, error) {
	var n int64
	if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&n); err != nil {
		return 0, fmt.Errorf("read %s: %w", name, classify(err))
	}
	return n, nil
}

// classify names damage. The header said that the file is a spool, so one that is
// no database to SQLite is a damaged one.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// emptyDatabase reports whether a file is a SQLite database of one page without a
// single table: what a crash leaves between its first page and its tables.
func emptyDatabase(name string) (bool, error) {
	if info, err := os.Stat(name); err != nil || info.Size() > 1<<16 {
		return false, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	const (
		pageSizeAt  = 16
		cellCountAt = 100 + 3
	)
	if len(data) < 512 || !strings.HasPrefix(string(data), fileMagic) {
		return false, nil
	}
	page := int(binary.BigEndian.Uint16(data[pageSizeAt:]))
	if page == 1 {
		page = 1 << 16
	}
	return len(data) == page && binary.BigEndian.Uint16(data[cellCountAt:]) == 0, nil
}

// headerID reads the application id straight from the file's header, for a file
// that SQLite does not read.
func headerID(name string) (uint32, error) {
	header, err := readHeader(name)
	if err != nil || !strings.HasPrefix(string(header), fileMagic) {
		return 0, err
	}
	const at = 68
	return binary.BigEndian.Uint32(header[at:]), nil
}

// readHeader reads the beginning of the file, with zeroes for what it lacks.
func readHeader(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	header := make([]byte, firstPageStart)
	if _, err := f.ReadAt(header, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return header, nil
}

// damagedInfix follows the spool's name in that of a damaged one set aside.
const damagedInfix = ".damaged-"

// movingLog ends the name of a log whose file is yet to follow it. Once it has,
// the log has the name by which SQLite finds it: one without a file beside it then
// means that somebody took the file away, and nothing is to follow.
const movingLog = "-wal-moving"

// setFileAside renames a damaged spool and its logs, so that a new one can take
// its place and nothing is destroyed. It returns the new name.
func setFileAside(name string, now time.Time) (string, error) {
	aside := name + damagedInfix + now.UTC().Format("20060102T150405.000")
	// The logs first: were one left behind, it would be taken for the new file's.
	for _, suffix := range [][2]string{{"-journal", "-journal"}, {"-wal", movingLog}, {"-shm", "-shm"}} {
		if err := rename(name+suffix[0], aside+suffix[1]); err != nil {
			return "", err
		}
	}
	if err := os.Rename(name, aside); err != nil {
		return "", fmt.Errorf("set damaged file aside: %w", err)
	}
	return aside, rename(aside+movingLog, aside+"-wal")
}

// rename moves a file that there may be.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set damaged file aside: %w", err)
	}
	return nil
}

// damagedBeside reports whether a damaged spool lies beside the one in use. The
// rename is the only record of it, so that no crash can separate the two.
func damagedBeside(name string) (bool, error) {
	list, err := damagedFiles(name)
	return len(list) > 0, err
}
