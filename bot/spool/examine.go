package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// examine finds damage before anything is written: SQLite's own check sees the
// structure, the checksums what is in the rows. A file that nobody finished
// creating or migrating is left to SQLite, which undoes it.
func examine(ctx context.Context, path string) (err error) {
	if id, err := headerID(path); err != nil || id != applicationID {
		return err
	}
	if _, err := os.Stat(path + "-journal"); err == nil {
		return nil
	}
	if err := checkFormat(path); err != nil {
		return err
	}
	if err := checkLog(path); err != nil {
		return err
	}
	db, err := openToRead(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check file: %w", damage(err))
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	version, err := pragma(ctx, db, "user_version")
	if err != nil || version < checksumVersion {
		return err
	}
	// Before anybody opens it for writing, who would put its log into the file.
	if err := checkNotNewer(version); err != nil {
		return err
	}
	if _, err := verifiedRuns(ctx, db); err != nil {
		return fmt.Errorf("check runs: %w", damage(err))
	}
	const others = "SELECT (SELECT count(*) FROM set_aside) + (SELECT count(*) FROM recovered) FROM drain"
	if err := db.QueryRowContext(ctx, others).Scan(new(int64)); err != nil {
		return fmt.Errorf("check tables: %w", damage(err))
	}
	return checkRows(ctx, db, path)
}

// checkFormat refuses a header that asks for a later SQLite: that one would only
// read the file, and nothing of ours ever wrote such a thing.
func checkFormat(path string) error {
	header, err := readHeader(path)
	if err != nil {
		return err
	}
	const writeVersion, readVersion = 18, 19
	if header[writeVersion] > 2 || header[readVersion] > 2 {
		return fmt.Errorf("%w: its header has the file format %d/%d", ErrDamaged, header[writeVersion], header[readVersion])
	}
	return nil
}

// checksumVersion is the schema since which rows have checksums.
const checksumVersion = 2

// checkRows compares every row with its checksum. Reading the pages themselves
// is quick, but finds rows too that were deleted, and long ones among them may
// have lost their end to others: any doubt is settled by asking for the rows.
func checkRows(ctx context.Context, db *sql.DB, path string) (err error) {
	_, spoilt, err := countRows(path)
	if err != nil || spoilt == 0 {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT id, producer, seq, kind, subject, at_ms, data, sum FROM events")
	if err != nil {
		return fmt.Errorf("check rows: %w", damage(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		var sum sql.NullInt64
		if err := rows.Scan(&r.id, &r.producer, &r.seq, &r.kind, &r.subject, &r.atMS, &r.data, &sum); err != nil {
			return fmt.Errorf("%w: read rows: %w", ErrDamaged, err)
		}
		if !r.genuine(sum) {
			return fmt.Errorf("%w: event_id=%q is not what was put", ErrDamaged, r.eventID())
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("check rows: %w", damage(err))
	}
	return nil
}

// damage takes an error about a file whose header is a spool's for damage, unless
// the disk or the system made it.
func damage(err error) error {
	var e *sqlite.Error
	if errors.Is(err, errRunSum) || errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !errors.As(err, &e) {
		return err
	}
	if e.Code() == sqlite3.SQLITE_IOERR_SHORT_READ {
		return fmt.Errorf("%w: %w", ErrDamaged, err) // it ends too early
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// checkNoRows returns ErrDamaged for a file that has lost the page which says
// what it is: the rows in it or in its log say so as well.
func checkNoRows(path string) error {
	whole, _, err := countRows(path)
	if err != nil {
		return err
	}
	if whole > 0 {
		return fmt.Errorf("%w: it has %d rows, and its beginning is lost", ErrDamaged, whole)
	}
	return nil
}

// queueColumns is how many columns the table events has, and no other one.
const queueColumns = 9

// countRows counts the rows that are what was put, and those that are not. Of
// those of an older version it counts neither.
func countRows(path string) (whole, spoilt int, err error) {
	p, err := openPages(path)
	if err != nil {
		return 0, 0, err
	}
	p.all(func(at page, content []byte) {
		for i := range p.records(at, content) {
			record := p.record(at, content, i, at.inLog)
			r, sum, ok := queueRow(record)
			switch {
			case !ok && (record == nil || len(record) == queueColumns):
				spoilt++
			case !ok || !sum.Valid:
			case r.genuine(sum):
				whole++
			default:
				spoilt++
			}
		}
	})
	return whole, spoilt, p.close()
}
