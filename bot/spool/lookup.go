package spool

import (
	"context"
	"errors"
	"fmt"
)

// lookAhead is how many recovered events are read from the file at once.
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

// lookRecovered settles those of the recovered events that were sent. The damaged
// file does not say which: neither where its queue began can be believed, nor
// which acknowledgement was the last, and rows that were deleted long ago are
// among them. But a producer's events are sent in order, so whatever comes before
// one that the stream holds was sent too, also where the stream has erased or
// trimmed it since: that must not come back.
func (d *drainer) lookRecovered(ctx context.Context) error {
	known, _ := d.spool.snapshot()
	if d.looked || known.lookUntil == 0 {
		return nil
	}
	producers, err := d.spool.recoveredProducers(ctx, known.lookUntil)
	if err != nil {
		return err
	}
	sent, err := d.app.LastOf(ctx, producers)
	if err != nil {
		return fmt.Errorf("look for the last event of %d recovered runs: %w", len(producers), err)
	}
	settled, missing := 0, 0
	for after := int64(0); ; {
		refs, err := d.spool.refs(ctx, after, known.lookUntil)
		if err != nil {
			return err
		}
		if len(refs) == 0 {
			break
		}
		after = refs[len(refs)-1].row.id
		var gone []ref
		for i := range refs {
			if refs[i].row.seq <= sent[refs[i].row.producer] {
				gone = append(gone, refs[i])
			}
		}
		settled, missing = settled+len(gone), missing+len(refs)-len(gone)
		if err := d.spool.forget(ctx, gone); err != nil {
			return err
		}
	}
	d.looked = true
	if missing > 0 {
		// These come first, and were not sent: nothing after them is there either.
		d.spool.sentRow = 0
	}
	d.spool.cfg.Logger.Info("recovered events were looked for in the stream", "sent_before", settled, "missing", missing)
	return nil
}

// recoveredProducers reads whose events the rows up to one of them are.
func (s *Spool) recoveredProducers(ctx context.Context, upTo int64) (list []string, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT DISTINCT producer FROM events WHERE id <= ?", upTo)
	if err != nil {
		return nil, fmt.Errorf("read recovered runs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var producer string
		if err := rows.Scan(&producer); err != nil {
			return nil, fmt.Errorf("read recovered runs: %w", err)
		}
		list = append(list, producer)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read recovered runs: %w", err)
	}
	return list, nil
}

// refs reads the next rows after one and up to another.
func (s *Spool) refs(ctx context.Context, after, upTo int64) (list []ref, err error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT id, producer, seq, bytes FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", after, upTo, lookAhead)
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

// forget deletes rows that were sent, some at a time: events that are put
// meanwhile wait for it.
func (s *Spool) forget(ctx context.Context, stored []ref) error {
	for len(stored) > 0 {
		share := stored[:min(len(stored), maxBatch)]
		stored = stored[len(share):]
		rows := make([]row, len(share))
		for i := range share {
			rows[i] = share[i].row
		}
		err := s.change(ctx, func(ctx context.Context, tx *session, st *state) error {
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
