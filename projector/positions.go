package projector

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sort"

	"rosey/events"
	"rosey/schema"
)

// position is what is known of one producer's numbering.
type position struct {
	producer    string
	channel     string
	first, last uint64
	events      int64
	duplicates  int64
	gaps        [][2]uint64
	firstMS     int64
	lastMS      int64
	previous    string
	previousSeq int64
	dirty       bool
}

// accept reports whether a sequence is new. One inside a gap shrinks it; any
// other at or below the last is a second copy of what was applied.
func (p *position) accept(seq uint64) bool {
	p.dirty = true
	switch {
	case seq > p.last:
		if seq > p.last+1 {
			p.gaps = append(p.gaps, [2]uint64{p.last + 1, seq - 1})
		}
		p.last = seq
	default:
		if !p.fill(seq) {
			p.duplicates++
			return false
		}
	}
	if p.first == 0 || seq < p.first {
		p.first = seq
	}
	p.events++
	return true
}

func (p *position) fill(seq uint64) bool {
	i := sort.Search(len(p.gaps), func(i int) bool { return p.gaps[i][1] >= seq })
	if i == len(p.gaps) || p.gaps[i][0] > seq {
		return false
	}
	g := p.gaps[i]
	var left [][2]uint64
	if g[0] < seq {
		left = append(left, [2]uint64{g[0], seq - 1})
	}
	if seq < g[1] {
		left = append(left, [2]uint64{seq + 1, g[1]})
	}
	p.gaps = append(p.gaps[:i:i], append(left, p.gaps[i+1:]...)...)
	return true
}

// positions keeps the producers that the batches mention.
type positions struct {
	known map[string]*position
}

func newPositions() *positions { return &positions{known: map[string]*position{}} }

// prepare brings the rows of producers met for the first time.
func (ps *positions) prepare(ctx context.Context, q schema.Queryer, items []Item) error {
	for i := range items {
		producer, _, ok := events.ParseID(items[i].id())
		if !ok || ps.known[producer] != nil {
			continue
		}
		p := &position{producer: producer}
		var gaps string
		err := q.QueryRowContext(ctx, `SELECT channel, first_seq, last_seq, events, duplicates, gaps, first_ms, last_ms,
			previous, previous_seq FROM producer_positions WHERE producer = ?`, producer).
			Scan(&p.channel, &p.first, &p.last, &p.events, &p.duplicates, &gaps, &p.firstMS, &p.lastMS, &p.previous, &p.previousSeq)
		switch {
		case err == sql.ErrNoRows:
		case err != nil:
			return fmt.Errorf("producer_positions: %w", err)
		default:
			if err := json.Unmarshal([]byte(gaps), &p.gaps); err != nil {
				return fmt.Errorf("producer_positions: gaps of %s: %w", producer, err)
			}
		}
		ps.known[producer] = p
	}
	return nil
}

// id is the event's own ID; an event that cannot be read still has the one in
// its header, so that its producer shows no gap.
func (it *Item) id() string {
	if it.Event != nil {
		return it.Event.ID
	}
	return it.Msg.MsgID
}

// accept reports whether the event is new. Events that nobody numbered always
// are: their identity is their place in the stream.
func (ps *positions) accept(it *Item) bool {
	producer, seq, ok := events.ParseID(it.id())
	if !ok {
		return true
	}
	p := ps.known[producer]
	if !p.accept(seq) {
		return false
	}
	ms := it.Msg.Time.UnixMilli()
	if e := it.Event; e != nil {
		p.channel = e.Channel
		if at := e.Observed(); at != 0 {
			ms = at
		}
		if s, ok := e.Payload.(*events.BotStarted); ok {
			p.previous, p.previousSeq = s.Previous, s.PreviousSeq
		}
	}
	if p.firstMS == 0 || ms < p.firstMS {
		p.firstMS = ms
	}
	p.lastMS = max(p.lastMS, ms)
	return true
}

// passed reports whether the producer's numbers have gone beyond this event's.
func (ps *positions) passed(it *Item) bool {
	producer, seq, ok := events.ParseID(it.id())
	return ok && ps.known[producer].last > seq
}

// maxKnown bounds how many producers stay in memory between batches.
const maxKnown = 1024

func (ps *positions) flush(ctx context.Context, w *writer) error {
	const columns = "channel, first_seq, last_seq, events, duplicates, gaps, first_ms, last_ms, previous, previous_seq"
	b := &bulk{head: "INSERT INTO producer_positions (producer, " + columns + ") VALUES", cols: 11, tail: upsert("producer", columns)}
	for _, name := range sortedKeys(ps.known) {
		p := ps.known[name]
		if !p.dirty {
			continue
		}
		p.dirty = false
		if p.gaps == nil {
			p.gaps = [][2]uint64{}
		}
		gaps, err := json.Marshal(p.gaps)
		if err != nil {
			return fmt.Errorf("producer_positions: gaps of %s: %w", name, err)
		}
		b.add(p.producer, p.channel, int64(p.first), int64(p.last), p.events, p.duplicates, string(gaps), p.firstMS, p.lastMS, p.previous, p.previousSeq)
	}
	if err := b.flush(ctx, w); err != nil {
		return err
	}
	if len(ps.known) > maxKnown {
		clear(ps.known)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
