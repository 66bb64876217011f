package spool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestDrain_LostAnswerIsSettledByLooking(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		n     int
		fault int    // how many appends go well before
		from  uint64 // what is looked through
	}{
		"single": {n: 1}, "third of a few": {n: 5, fault: 2, from: 2}, "batch": {n: 50},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := tt.n
			env := streamstest.New(t)
			s, producer := newSpool(t, nil)
			put(t, s, said("before"))
			app := &faulty{Appender: env.Stream}
			drainAll(t, s, app)

			evs := make([]*events.Event, n)
			for i := range evs {
				evs[i] = said(fmt.Sprint("line ", i))
			}
			put(t, s, evs...)
			app.next = append(make([]fault, 1+tt.fault), faultLostAck) // the state is asked for first
			appended := &waiting{faulty: app, after: func() { forget(t, env) }}
			drainAll(t, s, appended)
			put(t, s, said("after"))
			drainAll(t, s, app)
			checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n+2))
			if app.looks != 1 || app.afters[0] != tt.from {
				t.Errorf("looked %d times, from %v, want once, from the last acknowledged event, after %d", app.looks, app.afters, tt.from)
			}
		})
	}
}

// waiting lets time pass after each append.
type waiting struct {
	*faulty
	after func()
}

func (w *waiting) Append(ctx context.Context, m streams.AppendMessage) (streams.Ack, error) {
	defer w.after()
	return w.faulty.Append(ctx, m)
}

func (w *waiting) AppendBatch(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	defer w.after()
	return w.faulty.AppendBatch(ctx, batch)
}

func TestDrain_ServerRestartsLoseNothing(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	shortenWindow(t, env)
	s, producer := newSpool(t, nil)
	stop := startDrain(t, s, env.Stream)
	const n = 600
	restarted := make(chan error, 1)
	go func() {
		var err error
		for range 3 {
			if e := env.Server.Restart(context.Background()); e != nil {
				err = e
			}
		}
		restarted <- err
	}()
	for i := range n {
		put(t, s, said(fmt.Sprint("line ", i)))
	}
	if err := <-restarted; err != nil {
		t.Fatalf("restart: %v", err)
	}
	settle(t, s)
	stop()
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n))
}

func TestDrain_StoppedInTheMiddleGoesOn(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	const n = 3000
	for from := 0; from < n; from += 500 {
		evs := make([]*events.Event, 500)
		for i := range evs {
			evs[i] = said(fmt.Sprint("line ", from+i))
		}
		put(t, s, evs...)
	}
	// The first batch is stored, its answer is lost, and so is the process.
	drainSteps(t, s, &faulty{Appender: env.Stream, next: []fault{faultNone, faultLostAck}}, 1)
	closeSpool(t, s)
	forget(t, env)

	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	app := &faulty{Appender: env.Stream}
	drainAll(t, s, app)
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n))
	if app.looks != 2 {
		t.Errorf("looked %d times, want 2: for the batch that is there and the one that is not", app.looks)
	}
}

func TestDrain_DuplicateInBatchGoesSingly(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, producer := newSpool(t, nil)
	s.maxSingly = 1
	evs := []*events.Event{said("one"), said("two"), said("three")}
	put(t, s, evs...)
	// The server remembers the first event, and nobody told the spool.
	st, err := s.head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env.Append(t, streams.AppendMessage{Subject: st[0].subject, MsgID: st[0].eventID(), Data: st[0].data})
	app := &faulty{Appender: env.Stream}
	drainAll(t, s, app)
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, 3))
	if app.batches != 1 || app.singles != 2 {
		t.Errorf("%d batches and %d single appends, want 1 and 2", app.batches, app.singles)
	}
}

func TestDrain_AnotherStreamIsSearchedFromItsStart(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	old := newMemory()
	put(t, s, said("one"), said("two"), said("three"))
	drainAll(t, s, old)

	put(t, s, said("four"))
	replaced := newMemory()
	replaced.id = "another"
	app := &faulty{Appender: replaced, next: []fault{faultNone, faultLostAck}}
	drainAll(t, s, app)
	checkIDs(t, replaced.ids(), []string{events.MakeID(producer, 4)})
	if len(app.afters) != 1 || app.afters[0] != 0 {
		t.Errorf("looked from %v, want from 0: the last acknowledgement was another stream's", app.afters)
	}
	if st, _ := s.snapshot(); st.streamID != "another" || st.lastStreamSeq != 1 {
		t.Errorf("last acknowledgement is %d of %s", st.lastStreamSeq, st.streamID)
	}
}

func TestDrain_RestoredStreamIsSearchedFromItsStart(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	stream := newMemory()
	put(t, s, said("one"), said("two"), said("three"))
	drainAll(t, s, stream)
	stream.mu.Lock()
	stream.messages = stream.messages[:1]
	stream.mu.Unlock()

	put(t, s, said("four"))
	drainAll(t, s, &faulty{Appender: stream, next: []fault{faultNone, faultLostAck}})
	checkIDs(t, stream.ids(), []string{events.MakeID(producer, 1), events.MakeID(producer, 4)})
}

// Where the last acknowledged event was, a stream that was restored and has grown
// since has another one; what is looked for may lie before it.
func TestDrain_RestoredStreamThatHasGrownIsSearchedFromItsStart(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	stream := newMemory()
	put(t, s, said("one"), said("two"), said("three"))
	drainAll(t, s, stream)
	stream.messages = stream.messages[:1]

	put(t, s, said("four"))
	drainSteps(t, s, &faulty{Appender: stream, next: []fault{faultNone, faultLostAck}}, 1)
	for i := range 5 {
		stream.messages = append(stream.messages, streams.AppendMessage{MsgID: events.MakeID("another", uint64(i+1))})
	}
	drainAll(t, s, stream)
	if got := stream.ids(); got[1] != events.MakeID(producer, 4) || len(got) != 7 {
		t.Errorf("the stream holds %v, want the fourth event once", got)
	}
}

// Without atomic batches every event is acknowledged by itself, and each of the
// answers may be the one that is lost, at any distance in time.
func TestDrain_SinglyInOrderAndNothingTwice(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	forbidBatches(t, env)
	s, producer := newSpool(t, nil)
	const n = 300
	evs := make([]*events.Event, n)
	for i := range evs {
		evs[i] = said(fmt.Sprint("line ", i))
	}
	put(t, s, evs...)
	app := &losing{Stream: env.Stream, every: 97, after: func() { forget(t, env) }}
	stop := startDrain(t, s, app)
	for i := range 20 {
		put(t, s, said(fmt.Sprint("meanwhile ", i)))
	}
	settle(t, s)
	stop()
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n+20))
	if app.lost == 0 {
		t.Error("no answer was lost")
	}
}

// forbidBatches makes the stream one without atomic batches.
func forbidBatches(t testing.TB, env *streamstest.Env) {
	t.Helper()
	js := env.Conn.JetStream()
	stream, err := js.Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatalf("look up stream: %v", err)
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatalf("forbid batches: %v", err)
	}
}

// losing is a stream that appends one by one, of whose answers some get lost; of
// the events of a batch those before are acknowledged.
type losing struct {
	*streams.Stream
	every, count, lost int
	after              func()
}

func (l *losing) Append(ctx context.Context, m streams.AppendMessage) (streams.Ack, error) {
	ack, err := l.Stream.Append(ctx, m)
	if l.count++; err != nil || l.count%l.every != 0 {
		return ack, err
	}
	l.lost++
	l.after()
	return streams.Ack{}, fmt.Errorf("test: %w", streams.ErrUncertain)
}

func (l *losing) AppendBatch(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	var acks []streams.Ack
	for _, m := range batch {
		ack, err := l.Append(ctx, m)
		if err != nil {
			return acks, err
		}
		acks = append(acks, ack)
	}
	return acks, nil
}

// An older state of the stream comes back, and the spool has deleted what was
// acknowledged: that is lost from the stream, and nothing else is.
func TestDrain_GoesOnWithARestoredStream(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	put(t, s, said("one"), said("two"), said("three"))
	drainAll(t, s, env.Stream)
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{2, 3} {
		if err := js.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	forget(t, env)
	put(t, s, said("four"), said("five"))
	drainSteps(t, s, &faulty{Appender: env.Stream, next: []fault{faultNone, faultLostAck}}, 1)
	closeSpool(t, s)

	s = openSpool(t, cfg) // looks for what may have been sent
	defer closeSpool(t, s)
	drainAll(t, s, env.Stream)
	checkIDs(t, storedIDs(t, env.Stream), []string{events.MakeID(producer, 1), events.MakeID(producer, 4), events.MakeID(producer, 5)})
}

// A stream that cannot be read where the events are to be looked for is as good as none:
// they wait, that is said, and they go once it can be read.
func TestDrain_AnUnreadableStreamIsAnOutage(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithSync())
	env.FillBlock(t)
	before := len(storedIDs(t, env.Stream))
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	put(t, s, said("one"), said("two"))
	closeSpool(t, s)

	mend := env.DamageBlock(t, 1, time.Second)
	s = openSpool(t, cfg) // and does not know whether they went
	t.Cleanup(func() { closeSpool(t, s) })
	stop := startDrain(t, s, env.Stream)
	defer stop()
	waitUntil(t, func() bool {
		_, err := s.Failing()
		return errors.Is(err, streams.ErrUnreadable)
	})
	if n := s.Depth().Events; n != 2 {
		t.Errorf("%d events wait, want 2", n)
	}
	mend()
	settle(t, s)
	checkIDs(t, storedIDs(t, env.Stream)[before:], idsOf(producer, 2))
}
