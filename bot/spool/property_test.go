package spool

import (
	"context"
	"fmt"
	"os"
	"testing"

	"rosey/events"

	"pgregory.net/rapid"
)

// Whatever fails on the way, the stream holds what was put, once and in order.
func TestDrain_AnyFailuresLeaveTheStreamAsPut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "spool-property")
		if err != nil {
			t.Fatalf("make folder: %v", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		cfg := testConfig(dir)
		cfg.BackoffMax = cfg.BackoffMin
		cfg.MaxEventBytes = minEventBytes
		stream := newMemory()
		app := &faulty{Appender: stream}
		s := openSpool(t, cfg)
		s.maxSingly = rapid.SampledFrom([]int{1, maxSingly}).Draw(t, "singly")
		defer func() { closeSpool(t, s) }()
		producer := begin(t, s)

		var want []string
		var seq uint64
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			switch rapid.SampledFrom([]string{"go on", "restart", "begin"}).Draw(t, "before") {
			case "restart":
				closeSpool(t, s)
				most := s.maxSingly
				s = openSpool(t, cfg)
				s.maxSingly = most
				producer, seq = begin(t, s), 0
			case "begin":
				producer, seq = begin(t, s), 0
			}
			n := rapid.IntRange(0, 8).Draw(t, "events")
			evs := make([]*events.Event, n)
			for i := range evs {
				size := rapid.SampledFrom([]int{1, 10, 3000}).Draw(t, "size")
				evs[i] = said(fmt.Sprintf("%0*d", size, i))
			}
			if n > 0 {
				put(t, s, evs...)
			}
			st, _ := s.snapshot()
			for ; seq < st.lastSeq; seq++ {
				id := events.MakeID(producer, seq+1)
				want = append(want, id)
				if rapid.IntRange(0, 9).Draw(t, "refuse") == 0 {
					stream.refuses[id] = true
				}
			}
			app.mu.Lock()
			app.next = nil
			for range rapid.IntRange(0, 10).Draw(t, "faults") {
				app.next = append(app.next, fault(rapid.IntRange(0, int(faultCount)-1).Draw(t, "fault")))
			}
			app.mu.Unlock()
			if rapid.Bool().Draw(t, "cut short") {
				drainSteps(t, s, app, rapid.IntRange(1, 5).Draw(t, "steps"))
			} else {
				drainAll(t, s, app)
			}
		}
		drainAll(t, s, app)
		checkIDs(t, stream.ids(), want)
		for id := range stream.refuses {
			if stream.messages[indexOf(want, id)].Subject != "rosey.db.bot.set_aside" {
				t.Errorf("refused event %s is in the stream without a marker", id)
			}
		}
	})
}

// drainSteps drains as far as the number of steps and forgets the rest, as a
// process does that ends between two of them.
func drainSteps(t tb, s *Spool, app Appender, steps int) {
	t.Helper()
	d := &drainer{spool: s, app: app}
	for range steps {
		if s.Depth().Events == 0 {
			return
		}
		_ = d.step(context.Background())
	}
}

func indexOf(list []string, id string) int {
	for i := range list {
		if list[i] == id {
			return i
		}
	}
	return -1
}
