package spool

import (
	"context"
	"database/sql"
	"fmt"

	"rosey/events"
)

// reserveBytes is kept free below the limit for PutReserved, so that a full spool
// can still say that it is full.
const reserveBytes = 64 << 10

// rowBytes is roughly what a row takes in the file beside its texts.
const rowBytes = 48

// row is one message of the queue.
type row struct {
	id       int64
	producer string
	seq      uint64
	kind     events.Kind
	subject  string
	atMS     int64
	data     []byte
}

func (r *row) eventID() string { return events.MakeID(r.producer, r.seq) }

// bytes is what the row counts against the limit.
func (r *row) bytes() int64 {
	return int64(len(r.data) + len(r.subject) + len(r.kind) + len(r.producer) + rowBytes)
}

// Put commits the events, in order and all or none, and returns when they are on
// the disk. It sets the ID of each. A channel they do not name is the spool's.
//
// The error is ErrFull when they would not fit below the limit, or the disk is
// nearly full; ErrNotBegun before Begin; ErrDamaged where only opening the spool
// again helps; and otherwise says what the disk or the encoding did not take. In each case no
// sequence is used up and the events may be put again later.
func (s *Spool) Put(ctx context.Context, evs ...*events.Event) error {
	if err := s.checkDisk(); err != nil {
		return fmt.Errorf("spool: put %d events in %s: %w", len(evs), s.cfg.Path, err)
	}
	return s.put(ctx, s.cfg.MaxBytes-reserveBytes, evs)
}

// PutReserved is Put into the space kept for telling that the spool is full.
func (s *Spool) PutReserved(ctx context.Context, evs ...*events.Event) error {
	return s.put(ctx, s.cfg.MaxBytes, evs)
}

func (s *Spool) put(ctx context.Context, limit int64, evs []*events.Event) error {
	if len(evs) == 0 {
		return nil
	}
	var ids []string
	err := s.changeAt(ctx, CrashPutBeforeCommit, CrashPutAfterCommit, func(ctx context.Context, tx *session, st *state) error {
		rows, first, err := s.encode(st, evs)
		if err != nil {
			return &refusal{err}
		}
		next := *st
		for i := range rows {
			next.add(&rows[i])
		}
		if next.depth.Bytes > limit {
			return &refusal{ErrFull}
		}
		ids = first
		if err := insertRows(ctx, tx, rows); err != nil {
			return err
		}
		*st = next
		_, err = tx.ExecContext(ctx, "UPDATE producers SET last_seq = ?, sum = ? WHERE producer = ?",
			st.lastSeq, runSum(st.producer, st.lastSeq), st.producer)
		return err
	})
	if err != nil {
		return fmt.Errorf("spool: put %d events, the first %s, in %s: %w", len(evs), evs[0].Kind, s.cfg.Path, err)
	}
	for i, e := range evs {
		e.ID = ids[i]
	}
	return nil
}

// add counts a row that was appended.
func (st *state) add(r *row) {
	st.lastRow, st.lastSeq = r.id, r.seq
	st.depth.Events++
	st.depth.Bytes += r.bytes()
	st.tail.add(r)
	if st.depth.OldestMS == 0 {
		st.depth.OldestMS = r.atMS
	}
}

// encode makes the rows of the events, numbered on from the state, and returns
// the ID of each event's first row.
func (s *Spool) encode(st *state, evs []*events.Event) ([]row, []string, error) {
	if st.producer == "" {
		return nil, nil, ErrNotBegun
	}
	rows := make([]row, 0, len(evs))
	ids := make([]string, len(evs))
	now := s.cfg.Now().UnixMilli()
	seq := st.lastSeq
	for i, e := range evs {
		messages, err := s.messages(st.producer, seq+1, e)
		if err != nil {
			return nil, nil, fmt.Errorf("event %d of %d, %s: %w", i+1, len(evs), e.Kind, err)
		}
		ids[i] = events.MakeID(st.producer, seq+1)
		for _, m := range messages {
			seq++
			rows = append(rows, row{
				id: st.lastRow + int64(len(rows)) + 1, producer: st.producer, seq: seq,
				kind: m.kind, subject: s.cfg.Subject(m.kind, m.channel), atMS: now, data: m.data,
			})
		}
	}
	return rows, ids, nil
}

const insertRow = "INSERT INTO events (id, producer, seq, kind, subject, at_ms, bytes, data, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

func insertRows(ctx context.Context, tx *session, rows []row) error {
	statement, err := tx.statement(ctx, insertRow)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := rows[i].insert(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (r *row) insert(ctx context.Context, statement *sql.Stmt) error {
	_, err := statement.ExecContext(ctx,
		r.id, r.producer, r.seq, string(r.kind), r.subject, r.atMS, r.bytes(), r.data, r.checksum())
	if err != nil {
		return fmt.Errorf("insert event_id=%s: %w", r.eventID(), err)
	}
	return nil
}
