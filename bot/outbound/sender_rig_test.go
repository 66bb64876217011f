package outbound_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// fast is a flood limit that does not make tests slow.
var fast = outbound.Rate{Burst: 20, Sustained: 500}

// world is a channel, a server and what was queued.
type world struct {
	t     *testing.T
	env   *streamstest.Env
	queue *outbound.Queue
	site  *cytubetest.Channel
	runs  atomic.Int64

	mu    sync.Mutex
	ended []string // producers of bots that are gone
}

func newWorld(t *testing.T, cfg cytubetest.ChannelConfig) *world {
	t.Helper()
	cfg.Name = "lounge"
	if cfg.Burst == 0 {
		cfg.Burst, cfg.Sustained = fast.Burst, fast.Sustained
	}
	site, err := cytubetest.NewChannel(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	env := streamstest.New(t)
	w := &world{t: t, env: env, queue: open(t, env, outbound.QueueConfig{}), site: site}
	w.do(site.Join("ann"))
	return w
}

func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// say has ann write lines, so that the history has something to hold on to.
func (w *world) say(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.do(w.site.Say("ann", text))
	}
}

func (w *world) get(id int64) outbound.Message {
	w.t.Helper()
	m, err := w.queue.Get(w.t.Context(), "lounge", id)
	w.do(err)
	return m
}

// await waits until a message is over.
func (w *world) await(id int64) outbound.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	m, err := w.queue.Await(ctx, "lounge", id)
	if err != nil {
		w.t.Fatalf("message %d: %v (it is %s)", id, err, w.get(id).State)
	}
	return m
}

// ends waits until a message is over, and compares.
func (w *world) ends(id int64, state outbound.State, reason string) outbound.Message {
	w.t.Helper()
	m := w.await(id)
	if m.State != state || m.Reason != reason {
		w.t.Errorf("message %d is %s (%s), want %s (%s)", id, m.State, m.Reason, state, reason)
	}
	return m
}

// becomes waits until a message looks as wanted.
func (w *world) becomes(id int64, what string, wanted func(outbound.Message) bool) outbound.Message {
	w.t.Helper()
	var m outbound.Message
	eventually(w.t, what, func() bool { m = w.get(id); return wanted(m) })
	return m
}

func (w *world) shown(want ...string) {
	w.t.Helper()
	if got := w.site.ShownBy("rosey"); !slices.Equal(got, want) {
		w.t.Errorf("the channel was shown %q, want %q", got, want)
	}
}

func (w *world) send(texts ...string) (ids []int64) {
	w.t.Helper()
	for _, text := range texts {
		ids = append(ids, enqueue(w.t, w.queue, outbound.Request{Text: text}).ID)
	}
	return ids
}

// journal is a recorder that appends to the stream. While it is held, what it took
// is in no stream yet.
type journal struct {
	w        *world
	producer string

	mu    sync.Mutex
	seq   uint64
	held  bool
	queue []streams.AppendMessage
	fails int // so many times it takes nothing
	marks []events.OutboundMark
	kinds []events.Kind
}

func (j *journal) Record(ctx context.Context, kind events.Kind, payload events.Payload) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fails > 0 {
		j.fails--
		return fmt.Errorf("no room")
	}
	j.seq++
	e := &events.Event{
		ID: events.MakeID(j.producer, j.seq), Kind: kind, Payload: payload, Platform: events.PlatformCyTube, Channel: "lounge",
		TimeMS: time.Now().UnixMilli(), ReceivedMS: time.Now().UnixMilli(),
	}
	data, err := events.Encode(e)
	if err != nil {
		return err
	}
	j.marks = append(j.marks, *payload.(*events.OutboundMark))
	j.kinds = append(j.kinds, kind)
	j.queue = append(j.queue, streams.AppendMessage{Subject: events.Subject(kind), MsgID: e.ID, Data: data})
	return j.drain(ctx)
}

func (j *journal) drain(ctx context.Context) error {
	if j.held {
		return nil
	}
	for _, m := range j.queue {
		if _, err := j.w.env.Stream.Append(ctx, m); err != nil {
			return err
		}
	}
	j.queue = nil
	return nil
}

func (j *journal) release(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = false
	if err := j.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (j *journal) all() []events.OutboundMark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.marks)
}

// robot is a bot in the channel with a sender.
type robot struct {
	w       *world
	client  *cytube.Client
	sender  *outbound.Sender
	stats   *outbound.Stats
	journal *journal
	crashed chan struct{}
	heard   atomic.Int64 // lines of the chat

	hangUp, stopSending context.CancelFunc
	lineDone            chan struct{}
	sendDone            chan struct{}
	producer            string
}

type options struct {
	name   string
	anon   bool
	crash  string // the point at which the sender ends
	after  int    // so many arrivals there
	line   func(outbound.Line) outbound.Line
	change func(*outbound.SenderConfig)
	held   bool // its journal
}

func (w *world) bot(o options) *robot {
	w.t.Helper()
	if o.name == "" && !o.anon {
		o.name = "rosey"
	}
	r := &robot{
		w: w, producer: fmt.Sprintf("run%d", w.runs.Add(1)), stats: outbound.NewStats(),
		crashed: make(chan struct{}), lineDone: make(chan struct{}), sendDone: make(chan struct{}),
	}
	r.journal = &journal{w: w, producer: r.producer, held: o.held}
	again := cytube.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond}
	cfg := cytube.Config{
		Server: w.site.URL(), Channel: "lounge", Username: o.name,
		Backoff: again, KickPause: again, DuplicatePause: cytube.Backoff{Min: time.Hour, Max: time.Hour},
	}
	if o.name != "" {
		cfg.Password = "secret"
	}
	var err error
	r.client, err = cytube.New(cfg)
	w.do(err)
	var line outbound.Line = r.client
	if o.line != nil {
		line = o.line(line)
	}
	sc := outbound.SenderConfig{
		Channel: "lounge", Producer: r.producer, Line: line, Journal: r.journal, Stats: r.stats,
		Queue:  func(context.Context) (*outbound.Queue, error) { return w.queue, nil },
		Limits: outbound.Limits{Chat: fast}, SettleWait: 50 * time.Millisecond, EchoTimeout: 2 * time.Minute,
		IsEarlier: func(_ context.Context, producer string) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Contains(w.ended, producer), nil
		},
	}
	var arrivals atomic.Int64
	sc.Crash = func(point string) {
		if point == o.crash && arrivals.Add(1) == int64(o.after)+1 {
			close(r.crashed)
			runtime.Goexit()
		}
	}
	if o.change != nil {
		o.change(&sc)
	}
	r.sender, err = outbound.NewSender(sc)
	w.do(err)
	lineCtx, hangUp := context.WithCancel(w.t.Context())
	sendCtx, stopSending := context.WithCancel(w.t.Context())
	r.hangUp, r.stopSending = hangUp, stopSending
	go func() {
		defer close(r.lineDone)
		_ = r.client.Run(lineCtx, func(_ context.Context, it cytube.Item) error {
			r.sender.Hear(it)
			if f, ok := it.(cytube.Frame); ok && f.Event == "chatMsg" {
				r.heard.Add(1)
			}
			return nil
		})
	}()
	go func() {
		defer close(r.sendDone)
		if err := r.sender.Run(sendCtx); err != nil {
			w.t.Errorf("sender: %v", err)
		}
	}()
	w.t.Cleanup(r.stop)
	return r
}

func (r *robot) joined() *robot {
	r.w.t.Helper()
	eventually(r.w.t, "joined", func() bool { return r.client.State().Joined })
	return r
}

// hears waits until the bot has heard all that the channel told so far.
func (r *robot) hears() {
	r.w.t.Helper()
	before := r.heard.Load()
	r.w.site.Notice("[server]", "that was all")
	eventually(r.w.t, "heard", func() bool { return r.heard.Load() > before })
}

// stop ends the bot in good order.
func (r *robot) stop() {
	r.stopSending()
	<-r.sendDone
	r.gone()
}

// gone ends the line of a bot whose sender has ended already.
func (r *robot) gone() {
	r.hangUp()
	<-r.lineDone
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.ended = append(r.w.ended, r.producer)
}

// crashes waits for the crash that was asked for, and ends what is left.
func (r *robot) crashes() {
	r.w.t.Helper()
	select {
	case <-r.crashed:
	case <-time.After(2 * time.Minute):
		r.w.t.Fatal("the sender did not come to the point")
	}
	<-r.sendDone
	r.gone()
}
