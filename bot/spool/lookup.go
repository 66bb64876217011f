package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// lookAhead is how many recovered events are looked for at once: each look reads
// the stream from its beginning.
const lookAhead = 50_000

// find looks for ids behind the last acknowledged sequence, provided that the
// acknowledged event is still where it was: a stream that was restored to an
// older state has other events there, and may have grown since.
func (d *drainer) find(ctx context.Context, after uint64, anchor string, ids []string) (map[string]uint64, error) {
	if after > 0 && anchor != "" {
		found, err := d.app.Find(ctx, after-1, append([]string{anchor}, ids...))
		if err != nil {
			return nil, fmt.Errorf("look for %d events after seq=%d: %w", len(ids), after, err)
		}
		if found[anchor] == after {
			return found, nil
		}
		after = 0
	}
	found, err := d.app.Find(ctx, after, ids)
	if err != nil {
		return nil, fmt.Errorf("look for %d events after seq=%d: %w", len(ids), after, err)
	}
	return found, nil
}

// ref is a row without its data.
type ref struct {
	row   row
	bytes int64
}

// lookRecovered settles those of the next recovered events that the stream has.
// The damaged file does not say which: neither where its queue began can be
// believed, nor which acknowledgement was the last.
func (d *drainer) lookRecovered(ctx context.Context) error {
	known, _ := d.spool.snapshot()
	if known.lookUntil == 0 {
		return nil
	}
	refs, err := d.spool.refs(ctx, known.lookUntil)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		d.looked = known.lookUntil
		return nil
	}
	if refs[0].row.id <= d.looked {
		return nil
	}
	ids := make([]string, len(refs))
	for i := range refs {
		ids[i] = refs[i].row.eventID()
	}
	found, err := d.app.Find(ctx, 0, ids)
	if err != nil {
		return fmt.Errorf("look for %d recovered events: %w", len(ids), err)
	}
	var stored []ref
	for i := range refs {
		if _, ok := found[ids[i]]; ok {
			stored = append(stored, refs[i])
		}
	}
	if err := d.spool.forget(ctx, stored); err != nil {
		return err
	}
	d.looked = refs[len(refs)-1].row.id
	d.spool.cfg.Logger.Info("recovered events were looked for in the stream", "stored", len(stored), "missing", len(refs)-len(stored))
	return nil
}

// refs reads which rows are first in the queue, up to one of them.
func (s *Spool) refs(ctx context.Context, upTo int64) (list []ref, err error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT id, producer, seq, bytes FROM events WHERE id <= ? ORDER BY id LIMIT ?", upTo, lookAhead)
	if err != nil {
		return nil, fmt.Errorf("read recovered events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r ref
		if err := rows.Scan(&r.row.id, &r.row.producer, &r.row.seq, &r.bytes); err != nil {
			return nil, fmt.Errorf("read recovered events: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read recovered events: %w", err)
	}
	return list, nil
}

// forget deletes rows that the stream has, some at a time: events that are put
// meanwhile wait for it.
func (s *Spool) forget(ctx context.Context, stored []ref) error {
	for len(stored) > 0 {
		share := stored[:min(len(stored), maxBatch)]
		stored = stored[len(share):]
		rows := make([]row, len(share))
		for i := range share {
			rows[i] = share[i].row
		}
		err := s.change(ctx, func(ctx context.Context, tx *sql.Conn, st *state) error {
			if _, err := deleteRows(ctx, tx, rows); err != nil {
				return err
			}
			for i := range share {
				st.depth.Events--
				st.depth.Bytes -= share[i].bytes
			}
			return st.settled(ctx, tx, rows)
		})
		if err != nil {
			return fmt.Errorf("delete %d recovered events that were sent: %w", len(share), err)
		}
	}
	return nil
}
