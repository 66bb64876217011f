package endtoend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/internal/campaign/speech"
	"rosey/internal/installation"
)

// Many messages are queued at once, on a channel with a real one's flood limits.
// All are said, in their order, none twice, and no line is punished.
func TestProcesses_ManyMessagesAreSaidInTheirOrder(t *testing.T) {
	t.Parallel()
	messages := 40
	if *long {
		messages = 1000
	}
	o := newOrator(t)
	defer o.stopTalk()
	begun := time.Now()
	o.ask(messages)
	final := o.rest(t.Context(), time.Duration(messages)*250*time.Millisecond+10*time.Minute, 0)
	took := time.Since(begun)
	v := o.judge(final, 0)
	if v.Sent != messages || v.Retried > 0 || v.Late > 0 {
		t.Errorf("of %d messages: %s", messages, &v.Figures)
	}
	t.Logf("%s to be shown: %s", took.Round(time.Millisecond), &v.Figures)
}

// The bot is killed every few seconds while it works off what is queued. None is
// lost, none is shown twice, and what nobody can tell is called unknown, with a
// reason.
func TestProcesses_KilledWhileTheBotSpeaks(t *testing.T) {
	t.Parallel()
	messages, least, most := 70, 700*time.Millisecond, 1500*time.Millisecond
	patient := time.Duration(0)
	if *long {
		messages, least, most = 1000, 2*time.Second, 5*time.Second
		patient = 10 * time.Minute // what was not shown is tried again in two minutes
	}
	r := random(t)
	o := newOrator(t)
	defer o.stopTalk()
	o.ask(messages)
	kills := 0
	for len(o.open(t.Context(), patient)) > 0 && kills < messages {
		time.Sleep(least + time.Duration(r.Int64N(int64(most-least))))
		if len(o.waiting(t.Context())) == 0 {
			break // only retries are left: they are waited for below
		}
		o.bot.fell()
		kills++
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		o.bot.start()
	}
	if kills < 2 {
		t.Errorf("only %d kills", kills)
	}
	v := o.judge(o.rest(t.Context(), 10*time.Minute, patient), kills)
	if v.Unknown > max(5, kills/10) {
		t.Errorf("%d messages are unknown after %d kills", v.Unknown, kills)
	}
	t.Logf("%d kills: %s", kills, &v.Figures)
}

// orator is an installation of three processes with a bot that is asked to speak.
type orator struct {
	t       *testing.T
	data    string
	channel *cytubetest.Channel
	parts   []*part
	bot     *part
	queue   *outbound.Queue
	asked   []speech.Asked
	endTalk func()
}

func newOrator(t *testing.T) *orator {
	t.Helper()
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "speech", UserCountEvery: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channel.Close)
	data := filepath.Join(t.TempDir(), "data")
	o := &orator{t: t, data: data, channel: channel}
	o.bot = &part{name: "bot", args: []string{"bot", channel.PageURL(), "--username", "rosey", "--data", data, "--wait"}}
	o.parts = []*part{
		{name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off"}},
		{name: "projector", args: []string{"projector", "--data", data}},
		o.bot,
	}
	for _, p := range o.parts {
		p.t = t
		p.start()
	}
	until(t, "the bot is in the channel", func() bool { return channel.Clients() > 0 })
	o.queue = openQueue(t, installation.Dir(data))
	o.talk()
	return o
}

// openQueue waits for the server and opens the queue on it.
func openQueue(t *testing.T, d installation.Dir) (q *outbound.Queue) {
	t.Helper()
	until(t, "the queue can be reached", func() bool {
		cfg, err := d.ClientConfig(nil)
		if err != nil {
			return false
		}
		a, err := installation.AttachTo(t.Context(), cfg)
		if err != nil {
			return false
		}
		if q, err = outbound.OpenQueue(t.Context(), a.Stream); err != nil {
			_ = a.Close()
			return false
		}
		t.Cleanup(func() { _ = a.Close() })
		return true
	})
	return q
}

// talk lets people talk meanwhile, as slowly as they do.
func (o *orator) talk() {
	o.t.Helper()
	if err := o.channel.Join("ann"); err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(o.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for n := 0; ctx.Err() == nil; n++ {
			if err := o.channel.Say("ann", fmt.Sprint("people say ", n)); err != nil {
				o.t.Error(err)
				return
			}
			time.Sleep(time.Duration(r.IntN(600)) * time.Millisecond)
		}
	})
	o.endTalk = sync.OnceFunc(func() { cancel(); wg.Wait() })
}

func (o *orator) stopTalk() { o.endTalk() }

// ask queues so many messages as fast as it goes.
func (o *orator) ask(messages int) {
	o.t.Helper()
	for n := 1; n <= messages; n++ {
		a := speech.PlainMessage(n)
		m, _, err := o.queue.Enqueue(o.t.Context(), a.Request(o.channel.Name()))
		if err != nil {
			o.t.Fatal(err)
		}
		a.ID = m.ID
		o.asked = append(o.asked, a)
	}
}

func (o *orator) list(ctx context.Context) []outbound.Message {
	o.t.Helper()
	all, err := o.queue.List(ctx, outbound.Filter{})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

// open are the messages that have not come to an end. Those that wait longer for
// their next attempt than is waited for are cancelled.
func (o *orator) open(ctx context.Context, patient time.Duration) []outbound.Message {
	o.t.Helper()
	open := slices.DeleteFunc(o.list(ctx), func(m outbound.Message) bool { return m.State.Final() })
	for _, m := range open {
		if m.State == outbound.Queued && time.UnixMilli(m.NextAttemptMS).After(time.Now().Add(patient+5*time.Second)) {
			_, _ = o.queue.Cancel(ctx, m.Channel, m.ID) // where it is too late, the next look tells
		}
	}
	return open
}

// waiting are those that the bot could say now.
func (o *orator) waiting(ctx context.Context) []outbound.Message {
	o.t.Helper()
	return slices.DeleteFunc(o.list(ctx), func(m outbound.Message) bool { return m.State.Final() || m.NextAttemptMS > 0 })
}

// rest waits until every message has come to an end.
func (o *orator) rest(ctx context.Context, limit, patient time.Duration) []outbound.Message {
	o.t.Helper()
	for end := time.Now().Add(limit + patient); len(o.open(ctx, patient)) > 0; {
		if time.Now().After(end) {
			o.t.Errorf("%d messages have not come to an end", len(o.open(ctx, patient)))
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return o.list(ctx)
}

// judge ends the installation and holds what everybody knows against each other.
func (o *orator) judge(final []outbound.Message, deaths int) *speech.Verdict {
	o.t.Helper()
	o.stopTalk()
	for _, p := range slices.Backward(o.parts) {
		p.stop()
	}
	e := speech.Evidence{Asked: o.asked, Final: final, Shown: o.channel.Shown(), Dropped: o.channel.Dropped(), Deaths: deaths}
	for line := range strings.Lines(must(o.t, "export", "events", "--data", o.data)) {
		if err := e.AddExported([]byte(line)); err != nil {
			o.t.Fatal(err)
		}
	}
	// The projector may have ended before the bot's last marks.
	must(o.t, "replay", "--data", o.data)
	if err := e.ReadRows(o.t.Context(), openTables(o.t, o.data)); err != nil {
		o.t.Fatal(err)
	}
	v := e.Judge()
	if !v.OK() {
		o.t.Errorf("%s", v)
	}
	return v
}
