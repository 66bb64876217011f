package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"rosey/events"
	"rosey/streams"
)

// streamAccount is what the stream holds of one producer.
type streamAccount struct {
	present    spans
	erased     spans // missing, and the stream has as many holes where they belong
	duplicates uint64
	overflow   bool // more gaps than are kept

	firstSeq uint64 // stream sequence of its first message
	stopped  uint64 // its own sequence of bot.stopped
	holes    uint64 // holes of the stream before its last message
	begins   uint64 // and before its bot.started
}

// take counts one message of the producer.
func (a *streamAccount) take(n, streamSeq, holes uint64) {
	if last := a.present.last(); n > last+1 && holes-a.holes >= n-1-last {
		a.erased = a.erased.plus(spans{{last + 1, n - 1}})
	}
	if a.firstSeq == 0 {
		a.firstSeq = streamSeq
	}
	fresh, fits := a.present.add(n)
	if !fresh {
		a.duplicates++
	}
	a.overflow = a.overflow || !fits
	a.holes = holes
}

// began is what a producer's bot.started says.
type began struct {
	channel     string
	previous    string
	previousSeq uint64
}

// scan is one read of the stream's message ids.
type scan struct {
	stream    *streams.Stream
	first     uint64
	end       uint64
	producers map[string]*streamAccount
	began     map[string]began

	next       uint64 // the sequence that should come now
	holes      uint64 // sequences that the stream no longer holds, so far
	deleted    spans  // what the server says was erased
	missing    spans  // what did not come, and the server does not call erased
	overflow   bool   // missing has too many gaps to be kept
	unnumbered uint64
	unreadable uint64
	setAside   uint64
	given      spans      // the sequences that operators gave up
	givenFor   uint64     // the highest checkpoint of a database for which they did
	full       fullSpools // the observations that ended for want of room

	// oldest is when the first message after the checkpoint was stored.
	oldest time.Time
}

func newScan(s *streams.Stream, state streams.State, deleted spans) *scan {
	return &scan{
		stream: s, first: state.FirstSeq, end: state.LastSeq, next: 1, deleted: deleted,
		producers: map[string]*streamAccount{}, began: map[string]began{},
	}
}

// stallLimit is how long the server may be silent in the middle of a read. A reader
// that is answered and given nothing says so before.
const stallLimit = time.Minute

// read reads all message ids up to the end. at is called once, when everything
// up to the checkpoint and nothing beyond it has been counted.
func (sc *scan) read(ctx context.Context, checkpoint uint64, at func()) error {
	reached := false
	reach := func() {
		if !reached {
			reached = true
			at()
		}
	}
	err := sc.each(ctx, streams.ReadOptions{From: sc.first, UpTo: sc.end, HeadersOnly: true}, func(m streams.Message) {
		if m.Seq > checkpoint {
			if !reached {
				// What was erased right behind the checkpoint is none of the database's.
				sc.skip(checkpoint + 1)
				sc.oldest = m.Time
			}
			reach()
		}
		sc.count(m)
	})
	if err != nil {
		return err
	}
	sc.skip(sc.end + 1)
	reach()
	return sc.beginnings(ctx)
}

// skip goes on at a sequence. What lies between did not come: it was erased, or
// is before the stream's beginning, or is missing.
func (sc *scan) skip(to uint64) {
	if to <= sc.next {
		return
	}
	from := max(sc.next, sc.first)
	if to > from {
		behind := sort.Search(len(sc.deleted), func(i int) bool { return sc.deleted[i][1] >= from })
		gone := spans{{from, to - 1}}.minus(sc.deleted[behind:])
		sc.holes -= gone.size()
		sc.overflow = sc.overflow || len(sc.missing)+len(gone) > maxSpans
		if !sc.overflow {
			sc.missing = append(sc.missing, gone...)
		}
	}
	sc.holes += to - sc.next
	sc.next = to
}

func (sc *scan) count(m streams.Message) {
	sc.skip(m.Seq)
	sc.next = m.Seq + 1
	kind, _, _ := events.ParseSubject(m.Subject)
	switch kind {
	case events.KindBotUnreadable:
		sc.unreadable++
	case events.KindBotSetAside:
		sc.setAside++
	case events.KindGapAccepted, events.KindStreamAdopted:
		return // an operator's, whose place in the stream is its identity
	}
	producer, n, ok := events.ParseID(m.MsgID)
	if !ok {
		sc.unnumbered++
		return
	}
	a := sc.producers[producer]
	if a == nil {
		a = &streamAccount{}
		sc.producers[producer] = a
	}
	a.take(n, m.Seq, sc.holes)
	switch kind {
	case events.KindBotStarted:
		a.begins = sc.holes
	case events.KindBotStopped:
		a.stopped = n
	}
}

// beginnings reads what each run says about the one before it, why the line was
// given up, and what operators gave up of the stream.
func (sc *scan) beginnings(ctx context.Context) error {
	o := streams.ReadOptions{From: sc.first, UpTo: sc.end}
	for _, kind := range []events.Kind{events.KindBotStarted, events.KindBotDisconnected} {
		o.Subjects = append(o.Subjects, events.Subject(kind), events.Subject(kind)+".*")
	}
	o.Subjects = append(o.Subjects, events.Subject(events.KindGapAccepted))
	return sc.each(ctx, o, func(m streams.Message) {
		kind, _, _ := events.ParseSubject(m.Subject)
		producer, _, ok := events.ParseID(m.MsgID)
		if !ok && kind != events.KindGapAccepted {
			return
		}
		e, err := events.Decode(kind, m.Data)
		if err != nil {
			return // a dead letter, which has a check of its own
		}
		switch p := e.Payload.(type) {
		case *events.BotStarted:
			sc.began[producer] = began{channel: e.Channel, previous: p.Previous, previousSeq: uint64(max(p.PreviousSeq, 0))}
		case *events.BotDisconnected:
			if p.Reason == events.ReasonSpoolFull {
				sc.full.note(1, p.ObservedMS)
			}
		case *events.GapAccepted:
			if p.FirstSeq > 0 && p.LastSeq >= p.FirstSeq {
				sc.given = sc.given.plus(spans{{uint64(p.FirstSeq), uint64(p.LastSeq)}})
				sc.givenFor = max(sc.givenFor, uint64(max(p.CheckpointSeq, 0)))
			}
		}
	})
}

var errStalled = errors.New("the server stopped answering")

func (sc *scan) each(ctx context.Context, o streams.ReadOptions, f func(streams.Message)) error {
	if sc.first > sc.end {
		return nil // nothing is stored
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A reader waits for a lost server for ever; who asks for a verdict does not.
	stall := time.AfterFunc(stallLimit, func() { cancel(errStalled) })
	defer stall.Stop()
	r, err := sc.stream.Reader(ctx, o)
	if err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	defer r.Close()
	for n := 0; ; n++ {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause // the reader says no more than that it was told to end
			}
			return fmt.Errorf("doctor: %w", err)
		}
		if n%1024 == 0 {
			stall.Reset(stallLimit)
		}
		f(m)
	}
}
