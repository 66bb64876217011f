package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func TestQueue_InvalidMessagesAreRefused(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	good := outbound.Request{Channel: "lounge", Text: "x"}
	for field, spoil := range map[string]func(*outbound.Request){
		"channel":         func(r *outbound.Request) { r.Channel = "" },
		"channel is":      func(r *outbound.Request) { r.Channel = "a.b" },
		"message is empt": func(r *outbound.Request) { r.Text = "" },
		"message is blan": func(r *outbound.Request) { r.Text = " \t\u00a0\u2003\x00\x1b" },
		"message is long": func(r *outbound.Request) { r.Text = strings.Repeat("x", outbound.MaxText+1) },
		"message is not ": func(r *outbound.Request) { r.Text = "secret\xff" },
		"recipient":       func(r *outbound.Request) { r.Recipient = "a b" },
		"long":            func(r *outbound.Request) { r.Long = "cut" },
		"key is longer":   func(r *outbound.Request) { r.Key = strings.Repeat("k", outbound.MaxKey+1) },
		"key is not":      func(r *outbound.Request) { r.Key = "\xff" },
		"not_before":      func(r *outbound.Request) { r.NotBefore = c.now().Add(400 * 24 * time.Hour) },
	} {
		r := good
		spoil(&r)
		_, _, err := q.Enqueue(t.Context(), r)
		var invalid *outbound.InvalidError
		if !errors.Is(err, outbound.ErrInvalid) || !errors.As(err, &invalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the text: %v", err)
		}
	}
	good.Recipient, good.Long, good.Key = "Éric_20-characters__", outbound.LongRefuse, "ä key"
	if _, _, err := q.Enqueue(t.Context(), good); err != nil {
		t.Error(err)
	}
}

func TestQueue_KeyQueuesOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	ask := outbound.Request{Channel: "lounge", Text: "once", Key: "k"}
	var ids sync.Map
	var fresh atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			m, existed, err := q.Enqueue(t.Context(), ask)
			if err != nil {
				t.Error(err)
			}
			if !existed {
				fresh.Add(1)
			}
			ids.Store(m.ID, true)
		})
	}
	all.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 || fresh.Load() != 1 {
		t.Errorf("%d ids, %d of them new", n, fresh.Load())
	}
	m, existed, err := q.Enqueue(t.Context(), outbound.Request{Channel: "Lounge", Text: "once", Key: "k", NotBefore: c.now().Add(time.Hour)})
	if err != nil || !existed || m.NotBeforeMS != 0 {
		t.Errorf("again, with another time: %+v, %t, %v", m, existed, err)
	}
	for what, other := range map[string]outbound.Request{
		"text": {Channel: "lounge", Text: "twice", Key: "k"}, "recipient": {Channel: "lounge", Text: "once", Key: "k", Recipient: "ann"},
		"long": {Channel: "lounge", Text: "once", Key: "k", Long: outbound.LongRefuse},
	} {
		if _, _, err := q.Enqueue(t.Context(), other); !errors.Is(err, outbound.ErrKeyConflict) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	move(t, q, m, outbound.Cancelled)
	if m, existed, err := q.Enqueue(t.Context(), ask); err != nil || !existed || m.State != outbound.Cancelled {
		t.Errorf("after it was over: %+v, %t, %v", m, existed, err)
	}
	if _, existed, err := q.Enqueue(t.Context(), outbound.Request{Channel: "elsewhere", Text: "once", Key: "k"}); err != nil || existed {
		t.Errorf("in another channel: %t, %v", existed, err)
	}
}

// Every move that is not in the table is refused and changes nothing.
func TestQueue_MovesThatAreRefused(t *testing.T) {
	t.Parallel()
	q := open(t, streamstest.New(t), newClock().config())
	for _, tt := range []struct {
		way []outbound.State
		to  outbound.State
	}{
		{nil, outbound.Sending},
		{nil, outbound.Queued},
		{[]outbound.State{outbound.Claimed, outbound.Sending}, outbound.Claimed},
		{[]outbound.State{outbound.Claimed, outbound.Sending}, outbound.Cancelled},
		{[]outbound.State{outbound.Claimed, outbound.Sending, outbound.Unknown}, outbound.Queued},
		{[]outbound.State{outbound.Failed}, outbound.Queued},
		{[]outbound.State{outbound.Sent}, outbound.Queued},
		{[]outbound.State{outbound.Sent}, outbound.Failed},
		{[]outbound.State{outbound.Cancelled}, outbound.Queued},
	} {
		m := enqueue(t, q, outbound.Request{})
		for _, s := range tt.way {
			m = move(t, q, m, s)
		}
		_, err := q.Move(t.Context(), m, tt.to, nil)
		var state *outbound.StateError
		if !errors.Is(err, outbound.ErrState) || !errors.As(err, &state) || state.Is != m.State || state.Want != tt.to {
			t.Errorf("%v to %s: %v", tt.way, tt.to, err)
		}
		if now, err := q.Get(t.Context(), "lounge", m.ID); err != nil || now != m && now.Revision != m.Revision {
			t.Errorf("%v to %s: it is %+v now, %v", tt.way, tt.to, now, err)
		}
	}
}

func TestQueue_CancelAndRetry(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	for _, over := range []outbound.State{outbound.Failed, outbound.Abandoned, outbound.Unknown} {
		m, err := q.Claim(t.Context(), enqueue(t, q, outbound.Request{}), "run1")
		if err != nil {
			t.Fatal(err)
		}
		if m, err = q.Move(t.Context(), m, outbound.Sending, func(n *outbound.Message) { n.Attempts, n.SendingMS, n.AfterMS = 4, 5, 6 }); err != nil {
			t.Fatal(err)
		}
		if m, err = q.Move(t.Context(), m, over, func(n *outbound.Message) { n.Reason = outbound.ReasonNoEcho }); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Cancel(t.Context(), "", m.ID); !errors.Is(err, outbound.ErrState) {
			t.Errorf("cancel a message that is %s: %v", over, err)
		}
		got, err := q.Retry(t.Context(), "", m.ID)
		if err != nil || got.State != outbound.Queued || got.Attempts != 0 || got.FinishedMS != 0 || got.SendingMS != 0 || got.AfterMS != 0 ||
			got.Reason != "" || got.Holder != "" || got.Position != m.Position || !got.Due(c.now()) {
			t.Errorf("retry a message that is %s: %+v, %v", over, got, err)
		}
		if got, err = q.Cancel(t.Context(), "LOUNGE", m.ID); err != nil || got.State != outbound.Cancelled {
			t.Errorf("cancel: %+v, %v", got, err)
		}
	}
	m := enqueue(t, q, outbound.Request{})
	if _, err := q.Claim(t.Context(), m, "run1"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Cancel(t.Context(), "", m.ID); !errors.Is(err, outbound.ErrState) {
		t.Errorf("cancel while it is claimed: %v", err)
	}
	c.advance(outbound.LeaseTime)
	if _, err := q.Cancel(t.Context(), "", m.ID); err != nil {
		t.Errorf("cancel after the lease: %v", err)
	}
	if _, err := q.Cancel(t.Context(), "lounge", 99); !errors.Is(err, outbound.ErrNotFound) {
		t.Errorf("cancel nothing: %v", err)
	}
}

// A claim whose holder died is taken by another, and the dead one cannot go on.
func TestQueue_LeaseThatIsOver(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	first, err := q.Claim(t.Context(), enqueue(t, q, outbound.Request{}), "run1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Claim(t.Context(), first, "run2"); !errors.Is(err, outbound.ErrState) {
		t.Errorf("claim within the lease: %v", err)
	}
	c.advance(outbound.LeaseTime)
	second, err := q.Claim(t.Context(), first, "run2")
	if err != nil || second.Holder != "run2" {
		t.Fatalf("claim after the lease: %+v, %v", second, err)
	}
	if _, err := q.Move(t.Context(), first, outbound.Sending, nil); !errors.Is(err, outbound.ErrChanged) {
		t.Errorf("the first goes on: %v", err)
	}
	sending := move(t, q, second, outbound.Sending)
	c.advance(time.Hour)
	if _, err := q.Claim(t.Context(), sending, "run3"); !errors.Is(err, outbound.ErrState) {
		t.Errorf("claim what is being sent: %v", err)
	}
	if leased, err := q.Lease(t.Context(), "lounge", "x", 10, 3); err != nil || len(leased) != 0 {
		t.Errorf("lease what is being sent: %v, %v", leased, err)
	}
}

func TestQueue_LeaseTakesWhatIsDue(t *testing.T) {
	t.Parallel()
	c := newClock()
	q := open(t, streamstest.New(t), c.config())
	waits := enqueue(t, q, outbound.Request{NotBefore: c.now().Add(time.Minute)})
	retried, err := q.Claim(t.Context(), enqueue(t, q, outbound.Request{}), "x")
	if err != nil {
		t.Fatal(err)
	}
	if retried, err = q.Move(t.Context(), retried, outbound.Queued, func(n *outbound.Message) {
		n.Attempts, n.NextAttemptMS = 1, c.in(2*time.Minute)
	}); err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, outbound.Request{Recipient: "ann"})
	enqueue(t, q, outbound.Request{Channel: "elsewhere"})
	due := enqueue(t, q, outbound.Request{}) // behind those that wait, and not held up by them
	for _, want := range [][]int64{{due.ID}, {waits.ID}, {retried.ID}, nil} {
		leased, err := q.Lease(t.Context(), "lounge", "caller:x", 10, 3)
		if err != nil || !slices.Equal(ids(leased), want) {
			t.Errorf("leased %v, %v; want %v", ids(leased), err, want)
		}
		for _, m := range leased {
			move(t, q, m, outbound.Sent)
		}
		c.advance(time.Minute)
	}
}

func TestQueue_FinishedMessagesEnd(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{KeepFinished: 5 * time.Second})
	over := move(t, q, enqueue(t, q, outbound.Request{}), outbound.Failed)
	taken := move(t, q, enqueue(t, q, outbound.Request{}), outbound.Failed)
	if taken, err := q.Retry(t.Context(), "lounge", taken.ID); err != nil || taken.State != outbound.Queued {
		t.Fatal(err)
	}
	waits := enqueue(t, q, outbound.Request{Key: "k"})
	eventually(t, "what is over is gone", func() bool {
		_, err := q.Get(t.Context(), "lounge", over.ID)
		return errors.Is(err, outbound.ErrNotFound)
	})
	list, err := q.List(t.Context(), outbound.Filter{})
	if err != nil || !slices.Equal(ids(list), []int64{taken.ID, waits.ID}) {
		t.Errorf("left: %v, %v", ids(list), err)
	}
	if n, err := q.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("sweep: %d, %v", n, err)
	}
}

// A server before 2.11 ends no keys: the queue does it.
func TestQueue_OldServerIsSwept(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newClock()
	js := env.Conn.JetStream()
	if err := js.DeleteKeyValue(t.Context(), streams.OutboundBucket); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: streams.OutboundBucket, Storage: jetstream.FileStorage}); err != nil {
		t.Fatal(err)
	}
	q := open(t, env, c.config())
	over := move(t, q, enqueue(t, q, outbound.Request{Key: "k"}), outbound.Sent)
	waits := enqueue(t, q, outbound.Request{})
	c.advance(outbound.KeepFinished - time.Second)
	later := move(t, q, enqueue(t, q, outbound.Request{}), outbound.Sent)
	if n, err := q.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("too early: %d, %v", n, err)
	}
	c.advance(time.Second)
	if n, err := q.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("sweep: %d, %v", n, err)
	}
	list, err := q.List(t.Context(), outbound.Filter{})
	if err != nil || !slices.Equal(ids(list), []int64{waits.ID, later.ID}) {
		t.Errorf("left: %v, %v", ids(list), err)
	}
	if m, existed, err := q.Enqueue(t.Context(), outbound.Request{Channel: "lounge", Text: "hello", Key: "k"}); err != nil || existed || m.ID != over.ID {
		t.Errorf("the same key after that: %+v, %t, %v", m, existed, err)
	}
	c.advance(2 * outbound.KeepFinished)
	serve(t, env, outbound.ServiceConfig{Queue: c.config()})
	eventually(t, "the service sweeps", func() bool {
		_, err := q.Get(t.Context(), "lounge", later.ID)
		return errors.Is(err, outbound.ErrNotFound)
	})
}

// All of it is still there after the server was restarted, with its order.
func TestQueue_SurvivesARestart(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{})
	var want []outbound.Message
	for i := range 5 {
		want = append(want, enqueue(t, q, outbound.Request{Text: fmt.Sprint(i)}))
	}
	want[1] = move(t, q, want[1], outbound.Cancelled)
	w, err := q.Watch(t.Context(), "lounge")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	awaited := make(chan error, 1)
	go func() {
		m, err := q.Await(t.Context(), "lounge", want[2].ID)
		if err == nil && m.State != outbound.Sent {
			err = fmt.Errorf("it is %s", m.State)
		}
		awaited <- err
	}()
	if err := env.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := env.Conn.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list []outbound.Message
	eventually(t, "the queue can be read", func() bool {
		list, err = q.List(t.Context(), outbound.Filter{Channel: "lounge"})
		return err == nil
	})
	if len(list) != len(want) {
		t.Fatalf("%d messages are left", len(list))
	}
	for i := range list {
		if list[i].ID != want[i].ID || list[i].Revision != want[i].Revision || list[i].State != want[i].State {
			t.Errorf("message %d is %+v, want %+v", i, list[i], want[i])
		}
	}
	move(t, q, list[2], outbound.Sent)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for seen := map[int64]outbound.State{}; seen[want[2].ID] != outbound.Sent || len(seen) < len(want); {
		c, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("watch: %v; seen %v", err, seen)
		}
		if c.Restarted {
			t.Error("the same bucket was taken for another")
		}
		if c.Message.ID != 0 {
			seen[c.Message.ID] = c.Message.State
		}
	}
	if err := <-awaited; err != nil {
		t.Errorf("await: %v", err)
	}
}

// Nothing that happens while the connection is lost is missed.
func TestWatcher_ConnectionIsLost(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	there, proxy := far(t, env)
	q := open(t, env, outbound.QueueConfig{})
	w, err := there.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := map[int64]outbound.State{}
	until := func(done func() bool) {
		t.Helper()
		for !done() {
			c, err := w.Next(ctx)
			if err != nil {
				t.Fatalf("watch: %v; seen %v", err, seen)
			}
			if c.Message.ID != 0 {
				seen[c.Message.ID] = c.Message.State
			}
		}
	}
	for range 3 {
		before := enqueue(t, q, outbound.Request{})
		until(func() bool { return seen[before.ID] == outbound.Queued })
		proxy.Cut()
		// One changes, and changes again; one is new.
		move(t, q, move(t, q, before, outbound.Claimed), outbound.Sending)
		during := enqueue(t, q, outbound.Request{})
		until(func() bool { return seen[before.ID] == outbound.Sending && seen[during.ID] == outbound.Queued })
	}
}

// Values that are no messages are counted, told once, and in nobody's way.
func TestQueue_ForeignValuesArePassedOver(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	log := &suite.Output{}
	cfg := outbound.QueueConfig{Logger: newLogger(log)}
	q := open(t, env, cfg)
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	good := enqueue(t, q, outbound.Request{})
	for key, value := range map[string]string{
		"lounge.7": "private words", "lounge.seven": "{}", "deep.er.key": "null", "lounge": "[]", "lounge.8": `{"id":9,"message":"private words"}`,
	} {
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, env, outbound.ServiceConfig{Logger: newLogger(log)})
	for range 3 {
		if list, err := q.List(t.Context(), outbound.Filter{}); err != nil || len(list) != 1 {
			t.Errorf("list: %v, %v", list, err)
		}
	}
	if got := q.Foreign(); got != 5 {
		t.Errorf("%d foreign values were counted, want 5", got)
	}
	if _, err := q.Get(t.Context(), "lounge", 7); !errors.Is(err, outbound.ErrNotFound) {
		t.Errorf("get a foreign value: %v", err)
	}
	if got := ask(t, env, "get", "{}"); !strings.Contains(got, fmt.Sprint(good.ID)) {
		t.Errorf("the service: %s", got)
	}
	w, err := q.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for caught := false; !caught; {
		c, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		caught = c.CaughtUp
	}
	// A message that something foreign was written over is gone.
	if _, err := kv.Put(t.Context(), fmt.Sprintf("lounge.%d", good.ID), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if c, err := w.Next(t.Context()); err != nil || !c.Removed || c.Message.ID != good.ID {
		t.Errorf("seen: %+v, %v", c, err)
	}
	if strings.Contains(log.String(), "private words") || !strings.Contains(log.String(), "no message") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestQueue_IDThatSeveralChannelsHave(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{})
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{"attic", "lounge"} {
		value := fmt.Sprintf(`{"id":7,"channel":%q,"message":"x","state":"queued","queued_ms":1}`, channel)
		if _, err := kv.Put(t.Context(), channel+".7", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Get(t.Context(), "", 7); !errors.Is(err, outbound.ErrAmbiguous) || !strings.Contains(err.Error(), "attic, lounge") {
		t.Errorf("get: %v", err)
	}
	if m, err := q.Get(t.Context(), "attic", 7); err != nil || m.Channel != "attic" {
		t.Errorf("get of one: %+v, %v", m, err)
	}
}

func TestQueue_Await(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{})
	m := enqueue(t, q, outbound.Request{})
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := q.Await(short, "", m.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in vain: %v", err)
	}
	if _, err := q.Await(t.Context(), "", 99); !errors.Is(err, outbound.ErrNotFound) {
		t.Errorf("nothing: %v", err)
	}
	done := make(chan outbound.Message, 1)
	go func() {
		got, err := q.Await(t.Context(), "lounge", m.ID)
		if err != nil {
			t.Error(err)
		}
		done <- got
	}()
	m = move(t, q, move(t, q, m, outbound.Claimed), outbound.Sending)
	move(t, q, m, outbound.Unknown)
	if got := <-done; got.State != outbound.Unknown {
		t.Errorf("awaited: %+v", got)
	}
	if got, err := q.Await(t.Context(), "", m.ID); err != nil || got.State != outbound.Unknown {
		t.Errorf("when it is over: %+v, %v", got, err)
	}
}

// far is a queue whose connection the test can break.
func far(t *testing.T, env *streamstest.Env) (*outbound.Queue, *streamstest.Proxy) {
	t.Helper()
	proxy := streamstest.NewProxy(t, strings.TrimPrefix(env.Server.ClientURL(), "nats://"))
	user, password := env.Server.Credentials()
	c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{proxy.URL()}, User: user, Password: password, MaxReconnectWait: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := streams.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	q, err := outbound.OpenQueue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return q, proxy
}

// What was stored and not confirmed is neither stored twice nor called changed by
// another.
func TestQueue_AnswersThatAreLost(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	near := open(t, env, outbound.QueueConfig{})
	q, proxy := far(t, env)
	lose := func(what string, try func() (outbound.Message, error), stored func() bool) outbound.Message {
		t.Helper()
		proxy.Swallow(false, true)
		type result struct {
			m   outbound.Message
			err error
		}
		done := make(chan result, 1)
		go func() {
			m, err := try()
			done <- result{m, err}
		}()
		eventually(t, what+" is stored", stored)
		proxy.Swallow(false, false)
		proxy.Cut()
		r := <-done
		if r.err != nil {
			t.Fatalf("%s: %v", what, r.err)
		}
		return r.m
	}
	m := lose("a message", func() (outbound.Message, error) {
		m, existed, err := q.Enqueue(t.Context(), outbound.Request{Channel: "lounge", Text: "x"})
		if existed {
			err = errors.Join(err, errors.New("it is said to have been there"))
		}
		return m, err
	}, func() bool {
		list, err := near.List(t.Context(), outbound.Filter{})
		return err == nil && len(list) == 1
	})
	claimed := lose("a claim", func() (outbound.Message, error) { return q.Claim(t.Context(), m, "run1") }, func() bool {
		now, err := near.Get(t.Context(), "lounge", m.ID)
		return err == nil && now.State == outbound.Claimed
	})
	if claimed.Revision != m.Revision+1 {
		t.Errorf("claimed at revision %d, queued at %d", claimed.Revision, m.Revision)
	}
	if list, err := near.List(t.Context(), outbound.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d messages, %v", len(list), err)
	}
	move(t, q, claimed, outbound.Sending)
}

// A queue that is full takes no more, and what is in it can still be moved.
func TestQueue_ThatIsFull(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	js := env.Conn.JetStream()
	s, err := js.Stream(t.Context(), "KV_"+streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxMsgs = 2
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	serve(t, env, outbound.ServiceConfig{})
	q := open(t, env, outbound.QueueConfig{})
	m := enqueue(t, q, outbound.Request{})
	enqueue(t, q, outbound.Request{})
	if _, _, err := q.Enqueue(t.Context(), outbound.Request{Channel: "lounge", Text: "x"}); !errors.Is(err, streams.ErrFull) {
		t.Errorf("enqueue: %v, want ErrFull", err)
	}
	if text := ask(t, env, "enqueue", `{"message":"x","channel":"lounge"}`); code(t, text) != service.Unavailable || !strings.Contains(text, "the queue is full") {
		t.Errorf("the service: %s", text)
	}
	move(t, q, move(t, q, move(t, q, m, outbound.Claimed), outbound.Sending), outbound.Sent)
}

// Whoever waits while many wait already is told so; whoever does not is answered.
func TestService_ManyWait(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	q := open(t, env, outbound.QueueConfig{})
	m := enqueue(t, q, outbound.Request{})
	const waiting = 300
	var busy, over atomic.Int64
	var all sync.WaitGroup
	for range waiting {
		all.Go(func() {
			answer, err := env.Conn.NATS().Request(prefix+"status", fmt.Appendf(nil, `{"id":%d,"wait":60}`, m.ID), 2*time.Minute)
			switch {
			case err != nil:
				t.Error(err)
			case code(t, string(answer.Data)) == service.Busy:
				busy.Add(1)
			case strings.Contains(string(answer.Data), `"state":"cancelled"`):
				over.Add(1)
			default:
				t.Errorf("answer: %s", answer.Data)
			}
		})
	}
	eventually(t, "too many wait", func() bool { return busy.Load() > 0 })
	if got := call[outbound.View](t, env, "status", fmt.Sprintf(`{"id":%d}`, m.ID)); got.State != outbound.Queued {
		t.Errorf("status: %+v", got)
	}
	call[outbound.View](t, env, "cancel", fmt.Sprintf(`{"id":%d}`, m.ID))
	all.Wait()
	if busy.Load()+over.Load() != waiting || over.Load() < 100 {
		t.Errorf("%d were told to ask later, %d got the outcome", busy.Load(), over.Load())
	}
}
