package spool

import (
	"context"
	"fmt"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestDrain_LostAnswerIsSettledByLooking(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"single": 1, "batch": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			shortenWindow(t, env)
			s, producer := newSpool(t, nil)
			put(t, s, said("before"))
			app := &faulty{Appender: env.Stream}
			drainAll(t, s, app)

			evs := make([]*events.Event, n)
			for i := range evs {
				evs[i] = said(fmt.Sprint("line ", i))
			}
			put(t, s, evs...)
			app.next = []fault{faultNone, faultLostAck} // the state is asked for first
			appended := &waiting{faulty: app, after: func() { outlastWindow(t) }}
			drainAll(t, s, appended)
			put(t, s, said("after"))
			drainAll(t, s, app)
			checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n+2))
			if app.looks != 1 || app.afters[0] != 1 {
				t.Errorf("looked %d times, from %v, want once, from the last acknowledgement", app.looks, app.afters)
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
	shortenWindow(t, env)
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
	outlastWindow(t)

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
