package projector

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"rosey/events"
	"rosey/schema"
)

// polls projects polls. They have a natural key, so any recorder may tell of
// them; what closes unseen is judged by the leader alone.
type polls struct {
	open   map[string]*poll   // by channel: the one that is open
	opened map[string][]int64 // by channel: when each one opened, in order
	known  map[pollKey]*poll
	dirty  []*poll
}

type pollKey struct {
	channel, initiator string
	openedMS           int64
}

type poll struct {
	key       pollKey
	initiator string
	title     string
	options   string
	counts    string
	closedMS  *int64
	closedBy  string
	firstSeq  uint64
	lastSeq   uint64
	dirty     bool
}

const pollColumns = "title, options, counts, closed_ms, closed_by, first_seq, last_seq"

func newPolls() projection {
	return &polls{open: map[string]*poll{}, opened: map[string][]int64{}, known: map[pollKey]*poll{}}
}

func (p *polls) scan(r interface{ Scan(...any) error }) (*poll, error) {
	var po poll
	var closed sql.NullInt64
	var by sql.NullString
	err := r.Scan(&po.key.channel, &po.key.openedMS, &po.initiator, &po.title, &po.options, &po.counts, &closed, &by, &po.firstSeq, &po.lastSeq)
	if err != nil {
		return nil, err
	}
	po.key.initiator = foldName(po.initiator)
	if closed.Valid {
		po.closedMS, po.closedBy = &closed.Int64, by.String
	}
	p.known[po.key] = &po
	return &po, nil
}

const pollSelect = "SELECT channel, opened_ms, initiator, " + pollColumns + " FROM polls WHERE "

func (p *polls) load(ctx context.Context, q schema.Queryer) error {
	err := each(ctx, q, func(r *sql.Rows) error {
		var channel string
		var at int64
		err := r.Scan(&channel, &at)
		p.opened[channel] = append(p.opened[channel], at)
		return err
	}, "SELECT channel, opened_ms FROM polls ORDER BY channel, opened_ms")
	if err != nil {
		return err
	}
	return each(ctx, q, func(r *sql.Rows) error {
		po, err := p.scan(r)
		if err == nil {
			p.open[po.key.channel] = po
		}
		return err
	}, pollSelect+"closed_ms IS NULL ORDER BY channel")
}

// prepare brings polls that a batch mentions and that are not open any more.
func (p *polls) prepare(ctx context.Context, q schema.Queryer, batch []*fact) error {
	for _, f := range batch {
		k, ok := keyOfPoll(f)
		if !ok || p.known[k] != nil {
			continue
		}
		_, err := p.scan(q.QueryRowContext(ctx, pollSelect+"channel = ? AND opened_ms = ? AND initiator = ?", k.channel, k.openedMS, k.initiator))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("polls: look up a poll: %w", err)
		}
	}
	return nil
}

func keyOfPoll(f *fact) (pollKey, bool) {
	switch e := f.Payload.(type) {
	case *events.Poll:
		return pollKey{f.Channel, foldName(e.Initiator), e.OpenedMS}, true
	case *events.PollClosed:
		return pollKey{f.Channel, foldName(e.Initiator), e.OpenedMS}, true
	}
	return pollKey{}, false
}

func (p *polls) fold(f *fact) error {
	switch e := f.Payload.(type) {
	case *events.Poll:
		return p.tell(f, e)
	case *events.PollClosed:
		k, _ := keyOfPoll(f)
		po := p.known[k]
		if po == nil && e.OpenedMS == 0 {
			po = p.open[f.Channel]
		}
		if po != nil && po.closedMS == nil {
			p.close(po, f.at, "closed", f.seq)
		}
	case *events.UserRoster:
		// The roster ends the burst of a join: a poll that did not come with it
		// closed while nobody looked.
		if po := p.open[f.Channel]; po != nil && f.leading && f.watch.resumed && po.lastSeq < f.watch.connectedSeq {
			p.close(po, f.watch.lastMS, "unobserved", f.seq)
		}
	}
	return nil
}

// tell takes a poll as it was told. A poll that has closed stays as it closed,
// whatever another recorder tells later.
func (p *polls) tell(f *fact, e *events.Poll) error {
	k, _ := keyOfPoll(f)
	po := p.known[k]
	if po != nil && po.closedMS != nil {
		return nil
	}
	options, err := json.Marshal(append([]string{}, e.Options...))
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	counts := "[]"
	if len(e.Counts) > 0 {
		var list []json.RawMessage
		if err := json.Unmarshal(e.Counts, &list); err != nil {
			return fmt.Errorf("counts: %w", err)
		}
		canonical, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("counts: %w", err)
		}
		counts = string(canonical)
	}
	if po == nil {
		po = &poll{key: k, initiator: e.Initiator, firstSeq: f.seq}
		p.known[k] = po
		p.follow(po, f.seq)
	}
	po.title, po.options, po.counts, po.lastSeq = e.Title, string(options), counts, f.seq
	p.touch(po)
	return nil
}

// follow puts a poll not seen before in its place. A channel has one poll at a
// time: the next one closes it, even where that one was told of first.
func (p *polls) follow(po *poll, seq uint64) {
	channel, opened := po.key.channel, p.opened[po.key.channel]
	i, _ := slices.BinarySearch(opened, po.key.openedMS+1)
	later := slices.Clone(opened[i:])
	p.opened[channel] = slices.Insert(opened, i, po.key.openedMS)
	if len(later) > 0 {
		p.close(po, later[0], "replaced", seq)
		return
	}
	if old := p.open[channel]; old != nil {
		p.close(old, po.key.openedMS, "replaced", seq)
	}
	p.open[channel] = po
}

func (p *polls) close(po *poll, at int64, by string, seq uint64) {
	po.closedMS, po.closedBy, po.lastSeq = &at, by, seq
	if p.open[po.key.channel] == po {
		delete(p.open, po.key.channel)
	}
	p.touch(po)
}

func (p *polls) touch(po *poll) {
	if !po.dirty {
		po.dirty = true
		p.dirty = append(p.dirty, po)
	}
}

// maxKnownPolls bounds how many closed polls stay in memory between batches.
const maxKnownPolls = 256

func (p *polls) flush(ctx context.Context, w *writer) error {
	b := &bulk{head: "INSERT INTO polls (channel, opened_ms, initiator, " + pollColumns + ") VALUES", cols: 10, tail: upsert("channel, opened_ms, initiator", pollColumns)}
	for _, po := range p.dirty {
		po.dirty = false
		var by any
		if po.closedMS != nil {
			by = po.closedBy
		}
		b.add(po.key.channel, po.key.openedMS, po.initiator, po.title, po.options, po.counts, optional(po.closedMS), by, int64(po.firstSeq), int64(po.lastSeq))
	}
	p.dirty = p.dirty[:0]
	if len(p.known) > maxKnownPolls {
		clear(p.known)
		for _, po := range p.open {
			p.known[po.key] = po
		}
	}
	return b.flush(ctx, w)
}
