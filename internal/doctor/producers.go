package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rosey/events"
	"rosey/projector"
)

// disagreement is how the database differs from the stream at its checkpoint.
type disagreement struct {
	lacks  uint64 // the stream holds them, the tables do not
	extra  uint64 // the tables hold them, and no hole in the stream explains why it does not
	copies bool   // the numbers of copies differ
}

func (d disagreement) any() bool { return d.lacks > 0 || d.extra > 0 || d.copies }

func (d disagreement) String() string {
	var parts []string
	if d.lacks > 0 {
		parts = append(parts, fmt.Sprintf("the tables lack %s that the stream holds", plural(int(d.lacks), "event")))
	}
	if d.extra > 0 {
		parts = append(parts, fmt.Sprintf("the tables hold %s that the stream does not", plural(int(d.extra), "event")))
	}
	if d.copies {
		parts = append(parts, "the tables count another number of copies than the stream holds")
	}
	return strings.Join(parts, "; ")
}

// compare is called when the scan stands at the database's checkpoint.
func (e *examination) compare(ctx context.Context) {
	e.disagree = map[string]disagreement{}
	// What the tables know by a number in its body alone is among these.
	unnumbered := e.scan.unnumbered
	for name, s := range e.scan.producers {
		t := e.tables.positions[name]
		if t == nil {
			if !e.numberedInBody(ctx, s.firstSeq) {
				continue
			}
			e.disagree[name] = disagreement{lacks: s.present.size()}
			continue
		}
		d := disagreement{lacks: s.present.minus(t.present).size(), extra: t.present.minus(s.present).size()}
		if d.extra <= e.scan.holes {
			d.extra = 0
		}
		d.copies = t.duplicates != s.duplicates && e.scan.holes == 0
		if s.overflow {
			d = disagreement{}
		}
		if d.any() {
			e.disagree[name] = d
		}
	}
	for name, t := range e.tables.positions {
		if e.scan.producers[name] != nil {
			continue
		}
		n := t.present.size() + t.duplicates
		switch {
		case n <= e.scan.holes:
		case n <= unnumbered:
			unnumbered -= n
		default:
			e.disagree[name] = disagreement{extra: t.present.size()}
		}
	}
}

// numberedInBody reports whether the tables should know a producer: they go by
// the id in the event itself, and a publisher may set one in the header alone.
func (e *examination) numberedInBody(ctx context.Context, seq uint64) bool {
	m, err := e.cfg.stream.Get(ctx, seq)
	if err != nil {
		return true
	}
	it := projector.Decode(events.NewDecoder(), *m)
	if it.Event == nil {
		return true
	}
	_, _, ok := events.ParseID(it.Event.ID)
	return ok
}

// producers brings together what all sources know.
func (e *examination) producers() []Producer {
	names := map[string]bool{}
	if e.scan != nil {
		for name := range e.scan.producers {
			names[name] = true
		}
		for _, b := range e.scan.began {
			if b.previous != "" && b.previous != events.PreviousUnknown {
				names[b.previous] = true
			}
		}
	}
	if e.tables != nil {
		for name := range e.tables.positions {
			names[name] = true
		}
	}
	for name, run := range e.spooled {
		if run.last > 0 {
			names[name] = true
		}
	}
	tails := e.tails()
	list := make([]Producer, 0, len(names))
	for name := range names {
		t := tails[name]
		t.standby = e.standsBy(name)
		list = append(list, e.producer(name, t))
	}
	order := map[string]uint64{}
	if e.scan != nil {
		for name, a := range e.scan.producers {
			order[name] = a.firstSeq
		}
	}
	slices.SortFunc(list, func(a, b Producer) int {
		return cmp.Or(cmp.Compare(order[a.Producer], order[b.Producer]), strings.Compare(a.Producer, b.Producer))
	})
	return list
}

// tails says of each producer what others know about its end.
func (e *examination) tails() map[string]tail {
	tails := map[string]tail{}
	vouch := func(previous string, seq uint64) {
		if previous == "" || previous == events.PreviousUnknown {
			return
		}
		t := tails[previous]
		t.vouched, t.last = true, max(t.last, seq)
		tails[previous] = t
	}
	if e.scan != nil {
		for _, b := range e.scan.began {
			vouch(b.previous, b.previousSeq)
		}
	}
	if e.tables != nil {
		for _, a := range e.tables.positions {
			vouch(a.previous, a.previousSeq)
		}
	}
	for name, run := range e.spooled {
		t := tails[name]
		t.last = max(t.last, run.last)
		t.newest, t.waiting, t.vouched = run.newest && !run.open, run.waiting, t.vouched || !run.open
		t.open, t.upTo = run.open, run.last
		// Whatever waits was never sent: nobody can miss it yet.
		t.last -= min(t.last, run.waiting)
		tails[name] = t
	}
	for name, alive := range e.alive {
		t := tails[name]
		t.alive = alive
		tails[name] = t
	}
	return tails
}

func (e *examination) producer(name string, t tail) Producer {
	p := Producer{Producer: name, State: OK}
	var s *streamAccount
	var table *tableAccount
	if e.tables != nil {
		if table = e.tables.positions[name]; table != nil {
			p.Channel = table.channel
		}
	}
	if e.scan != nil {
		if s = e.scan.producers[name]; s == nil {
			s = &streamAccount{}
		}
		if b, ok := e.scan.began[name]; ok {
			p.Channel = b.channel
		}
	}
	if run, ok := e.spooled[name]; ok {
		p.Waiting = &run.waiting
	}
	var details []string
	if s != nil {
		explained := s.erased
		if e.wasErased(s, table) {
			// What the tables have applied was in the stream.
			explained = explained.plus(table.present)
		}
		p.Stream = newAccount(s.present, explained, s.duplicates)
		p.Stream.Verdict = judge(p.Stream, t, s.stopped > 0 && s.stopped == s.present.last(), e.erasedTail(name, s, table, t), e.givenUp(s))
		p.State = p.State.worse(p.Stream.Verdict.state())
		if s.overflow {
			details = append(details, "its numbers have too many gaps to be kept")
		}
		details = append(details, e.explain(name, p.Stream, t)...)
	}
	if e.tables != nil {
		p.Tables = e.tableVerdict(table, s, t)
		if p.Stream == nil || p.Tables.Verdict != p.Stream.Verdict {
			p.State = p.State.worse(p.Tables.Verdict.state())
		}
	}
	if e.disagree != nil {
		d := e.disagree[name]
		agree := !d.any()
		p.Agree = &agree
		if !agree {
			p.State = Wrong
			details = append(details, d.String())
		}
	}
	p.Detail = strings.Join(details, "; ")
	return p
}

// tableVerdict judges the database alone; it cannot be blamed for what lies
// beyond its checkpoint.
func (e *examination) tableVerdict(table *tableAccount, s *streamAccount, t tail) *Account {
	if table == nil {
		table = &tableAccount{}
	}
	var erased spans
	stopped := false
	if s != nil {
		erased = s.erased
		stopped = s.stopped > 0 && s.stopped == table.present.last()
	}
	a := newAccount(table.present, erased, table.duplicates)
	a.Verdict = judge(a, t, stopped, 0, e.givenUp(s))
	if s != nil && (a.Verdict == VerdictTailMissing || a.Verdict == VerdictUnaccounted || a.Verdict == VerdictComplete) &&
		s.present.last() > a.Last && e.behind() {
		a.Verdict = VerdictBehind
	}
	return a
}

// wasErased reports whether the tables can speak for what the stream lacks: they
// are of this stream, and it has as many holes. One that was restored to an older
// state has none.
func (e *examination) wasErased(s *streamAccount, table *tableAccount) bool {
	return table != nil && e.related && table.present.minus(s.present).size() <= e.scan.holes
}

// erasedTail is how many sequences after the last one may have been erased: what
// the tables still have, or as many as the stream has holes up to the next run or
// the end.
func (e *examination) erasedTail(name string, s *streamAccount, table *tableAccount, t tail) uint64 {
	var n uint64
	if t.newest {
		n = e.scan.holes - s.holes
	}
	if e.wasErased(s, table) && table.present.last() > s.present.last() {
		n = table.present.last() - s.present.last()
	}
	for next, b := range e.scan.began {
		if a := e.scan.producers[next]; b.previous == name && a != nil && a.begins > s.holes {
			n = max(n, a.begins-s.holes)
		}
	}
	return n
}

// givenUp is how many events of a producer may lie in what operators gave up: the
// beginning of the stream, so that nothing of it comes after.
func (e *examination) givenUp(s *streamAccount) uint64 {
	if s == nil || s.firstSeq > 0 {
		return 0
	}
	return e.scan.given.size()
}

// explain says what is behind a verdict on the stream.
func (e *examination) explain(name string, a *Account, t tail) []string {
	var list []string
	switch a.Verdict {
	case VerdictGaps:
		list = append(list, fmt.Sprintf("%s missing: %s", plural(int(a.Missing), "event is", "events are"), spansText(a.Gaps, 5)))
	case VerdictTailMissing:
		list = append(list, fmt.Sprintf("it went up to %d, and nothing after %d is there", t.last, a.Last))
	case VerdictGivenUp:
		list = append(list, fmt.Sprintf("it went up to %d; an operator gave up what is not there", t.last))
	case VerdictUnaccounted:
		text := "nobody says where it ended"
		switch {
		case t.open:
			text = fmt.Sprintf("its spool was restored from a backup that was taken while it ran, at %d of its events: what it recorded after that is not here", t.upTo)
		case e.unknownNext:
			text = "no later run vouches for its end; one says that it does not know"
		}
		list = append(list, text)
		if e.holders[name] {
			list = append(list, "it has the right to record, and its spool is not in the data folder")
		}
	case VerdictStandby:
		list = append(list, "another run records the channel")
	}
	if t.waiting > 0 {
		list = append(list, plural(int(t.waiting), "event waits", "events wait")+" in the spool")
	}
	if a.Erased > 0 {
		list = append(list, plural(int(a.Erased), "event was", "events were")+" erased from the stream")
	}
	return list
}

// spansText shows the first runs of a set.
func spansText(s []Span, limit int) string {
	var parts []string
	for i, r := range s {
		if i == limit {
			parts = append(parts, fmt.Sprintf("and %d more", len(s)-limit))
			break
		}
		if r[0] == r[1] {
			parts = append(parts, fmt.Sprint(r[0]))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", r[0], r[1]))
	}
	return strings.Join(parts, ", ")
}

// GapsText shows the first gaps of an account, "-" for none.
func (a *Account) GapsText() string {
	if len(a.Gaps) == 0 {
		return "-"
	}
	return spansText(a.Gaps, 3)
}
