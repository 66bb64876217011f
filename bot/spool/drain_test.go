package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestDrain_SendsInOrderWhatIsPut(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, producer := newSpool(t, nil)
	stop := startDrain(t, s, env.Stream)
	defer stop()
	put(t, s, said("one"))
	put(t, s, said("two"), said("three"))
	settle(t, s)

	list := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{})
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, 3))
	for i, want := range []string{"one", "two", "three"} {
		e, err := events.Decode(events.KindMessageLog, list[i].Data)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if got := e.Payload.(*events.MessageLog).Message; got != want || e.ID != list[i].MsgID || e.Channel != "lobby" {
			t.Errorf("event %d is %q with id %q in channel %q, want %q with id %q in the spool's channel",
				i, got, e.ID, e.Channel, want, list[i].MsgID)
		}
		if list[i].Subject != "rosey.db.message.log" {
			t.Errorf("event %d has the subject %s", i, list[i].Subject)
		}
	}
	if depth := s.Depth(); depth != (Depth{}) {
		t.Errorf("depth after draining is %+v, want nothing", depth)
	}
}

func TestDrain_OrderUnderConcurrentPut(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, producer := newSpool(t, nil)
	stop := startDrain(t, s, env.Stream)
	defer stop()
	const callers, each = 16, 25
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			last := uint64(0)
			for i := range each {
				e := said(fmt.Sprint("line ", i))
				if err := s.Put(context.Background(), e); err != nil {
					t.Errorf("put: %v", err)
					return
				}
				_, seq, _ := events.ParseID(e.ID)
				if seq <= last {
					t.Errorf("sequence %d after %d for one caller", seq, last)
				}
				last = seq
			}
		})
	}
	wg.Wait()
	settle(t, s)
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, callers*each))
}

func TestDrain_BacklogGoesInBatches(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, producer := newSpool(t, nil)
	const n = 2500
	evs := make([]*events.Event, n)
	for i := range evs {
		evs[i] = said(fmt.Sprint("line ", i))
	}
	put(t, s, evs...)
	app := &faulty{Appender: env.Stream}
	drainAll(t, s, app)
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, n))
	if app.batches != 3 || app.singles != 0 {
		t.Errorf("%d batches and %d single appends for %d events, want 3 and 0", app.batches, app.singles, n)
	}
}

func TestDrain_OneAtATime(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	stop := startDrain(t, s, newMemory())
	defer stop()
	put(t, s, said("one"))
	settle(t, s) // it runs
	if err := s.Drain(t.Context(), newMemory()); !errors.Is(err, ErrDraining) {
		t.Errorf("second drain: %v, want ErrDraining", err)
	}
}

func TestDrain_EndsWithTheSpool(t *testing.T) {
	t.Parallel()
	s := openSpool(t, testConfig(t.TempDir()))
	begin(t, s)
	done := make(chan error, 1)
	put(t, s, said("one"))
	go func() { done <- s.Drain(context.Background(), newMemory()) }()
	settle(t, s)
	closeSpool(t, s)
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("drain ended with %v, want ErrClosed", err)
	}
	if err := s.Put(t.Context(), said("two")); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v, want ErrClosed", err)
	}
}
