package projector

import (
	"context"
	"database/sql"
	"slices"

	"rosey/events"
	"rosey/schema"
)

// parts puts events together that were too large for one message. What has come
// so far is kept in a table: the rest may come in another batch.
type parts struct {
	open  map[string][]*events.BotPart
	fresh []partRow
	done  []string
}

type partRow struct {
	part *events.BotPart
	seq  uint64
}

func (p *parts) load(ctx context.Context, q schema.Queryer) error {
	*p = parts{open: map[string][]*events.BotPart{}}
	return each(ctx, q, func(r *sql.Rows) error {
		var b events.BotPart
		if err := r.Scan(&b.Of, &b.Part, &b.Parts, (*string)(&b.Whole), &b.Data); err != nil {
			return err
		}
		p.open[b.Of] = append(p.open[b.Of], &b)
		return nil
	}, `SELECT of, part, parts, kind, data FROM event_parts ORDER BY of, part`)
}

// take adds a part. It returns the whole event with its last part, nil before.
func (p *parts) take(it *Item, b *events.BotPart) (*events.Event, *Failure) {
	have := p.open[b.Of]
	if b.Part != int64(len(have)+1) || b.Part > b.Parts || b.Of == "" {
		return nil, &Failure{ClassParts, "a part before it is missing"}
	}
	have = append(have, b)
	if b.Part < b.Parts {
		p.open[b.Of] = have
		p.fresh = append(p.fresh, partRow{b, it.Msg.Seq})
		return nil, nil
	}
	p.finish(b.Of)
	whole, err := events.JoinParts(have)
	if err != nil {
		return nil, &Failure{ClassParts, err.Error()}
	}
	if reason := unfit(whole); reason != "" {
		return nil, &Failure{ClassParts, reason}
	}
	return whole, nil
}

// finish forgets the parts of an event, whether or not it came to anything.
func (p *parts) finish(of string) {
	delete(p.open, of)
	// Parts that came with this batch need no rows; the same name may come again.
	p.fresh = slices.DeleteFunc(p.fresh, func(r partRow) bool { return r.part.Of == of })
	p.done = append(p.done, of)
}

func (p *parts) flush(ctx context.Context, w *writer) error {
	for _, of := range p.done {
		if err := w.exec(ctx, "DELETE FROM event_parts WHERE of = ?", of); err != nil {
			return err
		}
	}
	b := &bulk{head: "INSERT INTO event_parts (of, part, parts, kind, seq, data) VALUES", cols: 6}
	for _, r := range p.fresh {
		b.add(r.part.Of, r.part.Part, r.part.Parts, string(r.part.Whole), int64(r.seq), r.part.Data)
	}
	p.fresh, p.done = nil, nil
	return b.flush(ctx, w)
}
