package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recoverDamaged takes over what can be read of the damaged files beside the
// spool, each once: what is in a file and not in the list of those that were
// taken over is still to be done, whatever crash or full disk came between.
//
// A file that cannot be taken over now keeps nobody from recording.
func recoverDamaged(ctx context.Context, cfg Config, db *sql.DB) error {
	files, err := damagedFiles(cfg.Path)
	if err != nil {
		return err
	}
	for _, file := range files {
		var done bool
		name := filepath.Base(file)
		if err := db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM recovered WHERE name = ?", name).Scan(&done); err != nil {
			return fmt.Errorf("look up recovered files: %w", err)
		}
		if done {
			continue
		}
		r, err := takeOver(ctx, cfg, db, file)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			cfg.Logger.Error("damaged spool could not be read; the next start tries again", "path", file, "err", err)
			continue
		}
		cfg.Logger.Error("a damaged spool was read as far as possible: its events are looked for in the stream, and sent where they are missing",
			"path", file, "recovered", r.events, "unreadable_rows", r.spoilt, "may_be_missing", !r.complete, "previous_run_known", r.known)
	}
	return nil
}

// recovery is what came of a damaged file.
type recovery struct {
	events, spoilt int
	// known is set when the file still tells how the last run ended, complete when
	// nothing of that run's queue is missing besides.
	known, complete bool
}

// takeOver puts everything that can be read of a damaged file into the queue, in
// one transaction.
func takeOver(ctx context.Context, cfg Config, db *sql.DB, file string) (r recovery, err error) {
	s, err := openSalvage(file)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	runs := s.runs(ctx, file)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return r, err
	}
	defer func() { _ = tx.Rollback() }()
	if err := s.insert(ctx, tx); err != nil {
		return r, fmt.Errorf("take over events: %w", err)
	}
	if err := insertRuns(ctx, tx, runs); err != nil {
		return r, fmt.Errorf("take over runs: %w", err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO recovered (name, at_ms, events) VALUES (?, ?, ?)",
		filepath.Base(file), cfg.Now().UnixMilli(), len(s.rows))
	if err != nil {
		return r, fmt.Errorf("note recovered file: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return r, fmt.Errorf("commit recovered events: %w", err)
	}
	return recovery{events: len(s.rows), spoilt: s.spoilt, known: len(runs) > 0, complete: s.complete(runs)}, nil
}

// insert appends the salvaged rows to the queue, and marks them as such: each of
// them may be in the stream already.
func (s *salvage) insert(ctx context.Context, tx *sql.Tx) error {
	var last int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM events").Scan(&last); err != nil {
		return err
	}
	statement, err := tx.PrepareContext(ctx, insertRow)
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	err = s.each(func(r *row) error {
		last++
		r.id = last
		return r.insert(ctx, statement)
	})
	if err != nil {
		return err
	}
	err = s.refused(func(record []value) error {
		_, err := tx.ExecContext(ctx,
			"INSERT OR REPLACE INTO set_aside (producer, seq, kind, subject, reason, at_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
			string(record[0].bytes), record[1].number, string(record[2].bytes), string(record[3].bytes), string(record[4].bytes),
			record[5].number, record[6].bytes)
		return err
	})
	if err != nil {
		return err
	}
	if len(s.rows) > 0 {
		_, err = tx.ExecContext(ctx, "UPDATE drain SET look_until = ?", last)
	}
	return err
}

// runs reads how the runs on a damaged file ended, or nothing where that is not
// certain: a run must not be vouched for by what may be an older state.
func (s *salvage) runs(ctx context.Context, file string) []ProducerInfo {
	if info, err := os.Stat(file); err != nil || info.Size() == 0 || checkLog(file) != nil {
		return nil
	}
	db, err := openToRead(file)
	if err != nil {
		return nil
	}
	defer func() { _ = db.Close() }()
	runs, err := verifiedRuns(ctx, db)
	if err != nil {
		return nil
	}
	for _, run := range runs {
		if of := s.byName[run.Producer]; of != nil && of.lastSeq > run.LastSeq {
			return nil
		}
		delete(s.byName, run.Producer)
	}
	if len(s.byName) > 0 {
		return nil // somebody put events and is not among them
	}
	return runs
}

var errRunSum = errors.New("a run's checksum is wrong")

// verifiedRuns reads the runs by which a later one can be vouched for.
func verifiedRuns(ctx context.Context, db *sql.DB) (list []ProducerInfo, err error) {
	rows, err := db.QueryContext(ctx, "SELECT producer, started_ms, last_seq, sum FROM producers ORDER BY run")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p ProducerInfo
		var sum int64
		if err := rows.Scan(&p.Producer, &p.StartedMS, &p.LastSeq, &sum); err != nil {
			return nil, err
		}
		if sum != runSum(p.Producer, p.LastSeq) {
			return nil, errRunSum
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

func insertRuns(ctx context.Context, tx *sql.Tx, runs []ProducerInfo) error {
	for _, run := range runs {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO producers (producer, started_ms, last_seq, sum) VALUES (?, ?, ?, ?)",
			run.Producer, run.StartedMS, run.LastSeq, runSum(run.Producer, run.LastSeq))
		if err != nil {
			return err
		}
	}
	return nil
}

// complete reports whether the salvaged rows of the last run reach to its end
// without a hole. What the stream had already cannot be told apart from here.
func (s *salvage) complete(runs []ProducerInfo) bool {
	if len(runs) == 0 || s.spoilt > 0 {
		return false
	}
	for i := 1; i < len(s.rows); i++ {
		if s.rows[i].of == s.rows[i-1].of && s.rows[i].seq != s.rows[i-1].seq+1 {
			return false
		}
	}
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].LastSeq == 0 {
			continue
		}
		n := len(s.rows)
		return n > 0 && s.rows[n-1].of.name == runs[i].Producer && s.rows[n-1].seq == runs[i].LastSeq
	}
	return true
}

// finishSetAside ends a set-aside that a crash cut short between a file's log and
// the file itself, or right after it.
func finishSetAside(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("look for damaged files: %w", err)
	}
	for _, entry := range entries {
		name, moving := strings.CutSuffix(entry.Name(), movingLog)
		if !moving || !strings.HasPrefix(name, filepath.Base(path)+damagedInfix) {
			continue
		}
		aside := filepath.Join(filepath.Dir(path), name)
		if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
			if err := rename(path, aside); err != nil {
				return err
			}
		}
		if err := createFile(aside); err != nil {
			return err
		}
		if err := rename(aside+movingLog, aside+"-wal"); err != nil {
			return err
		}
	}
	return nil
}
