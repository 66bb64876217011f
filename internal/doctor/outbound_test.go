package doctor_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/doctor"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"
)

// queue opens the house's queue; now is its clock.
func (h *house) queue(now func() time.Time) *outbound.Queue {
	h.t.Helper()
	q, err := outbound.QueueConfig{Now: now}.Open(h.t.Context(), h.Stream)
	if err != nil {
		h.t.Fatal(err)
	}
	return q
}

// ask queues a message and takes it through states, each with a reason.
func (h *house) ask(q *outbound.Queue, r outbound.Request, states ...[2]string) {
	h.t.Helper()
	m, _, err := q.Enqueue(h.t.Context(), r)
	for _, s := range states {
		if err == nil {
			m, err = q.Move(h.t.Context(), m, outbound.State(s[0]), func(n *outbound.Message) { n.Reason = s[1] })
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) beat(b streams.Heartbeat) {
	h.t.Helper()
	b.Producer = "p"
	streamstest.Beat(h.t, h.Stream, b)
}

func TestExamine_OutboundSituations(t *testing.T) {
	t.Parallel()
	const secret = "what was to be said"
	say := outbound.Request{Channel: channel, Text: secret}
	claimed, sending := [2]string{"claimed", ""}, [2]string{"sending", ""}
	for _, tt := range []struct {
		name   string
		happen func(h *house, q *outbound.Queue)
		later  time.Duration // how much later it is looked
		check  string
		state  doctor.State
		detail string
		remedy string
	}{
		{"nothing", func(*house, *outbound.Queue) {}, 0, doctor.OutboundWaiting, doctor.OK, "no message waits", ""},
		{"due just now", func(h *house, q *outbound.Queue) { h.ask(q, say) }, 0, doctor.OutboundWaiting, doctor.OK, "1 message waits, 1 of them due", ""},
		{"due for long, and no bot", func(h *house, q *outbound.Queue) { h.ask(q, say) }, 3 * time.Minute, doctor.OutboundWaiting, doctor.Wrong, "no bot is alive", "rosey bot"},
		{"due for long, and a bot elsewhere", func(h *house, q *outbound.Queue) {
			h.ask(q, say)
			h.beat(streams.Heartbeat{Channel: "radio", Joined: true})
		}, 3 * time.Minute, doctor.OutboundWaiting, doctor.Wrong, "no bot is alive", "rosey bot"},
		{"due for long, and the bot is not in the channel", func(h *house, q *outbound.Queue) {
			h.ask(q, say)
			h.beat(streams.Heartbeat{Channel: channel})
		}, 3 * time.Minute, doctor.OutboundWaiting, doctor.Wrong, "not in the channel", "log"},
		{"due for long, and nothing moves", func(h *house, q *outbound.Queue) {
			h.ask(q, say)
			h.beat(streams.Heartbeat{Channel: "TEST", Joined: true})
		}, 3 * time.Minute, doctor.OutboundWaiting, doctor.Wrong, "sends nothing", "start the bot again"},
		{"scheduled", func(h *house, q *outbound.Queue) {
			h.ask(q, outbound.Request{Channel: channel, Text: "x", NotBefore: time.Now().Add(time.Hour)})
		}, 3 * time.Minute, doctor.OutboundWaiting, doctor.OK, "1 message waits, 0 of them due", ""},
		{"leased, and the lease is over", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed) }, 3 * time.Minute, doctor.OutboundWaiting, doctor.Wrong, "1 message has", "rosey bot"},
		{"on the wire", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending) }, 0, doctor.OutboundSending, doctor.OK, "1 message is", ""},
		{"left on the wire", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending) }, 3 * time.Minute, doctor.OutboundSending, doctor.Unknown, "nobody knows", "start the bot"},
		{"left on the wire by a bot that is there", func(h *house, q *outbound.Queue) {
			h.ask(q, say, claimed, sending)
			h.beat(streams.Heartbeat{Channel: channel, Joined: true})
		}, 3 * time.Minute, doctor.OutboundSending, doctor.Wrong, "although a bot is in the channel", "start the bot again"},
		{"sent", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending, [2]string{"sent", ""}) }, 0, doctor.OutboundOutcomes, doctor.OK, "1 sent, 0 failed", ""},
		{"failed for its own sake", func(h *house, q *outbound.Queue) { h.ask(q, say, [2]string{"failed", "too_long"}) }, 0, doctor.OutboundOutcomes, doctor.OK, "1 failed, 0 abandoned, 0 unknown: too_long 1", ""},
		{"muted", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending, [2]string{"failed", "muted"}) }, 0, doctor.OutboundOutcomes, doctor.Wrong, "test (muted)", "unmute"},
		{"muted, and not any more", func(h *house, q *outbound.Queue) {
			h.ask(q, say, claimed, sending, [2]string{"failed", "muted"})
			h.ask(q, say, claimed, sending, [2]string{"sent", ""})
		}, 0, doctor.OutboundOutcomes, doctor.OK, "1 sent, 1 failed, 0 abandoned, 0 unknown: muted 1", ""},
		{"unknown", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending, [2]string{"unknown", "no_echo"}) }, 0, doctor.OutboundOutcomes, doctor.Unknown, "1 message was", "rosey outbound retry"},
		{"unknown long ago", func(h *house, q *outbound.Queue) { h.ask(q, say, claimed, sending, [2]string{"unknown", "no_echo"}) }, 25 * time.Hour, doctor.OutboundOutcomes, doctor.OK, "0 unknown", ""},
		{"a foreign value", func(h *house, _ *outbound.Queue) {
			b, err := h.Stream.Bucket(h.t.Context(), streams.OutboundBucket)
			if err == nil {
				err = b.Put(h.t.Context(), "test.1", []byte(secret))
			}
			if err != nil {
				h.t.Fatal(err)
			}
		}, 0, doctor.OutboundQueue, doctor.OK, "1 value beside them is passed over", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			tt.happen(h, h.queue(nil))
			r := h.report(func(c *doctor.Config) {
				c.Now = func() time.Time { return time.Now().Add(tt.later) }
			})
			c := check(t, r, tt.check)
			if c.State != tt.state || !strings.Contains(c.Detail, tt.detail) || !strings.Contains(c.Remedy, tt.remedy) || (c.Remedy == "") != (tt.state == doctor.OK) {
				t.Errorf("got %+v", c)
			}
			if strings.Contains(text(r), secret) {
				t.Errorf("the report shows a text: %+v", r)
			}
			if r.Outbound == nil {
				t.Error("the report tells nothing of the queue")
			}
		})
	}
}

// Where nothing runs, what waits is no fault, and who was alive lately is not.
func TestExamine_OutboundOfAStoppedInstallation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.queue(nil)
	h.ask(q, outbound.Request{Channel: channel, Text: "x"})
	h.ask(q, outbound.Request{Channel: channel, Text: "y"}, [2]string{"claimed", ""}, [2]string{"sending", ""})
	h.beat(streams.Heartbeat{Channel: channel, Joined: true})
	r := h.report(func(c *doctor.Config) {
		c.Stopped, c.Now = true, func() time.Time { return time.Now().Add(time.Hour) }
	})
	if c := check(t, r, doctor.OutboundWaiting); c.State != doctor.OK || !strings.Contains(c.Detail, "a bot sends them when it runs") {
		t.Errorf("waiting: %+v", c)
	}
	if c := check(t, r, doctor.OutboundSending); c.State != doctor.Unknown {
		t.Errorf("sending: %+v", c)
	}
	if len(r.Bots) != 0 || r.Outbound.Due != 1 || r.Outbound.Sending != 1 || r.Outbound.OldestDueMS == nil {
		t.Errorf("got %v %+v", r.Bots, r.Outbound)
	}
}

func TestExamine_AQueueThatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.removeBucket(streams.OutboundBucket)
	r := h.report()
	if c := check(t, r, doctor.OutboundQueue); c.State != doctor.Wrong || !strings.Contains(c.Remedy, "rosey stream setup") {
		t.Errorf("got %+v", c)
	}
	if r.Outbound != nil {
		t.Errorf("got %+v", r.Outbound)
	}
}

func TestExamine_Services(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{doctor.ServiceOutbound, doctor.ServiceQuery} {
		for _, c := range h.report().Checks {
			if c.Name == name {
				t.Errorf("nothing runs, and it is missed: %+v", c)
			}
		}
	}
	t.Cleanup(h.keepBeating(channel))
	if c := check(t, h.report(), doctor.ServiceOutbound); c.State != doctor.Wrong || c.Remedy == "" {
		t.Errorf("a bot is alive and its service is not: %+v", c)
	}
	s, err := service.New(service.Config{Conn: h.Connect(t), Name: "rosey-outbound", Version: "1.2.3", Endpoints: []service.Endpoint{
		service.NewEndpoint(service.Declaration{Name: "one", Subject: "test.one"}, func(context.Context, struct{}) (int, error) { return 1, nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	r := h.report()
	if c := check(t, r, doctor.ServiceOutbound); c.State != doctor.OK || !strings.Contains(c.Detail, "1 instance of rosey-outbound") || !strings.Contains(c.Detail, "1.2.3") {
		t.Errorf("got %+v", c)
	}
	if len(r.Bots) != 1 || r.Bots[0].Channel != channel {
		t.Errorf("got %+v", r.Bots)
	}
}

// keepBeating says that a bot is alive, again and again, until it is stopped.
func (h *house) keepBeating(channel string) (stop func()) {
	h.t.Helper()
	now := func() streams.Heartbeat {
		return streams.Heartbeat{Channel: channel, Producer: "p", BeatMS: time.Now().UnixMilli()}
	}
	if err := h.Stream.Beat(h.t.Context(), now()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = h.Stream.Beat(ctx, now()) // the next one follows
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// A bot that was killed is no fault of the service, though its heartbeat outlives it.
func TestExamine_ABotThatWasKilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	killed := time.Now()
	h.beat(streams.Heartbeat{Channel: channel, Joined: true, BeatMS: killed.UnixMilli()})
	for _, later := range []time.Duration{6 * time.Second, 15 * time.Second} {
		c := check(t, h.report(func(c *doctor.Config) { c.Now = func() time.Time { return killed.Add(later) } }), doctor.ServiceOutbound)
		if want := "a bot ended without saying so, " + later.String() + " ago"; c.State != doctor.OK || !strings.Contains(c.Detail, want) {
			t.Errorf("after %s: %s, want %q", later, text(c), want)
		}
	}
}

// A run that another one has followed has ended, whatever its heartbeat says.
func TestExamine_AHeartbeatOfARunBefore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.begin("a")
	first.say(1)
	first.die()
	second := h.begin("a")
	second.say(1)
	second.stop()
	if err := h.Stream.Beat(t.Context(), streams.Heartbeat{Channel: channel, Producer: first.producer, Joined: true, BeatMS: time.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if r := h.report(); len(r.Bots) != 0 {
		t.Errorf("alive: %+v", r.Bots)
	}
}

func (h *house) removeBucket(name string) {
	h.t.Helper()
	if err := h.Conn.JetStream().DeleteKeyValue(h.t.Context(), name); err != nil {
		h.t.Fatal(err)
	}
}
