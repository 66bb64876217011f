package spool

import "slices"

// Bounds of the tail. What waits for longer is read from the file, so that a file
// that spoils is noticed while it can still be recovered.
const (
	maxTail      = 32
	maxTailBytes = 256 << 10
)

// tail is the end of the queue: the last rows that this process put, in memory, so
// that what was just committed need not be read back from the file in order to be
// sent. It is only ever the queue's end, and nothing but a copy: dropping it costs
// a reading.
type tail struct {
	rows  []row
	bytes int
}

// add takes a row that was appended to the queue. Where the queue gets long the
// file keeps it alone.
func (t *tail) add(r *row) {
	if len(t.rows) == maxTail || len(t.rows) > 0 && t.bytes+len(r.data) > maxTailBytes {
		*t = tail{}
	}
	t.rows, t.bytes = append(t.rows, *r), t.bytes+len(r.data)
}

// remove takes rows out that leave the queue, in the order of the queue.
func (t *tail) remove(gone []row) {
	for i := range gone {
		if len(t.rows) == 0 || gone[i].id < t.rows[0].id {
			continue // the file had it alone
		}
		if gone[i].id != t.rows[0].id {
			*t = tail{}
			return
		}
		t.bytes -= len(t.rows[0].data)
		t.rows = t.rows[1:]
	}
	if len(t.rows) == 0 {
		*t = tail{}
	}
}

// whole returns the queue, if it has no more rows than these. The caller may keep
// and change what it gets.
func (t *tail) whole(events int64) []row {
	if int64(len(t.rows)) != events {
		return nil
	}
	return slices.Clone(t.rows)
}
