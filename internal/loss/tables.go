package loss

import (
	"context"
	"errors"
	"fmt"

	"rosey/schema"
	"rosey/streams"
)

// Run is a run of sequences, both ends included.
type Run = [2]uint64

// Endless is the end of what lies beyond a checkpoint.
const Endless = 1<<63 - 1

// Tables are what a database is made of: all sequences up to UpTo but its holes, which
// are in order.
type Tables struct {
	UpTo  uint64
	Holes []Run
	// Archive is the folder whose archive stood in for the stream's beginning, "" for
	// none.
	Archive string
}

// Read reads it from a database. One that has no checkpoint yet is made of nothing.
func Read(ctx context.Context, q schema.Queryer) (t Tables, err error) {
	// In one statement, so that a commit in between does not part the two.
	rows, err := q.QueryContext(ctx, `SELECT first_seq, last_seq FROM stream_holes WHERE first_seq > 0 AND last_seq >= first_seq
		UNION ALL SELECT 0, coalesce((SELECT seq FROM projection_state), 0) ORDER BY 1`)
	if err != nil {
		return Tables{}, fmt.Errorf("read the holes of the tables: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Run
		if err := rows.Scan(&r[0], &r[1]); err != nil {
			return Tables{}, fmt.Errorf("read the holes of the tables: %w", err)
		}
		if r[0] == 0 {
			t.UpTo = r[1]
			continue
		}
		t.Holes = append(t.Holes, r)
	}
	if err := rows.Err(); err != nil {
		return Tables{}, fmt.Errorf("read the holes of the tables: %w", err)
	}
	o, err := schema.ReadOrigin(ctx, q)
	if err != nil {
		return Tables{}, err
	}
	if o.Channel == "" { // otherwise the archive was for that one
		t.Archive = o.Archive
	}
	return t, nil
}

// Lack are all sequences that the tables are not made of: the holes, and what lies
// beyond the checkpoint.
func (t Tables) Lack() []Run {
	return append(t.Holes[:len(t.Holes):len(t.Holes)], Run{t.UpTo + 1, Endless})
}

// Have are the runs of those that are gone, from a sequence on, that the tables are made
// of: each as far as they are. The list of what is gone is in order.
func (t Tables) Have(gone []Run, from uint64) (list streams.Erasures) {
	lack, k := t.Lack(), 0
	for _, g := range gone {
		at := max(g[0], from)
		for k < len(lack) && lack[k][1] < at {
			k++
		}
		var e streams.Erasure
		take := func(first, last uint64) {
			if first > last {
				return
			}
			if e.Messages == 0 {
				e.First = first
			}
			e.Last, e.Messages = last, e.Messages+last-first+1
		}
		for i := k; i < len(lack) && lack[i][0] <= g[1]; i++ {
			take(at, lack[i][0]-1)
			at = lack[i][1] + 1
		}
		take(at, g[1])
		if e.Messages > 0 {
			list = append(list, e)
		}
	}
	return list
}

// Find asks the stream what it lists as erased, and returns what the tables, which were
// made of this stream, have of it. It reads no messages and no rows; where nothing was
// erased it is one request.
func (t Tables) Find(ctx context.Context, s *streams.Stream) (streams.Erasures, error) {
	if t.UpTo == 0 {
		return nil, nil
	}
	state, err := s.State(ctx)
	if err != nil || state.Deleted == 0 {
		return nil, err
	}
	gone, first, err := s.Erased(ctx)
	if err != nil {
		return nil, err
	}
	// What comes before the stream's first message an archive may hold.
	return t.Have(gone, first), nil
}
