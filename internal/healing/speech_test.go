package healing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/internal/campaign/speech"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// swift are flood limits under which a thousand messages take seconds.
var swift = outbound.Rate{Burst: 20, Sustained: 500}

// A thousand messages are all shown, once, in their order, and no line is punished.
func TestSender_AThousandMessagesAreShownOnceAndInOrder(t *testing.T) {
	t.Parallel()
	o := newOrator(t)
	begun := time.Now()
	o.ask(1000, speech.PlainMessage)
	v := o.judge(0)
	if v.Sent != 1000 || v.Retried > 0 || v.Late > 0 {
		t.Errorf("of 1000 messages: %s", &v.Figures)
	}
	t.Logf("within %s: %s", time.Since(begun).Round(time.Millisecond), &v.Figures)
}

// Messages of all sorts are said while the server is restarted and the line to the
// channel cut, at any moment and around a line. None is lost, none is shown twice,
// and of what nobody can tell there is a reason.
func TestSender_SpeaksThroughLostServersAndLines(t *testing.T) {
	t.Parallel()
	o := newOrator(t, streamstest.WithSync())
	const messages = 300
	var wg sync.WaitGroup
	ctx, quiet := context.WithCancel(t.Context())
	defer quiet()
	wg.Go(func() { // so slowly that what a join brings again reaches behind a break
		for ctx.Err() == nil {
			o.say(1)
			time.Sleep(50 * time.Millisecond)
		}
	})
	wg.Go(func() {
		for n := 1; n <= messages; n += 10 {
			o.ask(10, func(int) speech.Asked { return speech.Message(len(o.asked)+1, "bob") })
			time.Sleep(20 * time.Millisecond)
		}
	})
	breaks := []func(){
		func() { o.channel.CutChat(true) },
		func() { o.channel.CutAll() },
		func() { o.do(o.env.Server.Restart(t.Context())) },
		func() { o.channel.CutChat(false) },
		func() { o.do(o.channel.Restart(50 * time.Millisecond)) },
		func() { o.do(o.env.Server.Restart(t.Context())) },
		func() { o.channel.CutChat(true) },
		func() { o.do(o.channel.Kick("rosey", "a moment, please")) },
	}
	for i, breakSomething := range breaks {
		shown := len(o.channel.Shown())
		breakSomething()
		o.until(fmt.Sprintf("the bot goes on speaking after break %d", i), func() bool {
			time.Sleep(20 * time.Millisecond)
			return len(o.channel.Shown()) > shown+3 || len(o.open()) == 0
		})
	}
	quiet()
	wg.Wait()
	v := o.judge(len(breaks))
	if v.Unknown > 3 {
		t.Errorf("%d are unknown", v.Unknown)
	}
	t.Logf("%d breaks: %s", len(breaks), &v.Figures)
}

// orator is a rig with a bot that speaks.
type orator struct {
	*rig
	env    *streamstest.Env
	queue  *outbound.Queue
	sender *outbound.Sender
	asked  []speech.Asked
	stop   func() error
}

// listener holds back what the bot hears until there is a sender.
type listener struct {
	mu      sync.Mutex
	backlog []cytube.Item
	sender  *outbound.Sender
}

func (l *listener) hear(it cytube.Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sender == nil {
		l.backlog = append(l.backlog, it)
		return
	}
	l.sender.Hear(it)
}

func (l *listener) tell(s *outbound.Sender) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.backlog {
		s.Hear(it)
	}
	l.sender = s
}

func newOrator(t *testing.T, opt ...streamstest.Option) *orator {
	t.Helper()
	env, opts := embeddedEnv(t, opt...)
	var ears listener
	opts.tune = func(c *bot.RecorderConfig) {
		c.Hear = ears.hear
		c.CyTube.KickPause = cytube.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	}
	opts.channel = func(c *cytubetest.ChannelConfig) { c.Burst, c.Sustained = swift.Burst, swift.Sustained }
	o := &orator{rig: newRig(t, opts), env: env}
	var err error
	if o.queue, err = outbound.OpenQueue(t.Context(), o.stream); err != nil {
		t.Fatal(err)
	}
	o.sender, err = outbound.NewSender(outbound.SenderConfig{
		Channel: o.channel.Name(), Producer: o.bot.Producer(), Line: o.bot.Client(), Journal: o.bot,
		Queue:        func(ctx context.Context) (*outbound.Queue, error) { return outbound.OpenQueue(ctx, o.stream) },
		Acknowledged: o.bot.Acknowledged, SettleEarlier: o.bot.SettleEarlier, IsEarlier: o.bot.IsEarlier,
		Limits: outbound.Limits{Chat: swift}, Logger: o.log.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	ears.tell(o.sender)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	o.stop = background(func() error { return o.sender.Run(ctx) }, cancel)
	t.Cleanup(func() { _ = o.stop() })
	return o
}

func (o *orator) do(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Error(err)
	}
}

// ask queues so many messages. The keys make it safe to ask again while the server
// is away.
func (o *orator) ask(messages int, message func(n int) speech.Asked) {
	o.t.Helper()
	for n := 1; n <= messages; n++ {
		a := message(n)
		r := a.Request(o.channel.Name())
		if a.Kind == speech.Later {
			r.NotBefore = time.Now().Add(300 * time.Millisecond)
		}
		for a.ID == 0 {
			if m, _, err := o.queue.Enqueue(o.t.Context(), r); err == nil {
				a.ID = m.ID
			} else if o.t.Context().Err() != nil {
				return
			}
		}
		o.asked = append(o.asked, a)
	}
}

func (o *orator) list() []outbound.Message {
	for {
		all, err := o.queue.List(o.t.Context(), outbound.Filter{})
		if err == nil || o.t.Context().Err() != nil {
			return all
		}
	}
}

// open are the messages that have not come to an end. Those that would be tried
// again only in minutes are cancelled.
func (o *orator) open() []outbound.Message {
	open := slices.DeleteFunc(o.list(), func(m outbound.Message) bool { return m.State.Final() })
	for _, m := range open {
		if m.State == outbound.Queued && time.UnixMilli(m.NextAttemptMS).After(time.Now().Add(5*time.Second)) {
			_, _ = o.queue.Cancel(o.t.Context(), m.Channel, m.ID) // where it is too late, the next look tells
		}
	}
	return open
}

// judge waits until every message has come to an end, ends everything and holds
// what everybody knows against each other.
func (o *orator) judge(breaks int) *speech.Verdict {
	o.t.Helper()
	for left := len(o.asked); left > 0; { // it takes its time, as long as there are fewer and fewer
		o.until("another message comes to an end", func() bool {
			time.Sleep(100 * time.Millisecond) // a look reads the whole queue
			before := left
			left = len(o.open())
			return left < before || left == 0
		})
	}
	e := speech.Evidence{
		Asked: o.asked, Final: o.list(), Shown: o.channel.Shown(), Dropped: o.channel.Dropped(), Deaths: breaks,
	}
	o.do(o.stop())
	o.settle()
	o.checkStream()
	o.checkReplay()
	for _, m := range o.stored() {
		line, err := json.Marshal(map[string]any{"seq": m.Seq, "subject": m.Subject, "data": json.RawMessage(m.Data)})
		if err == nil {
			err = e.AddExported(line)
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
	db, err := schema.OpenReader(o.t.Context(), o.store.Link)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := e.ReadRows(o.t.Context(), db); err != nil {
		o.t.Fatal(err)
	}
	v := e.Judge()
	if !v.OK() {
		o.t.Errorf("%s", v)
	}
	return v
}
