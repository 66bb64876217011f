package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rosey/events"
)

// Inspection is what a spool's file holds at one moment.
type Inspection struct {
	// Producers are the runs on this file, the oldest first.
	Producers []ProducerInfo
	// Depth is what waits to be sent.
	Depth Depth
	// Full is what the queue tells of a full spool.
	Full Fullness
	// SetAside are the events that the stream refused for good.
	SetAside []SetAside
	// Damaged names the damaged files that were set aside beside this one,
	// Recovered those of them from which what can be read was taken over.
	Damaged   []string
	Recovered []Recovered
	// StreamID is the stream of the last acknowledgement, LastStreamSeq its
	// sequence there; empty and 0 before the first.
	StreamID      string
	LastStreamSeq uint64
	// Open is the run that went on elsewhere when this file was copied: what it put
	// after LastSeq is not known here. Empty for a file that is no such copy.
	Open string
}

// ProducerInfo is one run of a bot on a spool.
type ProducerInfo struct {
	Producer  string
	StartedMS int64
	// LastSeq is the last sequence that the run committed, sent or not; 0 if it
	// put nothing.
	LastSeq uint64
	// Waiting is how many of its events are in the queue.
	Waiting uint64
}

// Fullness is what the queue tells of a full spool: the observations that ended
// for want of room and are not sent yet.
type Fullness struct {
	// Now says that the last one has not begun again.
	Now bool
	// Times counts them, LastMS is the last moment observed before the last one.
	Times  int64
	LastMS int64
}

// Recovered is what was taken over from a damaged file.
type Recovered struct {
	Path   string
	AtMS   int64
	Events int64
}

// Inspect looks into the spool at path without taking it: a bot may be working
// with it meanwhile, and is not held up. Nothing in the file or its log changes.
//
// The error wraps fs.ErrNotExist where there is no file, and is ErrNotASpool or
// ErrNewerSchema for one that cannot be understood. What SQLite cannot read is
// an error too: the next Open sets such a file aside.
func Inspect(ctx context.Context, path string) (Inspection, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Inspection{}, fmt.Errorf("spool: inspect %s: %w", path, err)
	}
	in, err := inspect(ctx, abs)
	if err != nil {
		return Inspection{}, fmt.Errorf("spool: inspect %s: %w", abs, err)
	}
	return in, nil
}

func inspect(ctx context.Context, path string) (in Inspection, err error) {
	if in.Damaged, err = damagedFiles(path); err != nil {
		return in, err
	}
	if _, err := os.Stat(path); err != nil {
		return in, err
	}
	db, err := openToRead(path)
	if err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkReadable(ctx, db); err != nil {
		return in, err
	}
	// One transaction sees one state of the file, whatever is put meanwhile.
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return in, classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := in.read(ctx, tx, filepath.Dir(path)); err != nil {
		return in, classify(err)
	}
	return in, nil
}

// openToRead opens a file for reading alone. Where there is no log beside it
// nobody has it open, and SQLite is told that it does not change: it would
// otherwise make a log of its own.
func openToRead(path string) (*sql.DB, error) {
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "query_only(1)", "trusted_schema(0)"}}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		query.Set("immutable", "1")
	}
	return openQuery(path, query)
}

func openQuery(path string, query url.Values) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// checkReadable refuses a file whose tables would be misunderstood.
func checkReadable(ctx context.Context, db *sql.DB) error {
	id, err := pragma(ctx, db, "application_id")
	if err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w: application id %#x", ErrNotASpool, id)
	}
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	return checkNotNewer(version)
}

func (in *Inspection) read(ctx context.Context, tx *sql.Tx, folder string) error {
	var oldest sql.NullInt64
	err := tx.QueryRowContext(ctx, `
		SELECT count(*), coalesce(sum(bytes), 0), (SELECT at_ms FROM events ORDER BY id LIMIT 1)
		FROM events`).Scan(&in.Depth.Events, &in.Depth.Bytes, &oldest)
	if err != nil {
		return fmt.Errorf("read queue: %w", err)
	}
	in.Depth.OldestMS = oldest.Int64
	err = tx.QueryRowContext(ctx, "SELECT stream_id, last_stream_seq FROM drain").Scan(&in.StreamID, &in.LastStreamSeq)
	if err != nil {
		return fmt.Errorf("read last acknowledgement: %w", err)
	}
	if in.Producers, err = listProducers(ctx, tx); err != nil {
		return fmt.Errorf("read producers: %w", err)
	}
	if err := in.readWaiting(ctx, tx); err != nil {
		return fmt.Errorf("read queue: %w", err)
	}
	if in.SetAside, err = listSetAside(ctx, tx); err != nil {
		return fmt.Errorf("list events set aside: %w", err)
	}
	var version int64
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version < checksumVersion {
		return err
	}
	if in.Recovered, err = listRecovered(ctx, tx); err != nil {
		return fmt.Errorf("list recovered files: %w", err)
	}
	for i := range in.Recovered {
		in.Recovered[i].Path = filepath.Join(folder, in.Recovered[i].Path)
	}
	if version < copyVersion {
		return nil
	}
	err = tx.QueryRowContext(ctx, "SELECT producer FROM producers JOIN drain ON run = open_run").Scan(&in.Open)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read open run: %w", err)
	}
	return nil
}

// copyVersion is the schema since which a file knows that it is a copy.
const copyVersion = 3

// readWaiting says whose events wait, and whether one of them is the end of an
// observation for which there was no room.
func (in *Inspection) readWaiting(ctx context.Context, tx *sql.Tx) error {
	waiting := map[string]uint64{}
	err := eachRow(ctx, tx, func(rows *sql.Rows) error {
		var producer string
		var n int64
		if err := rows.Scan(&producer, &n); err != nil {
			return err
		}
		waiting[producer] = uint64(max(n, 0))
		return nil
	}, "SELECT producer, count(*) FROM events GROUP BY producer")
	if err != nil {
		return err
	}
	for i := range in.Producers {
		in.Producers[i].Waiting = waiting[in.Producers[i].Producer]
	}
	return eachRow(ctx, tx, func(rows *sql.Rows) error {
		var kind events.Kind
		var data []byte
		if err := rows.Scan(&kind, &data); err != nil {
			return err
		}
		in.Full.note(kind, data)
		return nil
	}, "SELECT kind, data FROM events WHERE kind IN (?, ?) ORDER BY id", string(events.KindBotConnected), string(events.KindBotDisconnected))
}

func (f *Fullness) note(kind events.Kind, data []byte) {
	f.Now = false
	if kind != events.KindBotDisconnected {
		return
	}
	e, err := events.Decode(kind, data)
	if err != nil {
		return
	}
	if d, ok := e.Payload.(*events.BotDisconnected); ok && d.Reason == events.ReasonSpoolFull {
		f.Now = true
		f.Times++
		f.LastMS = d.ObservedMS
	}
}

func eachRow(ctx context.Context, q querier, f func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func listRecovered(ctx context.Context, q querier) (list []Recovered, err error) {
	rows, err := q.QueryContext(ctx, "SELECT name, at_ms, events FROM recovered ORDER BY at_ms, name")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Recovered
		if err := rows.Scan(&r.Path, &r.AtMS, &r.Events); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func listProducers(ctx context.Context, q querier) (list []ProducerInfo, err error) {
	rows, err := q.QueryContext(ctx, "SELECT producer, started_ms, last_seq FROM producers ORDER BY run")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p ProducerInfo
		if err := rows.Scan(&p.Producer, &p.StartedMS, &p.LastSeq); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// damagedFiles lists the damaged spools beside the one in use, the oldest first.
func damagedFiles(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("look for damaged files: %w", err)
	}
	var list []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, filepath.Base(path)+damagedInfix) && !isLog(name) {
			list = append(list, filepath.Join(filepath.Dir(path), name))
		}
	}
	slices.Sort(list)
	return list, nil
}

// isLog reports whether the file belongs to a database of SQLite rather than
// being one.
func isLog(name string) bool {
	for _, suffix := range []string{"-journal", "-wal", "-shm", movingLog} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
