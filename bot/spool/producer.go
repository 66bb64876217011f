package spool

import (
	"context"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Run is one run of the bot on the spool.
type Run struct {
	// Producer begins the IDs of the run's events.
	Producer string
}

// Previous is the run before, as far as the spool knows it.
type Previous struct {
	// Producer is empty for the first run of all.
	Producer string
	// LastSeq is the last sequence it committed here, sent or not.
	LastSeq uint64
	// Known is false where the spool that would know was lost, or where this one is a
	// copy and that run went on with the original.
	Known bool
}

// producerBytes is enough that two installations never choose alike.
const producerBytes = 10

var producerEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Begin starts a run: the events put from here on carry a new producer, from
// sequence 1. It returns the last run that put anything: one that did not has
// left no tail to vouch for.
func (s *Spool) Begin(ctx context.Context) (Run, Previous, error) {
	name := make([]byte, producerBytes)
	if _, err := io.ReadFull(s.cfg.Random, name); err != nil {
		return Run{}, Previous{}, fmt.Errorf("spool: begin a run: choose a producer: %w", err)
	}
	run := Run{Producer: producerEncoding.EncodeToString(name)}
	var previous Previous
	err := s.change(ctx, func(ctx context.Context, tx *session, st *state) error {
		var err error
		if previous, err = s.readPrevious(ctx, tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO producers (producer, started_ms, last_seq, sum) VALUES (?, ?, 0, ?)",
			run.Producer, s.cfg.Now().UnixMilli(), runSum(run.Producer, 0))
		st.producer, st.lastSeq = run.Producer, 0
		return err
	})
	if err != nil {
		return Run{}, Previous{}, fmt.Errorf("spool: begin a run in %s: %w", s.cfg.Path, err)
	}
	return run, previous, nil
}

// IsEarlier reports whether the producer is an earlier run on this spool, or on a
// damaged one whose place it took. Such a one is gone: only one process at a time
// has the spool.
func (s *Spool) IsEarlier(ctx context.Context, producer string) (bool, error) {
	known, _ := s.snapshot()
	if producer == known.producer {
		return false, nil
	}
	if slices.Contains(s.recovered, producer) {
		return true, nil
	}
	var found bool
	err := s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM producers WHERE producer = ?)", producer).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("spool: look for producer %s: %w", producer, err)
	}
	return found, nil
}

func (s *Spool) readPrevious(ctx context.Context, tx *session) (Previous, error) {
	previous := Previous{Known: true}
	err := tx.QueryRowContext(ctx, "SELECT producer, last_seq, run <> open_run FROM producers, drain WHERE last_seq > 0 ORDER BY run DESC LIMIT 1").
		Scan(&previous.Producer, &previous.LastSeq, &previous.Known)
	if !errors.Is(err, sql.ErrNoRows) {
		return previous, err
	}
	damaged, err := damagedBeside(s.cfg.Path)
	previous.Known = !damaged
	return previous, err
}
