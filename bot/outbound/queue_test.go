package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// clock is a time that tests move.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *clock) now() time.Time               { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration)      { c.ms.Add(d.Milliseconds()) }
func (c *clock) in(d time.Duration) int64     { return c.ms.Load() + d.Milliseconds() }
func (c *clock) config() outbound.QueueConfig { return outbound.QueueConfig{Now: c.now} }

func open(t testing.TB, env *streamstest.Env, cfg outbound.QueueConfig) *outbound.Queue {
	t.Helper()
	q, err := cfg.Open(t.Context(), env.Stream)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func enqueue(t testing.TB, q *outbound.Queue, r outbound.Request) outbound.Message {
	t.Helper()
	if r.Channel == "" {
		r.Channel = "lounge"
	}
	if r.Text == "" {
		r.Text = "hello"
	}
	m, existed, err := q.Enqueue(t.Context(), r)
	if err != nil || existed {
		t.Fatalf("enqueue: existed=%t, %v", existed, err)
	}
	return m
}

func move(t testing.TB, q *outbound.Queue, m outbound.Message, to outbound.State) outbound.Message {
	t.Helper()
	n, err := q.Move(t.Context(), m, to, nil)
	if err != nil {
		t.Fatalf("move to %s: %v", to, err)
	}
	return n
}

func TestOpenQueue_WithoutABucketNamesTheRemedy(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if err := env.Conn.JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket); err != nil {
		t.Fatal(err)
	}
	if _, err := outbound.OpenQueue(t.Context(), env.Stream); !errors.Is(err, streams.ErrNoBucket) {
		t.Errorf("open: %v, want ErrNoBucket", err)
	}
}

func TestQueue_AMessageGoesItsWay(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	m := enqueue(t, q, outbound.Request{Channel: "Lounge", Text: "hello there"})
	if m.Channel != "lounge" || m.State != outbound.Queued || m.ID <= 0 || m.Revision == 0 || m.Position != m.Revision {
		t.Fatalf("queued: %+v", m)
	}
	claimed, err := q.Claim(t.Context(), m, "producer")
	if err != nil || claimed.Holder != "producer" || claimed.LeaseUntilMS != c.in(outbound.LeaseTime) {
		t.Fatalf("claim: %+v, %v", claimed, err)
	}
	sending, err := q.Move(t.Context(), claimed, outbound.Sending, func(n *outbound.Message) {
		n.SendingMS, n.Attempts, n.AfterMS, n.StreamSeq = c.in(0), 1, 17, 4
		n.ID, n.Text, n.Channel, n.Position = 9, "other", "other", 1 // must not take
	})
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	sent := move(t, q, sending, outbound.Sent)
	got, err := q.Get(t.Context(), "", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != outbound.Sent || got.Text != "hello there" || got.Position != m.Revision || got.Revision != sent.Revision ||
		got.FinishedMS != c.in(0) || got.Attempts != 1 || got.AfterMS != 17 || got.StreamSeq != 4 || got.LeaseUntilMS != 0 {
		t.Errorf("sent: %+v", got)
	}
	if _, err := q.Move(t.Context(), claimed, outbound.Queued, nil); !errors.Is(err, outbound.ErrChanged) {
		t.Errorf("move from an old state: %v, want ErrChanged", err)
	}
}

func TestQueue_ListIsInTheOrderOfQueueing(t *testing.T) {
	t.Parallel()
	c := newClock() // stands still: all in one millisecond
	q := open(t, streamstest.New(t), c.config())
	var want []int64
	for i := range 20 {
		want = append(want, enqueue(t, q, outbound.Request{Text: fmt.Sprint("line ", i)}).ID)
	}
	enqueue(t, q, outbound.Request{Channel: "elsewhere"})
	first, err := q.Get(t.Context(), "lounge", want[0])
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := q.Claim(t.Context(), first, "x") // a later revision, the same position
	if err != nil {
		t.Fatal(err)
	}
	move(t, q, claimed, outbound.Queued)
	list, err := q.List(t.Context(), outbound.Filter{Channel: "lounge"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(list); !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
	page, err := q.List(t.Context(), outbound.Filter{Channel: "lounge", After: list[4].Position, Limit: 3})
	if err != nil || !slices.Equal(ids(page), want[5:8]) {
		t.Errorf("page is %v, %v; want %v", ids(page), err, want[5:8])
	}
	if all, err := q.List(t.Context(), outbound.Filter{States: []outbound.State{outbound.Queued}}); err != nil || len(all) != 21 {
		t.Errorf("all channels have %d messages, %v", len(all), err)
	}
}

func ids(list []outbound.Message) []int64 {
	var out []int64
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out
}

// Of many who move a message at the same moment exactly one succeeds.
func TestQueue_OneOfManyWins(t *testing.T) {
	t.Parallel()
	q := open(t, streamstest.New(t), newClock().config())
	m := enqueue(t, q, outbound.Request{})
	for _, to := range []outbound.State{outbound.Claimed, outbound.Sending, outbound.Sent} {
		var won atomic.Int64
		var winner outbound.Message
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				n, err := q.Move(t.Context(), m, to, nil) // all with the same value
				switch {
				case err == nil:
					won.Add(1)
					winner = n
				case !errors.Is(err, outbound.ErrChanged):
					t.Errorf("move to %s: %v", to, err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d moved the message to %s", won.Load(), to)
		}
		m = winner
	}
}

func TestWatcher_SeesWhatIsThereAndThenEveryChange(t *testing.T) {
	t.Parallel()
	q := open(t, streamstest.New(t), newClock().config())
	there := enqueue(t, q, outbound.Request{})
	enqueue(t, q, outbound.Request{Channel: "elsewhere"})
	w, err := q.Watch(t.Context(), "lounge")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	next := func() outbound.Change {
		t.Helper()
		c, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := next(); c.Message.ID != there.ID {
		t.Errorf("first: %+v", c)
	}
	if c := next(); !c.CaughtUp {
		t.Errorf("second: %+v", c)
	}
	later := enqueue(t, q, outbound.Request{Text: "later"})
	if c := next(); c.Message.ID != later.ID || c.Message.Text != "later" {
		t.Errorf("third: %+v", c)
	}
	move(t, q, there, outbound.Cancelled)
	if c := next(); c.Message.ID != there.ID || c.Message.State != outbound.Cancelled {
		t.Errorf("fourth: %+v", c)
	}
}
