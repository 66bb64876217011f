package bot_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams/streamstest"
)

// listener keeps what it hears.
type listener struct {
	mu    sync.Mutex
	items []cytube.Item
}

func (l *listener) hear(it cytube.Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, it)
}

func (l *listener) count(wanted func(cytube.Item) bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.items {
		if wanted(it) {
			n++
		}
	}
	return n
}

func isChat(it cytube.Item) bool {
	f, ok := it.(cytube.Frame)
	return ok && f.Event == "chatMsg"
}

// What was heard is in the spool already, and what is recorded because of it comes
// after it in the stream.
func TestRecorder_RecordsAfterWhatWasHeard(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	var heard listener
	cfg.Hear = heard.hear
	r, stop := run(t, cfg)
	eventually(t, "joined", joined(r))
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		before := heard.count(isChat)
		if err := c.Say("ann", "line"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "heard", func() bool { return heard.count(isChat) > before })
		if err := r.Record(t.Context(), events.KindMarkSent, &events.OutboundMark{MessageID: 7, Message: "text"}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	var order []events.Kind
	for _, e := range stored(t, env) {
		if e.Kind == events.KindMessageLog || e.Kind == events.KindMarkSent {
			order = append(order, e.Kind)
		}
	}
	line, mark := events.KindMessageLog, events.KindMarkSent
	if want := []events.Kind{line, mark, line, mark, line, mark}; !slices.Equal(order, want) {
		t.Errorf("stored %v, want %v", order, want)
	}
	ended := func(it cytube.Item) bool { _, ok := it.(cytube.Disconnected); return ok }
	if heard.count(ended) != 1 {
		t.Error("the end of the session was not heard")
	}
}

func TestRecorder_RecordsOnlyDuringARun(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	r, err := bot.NewRecorder(t.Context(), recorder(t, c, env, "rosey"))
	if err != nil {
		t.Fatal(err)
	}
	record := func() error {
		return r.Record(t.Context(), events.KindMarkSent, &events.OutboundMark{MessageID: 7})
	}
	if err := record(); !errors.Is(err, bot.ErrNotRecording) {
		t.Errorf("before the run: %v, want %v", err, bot.ErrNotRecording)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	eventually(t, "joined", joined(r))
	if err := record(); err != nil {
		t.Errorf("during the run: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := record(); !errors.Is(err, bot.ErrNotRecording) {
		t.Errorf("after the run: %v, want %v", err, bot.ErrNotRecording)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	list := stored(t, env)
	if last := list[len(list)-1]; last.Kind != events.KindBotStopped {
		t.Errorf("the last event is %s, want %s", last.Kind, events.KindBotStopped)
	}
}

// What an earlier run left in the spool is known to be in the stream as soon as
// something of the present one is.
func TestRecorder_EarlierRunsAreSettled(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	s, err := spool.Open(t.Context(), cfg.Spool)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := &events.Event{Kind: events.KindMarkSent, Channel: c.Name(), Payload: &events.OutboundMark{MessageID: 7}}
	if err := errors.Join(s.Put(t.Context(), left), s.Close()); err != nil {
		t.Fatal(err)
	}
	var stream gate
	stream.guard(&cfg, env)
	r, stop := run(t, cfg)
	defer stop()
	eventually(t, "joined", joined(r))
	settled := make(chan error, 1)
	go func() { settled <- r.SettleEarlier(t.Context()) }()
	if got := r.Acknowledged(); got != 0 {
		t.Errorf("acknowledged %d before anything was sent", got)
	}
	stream.open.Store(true)
	if err := <-settled; err != nil {
		t.Fatal(err)
	}
	if got := r.Acknowledged(); got == 0 {
		t.Error("nothing was acknowledged")
	}
	if earlier, err := r.IsEarlier(t.Context(), before.Producer); err != nil || !earlier {
		t.Errorf("IsEarlier of the run before = %v, %v", earlier, err)
	}
	if earlier, err := r.IsEarlier(t.Context(), r.Producer()); err != nil || earlier {
		t.Errorf("IsEarlier of the present run = %v, %v", earlier, err)
	}
}
