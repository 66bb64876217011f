package spool

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"rosey/events"
)

// salvage is what can be read of a damaged spool without SQLite. Every page that
// may hold rows is looked at, whether or not anything leads to it any more, and
// every row vouches for itself: one bad page costs its own rows and no others.
//
// Among them are rows that were sent and deleted, where their page was not used
// again. They are looked for in the stream like all the others.
type salvage struct {
	*pageFile
	rows      []place
	producers []*salvaged
	byName    map[string]*salvaged
	// spoilt counts rows that are there and not what was put.
	spoilt int
}

// place is where a row lies, and what orders it.
type place struct {
	of   *salvaged
	seq  uint64
	at   page
	cell int
}

// salvaged is a producer of which rows were found.
type salvaged struct {
	name    string
	firstMS int64 // when the first of its rows was put
	lastSeq uint64
}

// openSalvage looks at every page of a file and its log, and notes where rows
// are; the rows themselves are read once more when they are asked for.
func openSalvage(path string) (*salvage, error) {
	pages, err := openPages(path)
	if err != nil {
		return nil, fmt.Errorf("read damaged file: %w", err)
	}
	s := &salvage{pageFile: pages, byName: map[string]*salvaged{}}
	s.all(func(at page, content []byte) {
		for i := range s.records(at, content) {
			if r, ok := s.row(at, content, i); ok {
				s.note(at, i, &r)
			}
		}
	})
	s.order()
	return s, nil
}

func (s *salvage) note(at page, cell int, r *row) {
	of := s.byName[r.producer]
	if of == nil {
		of = &salvaged{name: r.producer, firstMS: r.atMS}
		s.byName[r.producer] = of
		s.producers = append(s.producers, of)
	}
	of.firstMS, of.lastSeq = min(of.firstMS, r.atMS), max(of.lastSeq, r.seq)
	s.rows = append(s.rows, place{of: of, seq: r.seq, at: at, cell: cell})
}

// order brings the rows into the order in which they were put, each once: the
// version that was written last.
func (s *salvage) order() {
	slices.SortStableFunc(s.rows, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.of.firstMS, b.of.firstMS), cmp.Compare(a.of.name, b.of.name), cmp.Compare(a.seq, b.seq))
	})
	kept := s.rows[:0]
	for i, r := range s.rows {
		if i+1 < len(s.rows) && s.rows[i+1].of == r.of && s.rows[i+1].seq == r.seq {
			continue
		}
		kept = append(kept, r)
	}
	s.rows = kept
}

// row reads one row of the queue and reports whether it is one, and whole.
func (s *salvage) row(at page, content []byte, cell int) (row, bool) {
	for _, inLog := range []bool{at.inLog, !at.inLog} {
		r, sum, ok := queueRow(s.record(at, content, cell, inLog))
		if !ok {
			continue
		}
		if r.genuine(sum) {
			return r, true
		}
		if inLog == at.inLog {
			s.spoilt++
		}
	}
	return row{}, false
}

// queueRow makes a row of a record of the table events, as it is and as it was
// before the checksum.
func queueRow(record []value) (r row, sum sql.NullInt64, ok bool) {
	const old, now = "ntittiib", "ntittiibi"
	switch {
	case shaped(record, now):
		sum = sql.NullInt64{Int64: record[8].number, Valid: true}
	case !shaped(record, old):
		return row{}, sum, false
	}
	r = row{
		producer: string(record[1].bytes), seq: uint64(record[2].number), kind: events.Kind(record[3].bytes),
		subject: string(record[4].bytes), atMS: record[5].number, data: record[7].bytes,
	}
	return r, sum, record[6].number == r.bytes()
}

// each calls do with the rows in their order.
func (s *salvage) each(do func(r *row) error) error {
	buf := make([]byte, s.pageSize)
	var last page
	for _, p := range s.rows {
		if last != p.at || last == (page{}) {
			s.read(p.at, buf)
			last = p.at
		}
		r, ok := s.row(p.at, buf, p.cell)
		if !ok {
			return errors.New("damaged file changes while it is read")
		}
		if err := do(&r); err != nil {
			return err
		}
	}
	return nil
}

// refused calls do with the events that the stream had refused, as far as they
// can be read. They are never sent again, so that nothing has to vouch for them.
func (s *salvage) refused(do func(record []value) error) (err error) {
	s.all(func(at page, content []byte) {
		for i := range s.records(at, content) {
			if record := s.record(at, content, i, at.inLog); err == nil && shaped(record, "titttib") {
				err = do(record)
			}
		}
	})
	return err
}
