package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rosey/events"
	"rosey/streams"
)

// eventRange says which events are exported.
type eventRange struct {
	From uint64 `help:"First sequence." placeholder:"SEQ"`
	To   uint64 `help:"Last sequence. Default: the last one now." placeholder:"SEQ"`
	kindFlag
	Parts bool `help:"Leave events in numbered parts (bot.part) as they are stored, instead of joining them."`
}

func (r eventRange) set() bool { return r.From > 0 || r.To > 0 || len(r.Kind) > 0 || r.Parts }

// eventExport writes a range of the stream. An event in parts counts where its
// last part is, so that ranges that follow each other hold every event once.
type eventExport struct {
	eventRange
	stream  *streams.Stream
	out     *bufio.Writer
	line    []byte
	written uint64

	open map[string]*openParts // by the id of the whole event
	lost []string              // events in parts that could not be joined
}

// openParts are the parts of one event that have come so far.
type openParts struct {
	parts []*events.BotPart
	first uint64 // sequence of the first one
}

// lookBack is how far before the range the first part of an event is looked for.
// Parts lie next to each other unless several bots record at once.
const lookBack = 100_000

func (x *eventExport) run(ctx context.Context) error {
	state, err := x.stream.State(ctx)
	if err != nil {
		return err
	}
	if x.From > state.LastSeq+1 {
		return advise(fmt.Errorf("export: the stream ends with seq=%d", state.LastSeq), "rosey export events --from %d", max(state.LastSeq, 1))
	}
	if x.To > 0 && x.To < max(x.From, state.FirstSeq) {
		return nil
	}
	x.open = map[string]*openParts{}
	var also []events.Kind
	if x.joins() {
		also = append(also, events.KindBotPart)
	}
	return x.each(ctx, streams.ReadOptions{From: x.From, UpTo: x.To, StopAtEnd: true, Subjects: x.subjects(also...)}, func(m streams.Message) error {
		return x.message(ctx, m)
	})
}

// joins reports whether events in parts become whole.
func (x *eventExport) joins() bool {
	// Who asks for the parts themselves gets those.
	return !x.Parts && (len(x.Kind) == 0 || !x.matches(events.KindBotPart))
}

func (x *eventExport) each(ctx context.Context, o streams.ReadOptions, f func(streams.Message) error) error {
	r, err := x.stream.Reader(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(m); err != nil {
			return err
		}
	}
}

func (x *eventExport) message(ctx context.Context, m streams.Message) error {
	kind, _, _ := events.ParseSubject(m.Subject)
	if kind == events.KindBotPart && x.joins() {
		if e, err := events.Decode(kind, m.Data); err == nil {
			return x.part(ctx, m, e.Payload.(*events.BotPart))
		}
	}
	if !x.matches(kind) {
		return nil
	}
	return x.write(m, m.Subject, m.Data)
}

func (x *eventExport) write(m streams.Message, subject string, data []byte) error {
	x.written++
	x.line = appendEvent(x.line[:0], m.Seq, subject, m.Time, data)
	if _, err := x.out.Write(x.line); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// part keeps a part, and writes the whole event with the last one. A part that
// belongs to nothing is written as it is.
func (x *eventExport) part(ctx context.Context, m streams.Message, p *events.BotPart) error {
	have := x.open[p.Of]
	if have == nil && p.Part > 1 {
		var err error
		if have, err = x.earlier(ctx, m.Seq, p); err != nil {
			return err
		}
	}
	if have == nil {
		have = &openParts{first: m.Seq}
	}
	switch n := int64(len(have.parts)); {
	case p.Of == "" || p.Part > n+1 || p.Part < 1 || p.Part > p.Parts:
		return x.stray(m, p)
	case p.Part <= n:
		return nil // the same part again
	}
	have.parts = append(have.parts, p)
	x.open[p.Of] = have
	if p.Part < p.Parts {
		return nil
	}
	delete(x.open, p.Of)
	e, err := events.JoinParts(have.parts)
	if err != nil {
		return x.stray(m, p)
	}
	if !x.matches(e.Kind) {
		return nil
	}
	subject := events.Subject(e.Kind)
	if m.Subject != events.Subject(events.KindBotPart) { // it names its channel
		subject = events.SubjectFor(e.Kind, e.Channel)
	}
	var whole strings.Builder
	for _, p := range have.parts {
		whole.WriteString(p.Data)
	}
	return x.write(m, subject, []byte(whole.String()))
}

// stray writes a part as it is: nothing that is stored is left out.
func (x *eventExport) stray(m streams.Message, p *events.BotPart) error {
	x.lost = append(x.lost, fmt.Sprintf("seq=%d (part %d of %d of %q)", m.Seq, p.Part, p.Parts, p.Of))
	if len(x.Kind) > 0 && !x.matches(p.Whole) {
		return nil
	}
	return x.write(m, m.Subject, m.Data)
}

// earlier finds the parts of an event that lie before the range.
func (x *eventExport) earlier(ctx context.Context, seq uint64, p *events.BotPart) (*openParts, error) {
	if x.From <= 1 || seq <= 1 {
		return nil, nil
	}
	from := uint64(1)
	if seq > lookBack {
		from = seq - lookBack
	}
	var have *openParts
	part := events.Subject(events.KindBotPart)
	err := x.each(ctx, streams.ReadOptions{From: from, UpTo: seq - 1, StopAtEnd: true, Subjects: []string{part, part + ".>"}}, func(m streams.Message) error {
		e, err := events.Decode(events.KindBotPart, m.Data)
		if err != nil {
			return nil // not one of those looked for
		}
		b := e.Payload.(*events.BotPart)
		if b.Of != p.Of {
			return nil
		}
		if have == nil {
			have = &openParts{first: m.Seq}
		}
		if b.Part == int64(len(have.parts)+1) {
			have.parts = append(have.parts, b)
		}
		return nil
	})
	return have, err
}

// incomplete says which events in parts are not in the export as whole ones,
// empty for none.
func (x *eventExport) incomplete() string {
	var list []string
	if len(x.lost) > 0 {
		list = append(list, fmt.Sprintf("%d parts belong to no whole event and are written as they are, the first at %s", len(x.lost), x.lost[0]))
	}
	if n := len(x.open); n > 0 {
		first := uint64(0)
		for _, p := range x.open {
			if first == 0 || p.first < first {
				first = p.first
			}
		}
		list = append(list, fmt.Sprintf("%d events in parts do not end within the range, the first begins at seq=%d; --parts writes the parts", n, first))
	}
	return strings.Join(list, "; ")
}
