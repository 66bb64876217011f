package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rosey/events"
)

// Depth is what waits in the spool.
type Depth struct {
	// Events is how many rows the queue holds, Bytes what they take.
	Events, Bytes int64
	// OldestMS is when the first of them was put, 0 when none waits.
	OldestMS int64
}

// state is what the writer knows without asking the file. A transaction works on
// a copy, which replaces the state when it is committed.
type state struct {
	producer string
	lastSeq  uint64
	lastRow  int64
	depth    Depth

	// What is known of the stream: the last acknowledgement, and of which event.
	streamID      string
	lastStreamSeq uint64
	lastEventID   string
	// lookUntil is the last row that was recovered from a damaged file.
	lookUntil int64

	tail tail
}

// readState reads from the file what a transaction may have left there.
func readState(ctx context.Context, conn *session, producer string) (state, error) {
	st := state{producer: producer}
	var oldest sql.NullInt64
	err := conn.QueryRowContext(ctx, `
		SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(id), 0),
		       (SELECT at_ms FROM events ORDER BY id LIMIT 1)
		FROM events`).Scan(&st.depth.Events, &st.depth.Bytes, &st.lastRow, &oldest)
	if err != nil {
		return st, fmt.Errorf("read queue: %w", err)
	}
	st.depth.OldestMS = oldest.Int64
	err = conn.QueryRowContext(ctx, "SELECT stream_id, last_stream_seq, last_event_id, look_until FROM drain").
		Scan(&st.streamID, &st.lastStreamSeq, &st.lastEventID, &st.lookUntil)
	if err != nil {
		return st, fmt.Errorf("read last acknowledgement: %w", err)
	}
	err = conn.QueryRowContext(ctx, "SELECT last_seq FROM producers WHERE producer = ?", producer).Scan(&st.lastSeq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return st, fmt.Errorf("read last sequence: %w", err)
	}
	return st, nil
}

// remove deletes rows and counts what is left.
func (st *state) remove(ctx context.Context, tx *session, rows []row) error {
	deleted, err := deleteRows(ctx, tx, rows)
	if err != nil {
		return err
	}
	if deleted != int64(len(rows)) {
		// An earlier attempt was committed although its commit failed.
		*st, err = readState(ctx, tx, st.producer)
		return err
	}
	for i := range rows {
		st.depth.Events--
		st.depth.Bytes -= rows[i].bytes()
	}
	return st.settled(ctx, tx, rows)
}

// settled notes what follows from the deletion of rows at the queue's front.
func (st *state) settled(ctx context.Context, tx *session, rows []row) error {
	st.tail.remove(rows)
	var err error
	if st.depth.OldestMS, err = st.oldest(ctx, tx); err != nil {
		return err
	}
	if st.lookUntil == 0 || rows[len(rows)-1].id < st.lookUntil {
		return nil
	}
	// Numbers of rows come again once the queue was empty.
	st.lookUntil = 0
	_, err = tx.ExecContext(ctx, "UPDATE drain SET look_until = 0")
	return err
}

// oldest is when the first row of the queue was put, 0 where there is none.
func (st *state) oldest(ctx context.Context, tx *session) (int64, error) {
	if st.depth.Events == 0 {
		return 0, nil
	}
	if int64(len(st.tail.rows)) == st.depth.Events {
		return st.tail.rows[0].atMS, nil
	}
	var ms sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT at_ms FROM events ORDER BY id LIMIT 1").Scan(&ms)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read oldest event: %w", err)
	}
	return ms.Int64, nil
}

// deleteRun deletes a run of rows that are those of a run of events too: numbers of
// rows come again once the queue was empty, and what is told to be deleted twice may
// have others by then. The plus signs keep it to the primary key.
const deleteRun = "DELETE FROM events WHERE id BETWEEN ? AND ? AND +producer = ? AND +seq BETWEEN ? AND ?"

// deleteRows deletes the rows, one statement for each run of adjacent ones:
// nearly always one. It returns how many there were.
func deleteRows(ctx context.Context, tx *session, rows []row) (deleted int64, err error) {
	for from := 0; from < len(rows); {
		to := from
		for to+1 < len(rows) && rows[to+1].follows(&rows[to]) {
			to++
		}
		result, err := tx.ExecContext(ctx, deleteRun, rows[from].id, rows[to].id, rows[from].producer, rows[from].seq, rows[to].seq)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		deleted += n
		from = to + 1
	}
	return deleted, nil
}

// follows reports whether the row comes directly after another one, as its event does.
func (r *row) follows(other *row) bool {
	return r.id == other.id+1 && r.producer == other.producer && r.seq == other.seq+1
}

// Depth returns what waits, without touching the file.
func (s *Spool) Depth() Depth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.depth
}

// snapshot returns the committed state and a channel that is closed when it
// changes.
func (s *Spool) snapshot() (state, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed
}

func (s *Spool) setState(st state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = st
	close(s.changed)
	s.changed = make(chan struct{})
}

// waitFor blocks until the state is as wanted.
func (s *Spool) waitFor(ctx context.Context, wanted func(state) bool) error {
	for {
		st, changed := s.snapshot()
		if wanted(st) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return ErrClosed
		case <-changed:
		}
	}
}

// Settle waits until nothing waits in the spool: for an orderly stop, while a
// Drain is running. It returns the context's error when that takes too long.
func (s *Spool) Settle(ctx context.Context) error {
	return s.waitFor(ctx, func(st state) bool { return st.depth.Events == 0 })
}

// SettleEarlier waits until the stream has all that earlier runs left in the
// spool, while a Drain is running.
func (s *Spool) SettleEarlier(ctx context.Context) error {
	return s.waitFor(ctx, func(st state) bool {
		// Events leave in order: after one of this run none of an earlier one waits.
		producer, _, _ := events.ParseID(st.lastEventID)
		return st.depth.Events == 0 || producer == st.producer
	})
}

// Acknowledged is the last stream sequence that acknowledged an event of this
// spool, 0 where it has none yet.
func (s *Spool) Acknowledged() uint64 {
	st, _ := s.snapshot()
	return st.lastStreamSeq
}
