package outbound_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/events"
	"rosey/streams"
)

// Messages are shown in the order in which they were queued, each once, and are
// sent because the channel showed them.
func TestSender_SendsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	var texts []string
	for i := range 60 {
		texts = append(texts, fmt.Sprintf("line %d", i))
	}
	ids := w.send(texts...)
	r := w.bot(options{})
	for i, id := range ids {
		m := w.ends(id, outbound.Sent, "")
		if m.SentMS == 0 || m.Attempts != 1 {
			t.Errorf("message %d: sent_ms=%d attempts=%d", i, m.SentMS, m.Attempts)
		}
	}
	w.shown(texts...)
	if d := w.site.Dropped(); d != (cytubetest.Dropped{}) {
		t.Errorf("the channel dropped %+v", d)
	}
	for i, k := range r.journal.all() {
		if k.MessageID != ids[i] || k.Message != texts[i] || k.SentMS == 0 || k.QueuedMS == 0 || r.journal.kinds[i] != events.KindMarkSent {
			t.Errorf("mark %d: %s %+v", i, r.journal.kinds[i], k)
		}
	}
	eventually(t, "all are counted", func() bool { return r.stats.Read().Outcomes[outbound.Outcome{State: outbound.Sent}] == 60 })
	if n := r.stats.Read().Lines; n != 60 {
		t.Errorf("counted %d lines", n)
	}
	eventually(t, "nothing waits", func() bool { return r.sender.Waiting() == 0 })
}

// A message that is queued while the bot is there leaves at once; one that is
// queued while it is not waits for it.
func TestSender_WaitsForTheChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{}).joined()
	w.ends(w.send("at once")[0], outbound.Sent, "")
	w.site.Stop()
	eventually(t, "out of the channel", func() bool { return !r.client.State().Joined })
	ids := w.send("later", "and later still")
	w.becomes(ids[0], "queued", func(m outbound.Message) bool { return m.State == outbound.Queued })
	w.do(w.site.Start())
	w.ends(ids[1], outbound.Sent, "")
	w.shown("at once", "later", "and later still")
}

// Of several senders in one channel each message is sent by one, and none overtakes
// another.
func TestSender_TwoBotsSendNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.bot(options{}).joined()
	w.bot(options{name: "rosie"}).joined()
	texts := numbered(60)
	for _, id := range w.send(texts...) {
		w.ends(id, outbound.Sent, "")
	}
	w.shownByBots(texts)
}

func numbered(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("line %d", i))
	}
	return texts
}

// shownByBots compares what the channel was shown by all but ann.
func (w *world) shownByBots(want []string) {
	w.t.Helper()
	var got []string
	for _, s := range w.site.Shown() {
		if s.Author != "ann" {
			got = append(got, s.Text)
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the bots showed %q, want %q", got, want)
	}
}

// The order is kept while the lead passes from one bot to the other and back,
// whichever of them may believe to have it meanwhile; who has lost it stops.
func TestSender_OrderIsKeptWhileTheLeadMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	var leads [2]atomic.Bool
	leads[0].Store(true)
	var bots [2]*robot
	for i, name := range []string{"rosey", "rosie"} {
		bots[i] = w.bot(options{name: name, change: func(c *outbound.SenderConfig) { c.Leads = leads[i].Load }}).joined()
	}
	texts := numbered(80)
	var ids []int64
	for i := range 4 {
		ids = append(ids, w.send(texts[i*20:(i+1)*20]...)...)
		w.ends(ids[i*20+5], outbound.Sent, "")
		old, next := i%2, (i+1)%2
		leads[next].Store(true)
		bots[next].hears()
		leads[old].Store(false)
	}
	for _, id := range ids {
		w.ends(id, outbound.Sent, "")
	}
	w.shownByBots(texts)
	if len(w.site.ShownBy("rosey")) == 0 || len(w.site.ShownBy("rosie")) == 0 {
		t.Error("one of the two said nothing")
	}
	last := len(w.site.ShownBy("rosie"))
	w.ends(w.send("rosey leads now")[0], outbound.Sent, "")
	if len(w.site.ShownBy("rosie")) != last {
		t.Error("a bot that no longer leads went on")
	}
}

// What another bot has in hand holds up the next message, for a while; what a program
// has fetched does not.
func TestSender_AMessageInAnothersHand(t *testing.T) {
	t.Parallel()
	const while = 400 * time.Millisecond
	for _, tt := range []struct {
		holder string
		state  outbound.State
		wait   bool
	}{
		{"another", outbound.Claimed, true},
		{"another", outbound.Sending, true},
		{"caller:program", outbound.Claimed, false},
	} {
		t.Run(tt.holder+"/"+string(tt.state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cytubetest.ChannelConfig{})
			r := w.bot(options{change: func(c *outbound.SenderConfig) {
				c.OrderWait = time.Hour
				if tt.wait {
					c.OrderWait = while
				}
			}})
			m := enqueue(t, w.queue, outbound.Request{Text: "theirs", NotBefore: time.Now().Add(time.Hour)})
			began := time.Now()
			m, err := w.queue.Move(t.Context(), m, outbound.Claimed, func(m *outbound.Message) {
				m.Holder, m.LeaseUntilMS = tt.holder, time.Now().Add(time.Minute).UnixMilli()
			})
			w.do(err)
			if tt.state == outbound.Sending {
				_, err = w.queue.Move(t.Context(), m, outbound.Sending, nil)
				w.do(err)
			}
			r.joined()
			w.ends(w.send("ours")[0], outbound.Sent, "")
			if took := time.Since(began); tt.wait && took < while {
				t.Errorf("it overtook the other after %s", took)
			}
		})
	}
}

// A bot without a name cannot speak, and is nobody's end: messages wait for one that
// has a name.
func TestSender_WithoutANameMessagesWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{anon: true}).joined()
	ids := w.send("one", "two")
	eventually(t, "they are known", func() bool { return r.sender.Waiting() == 2 })
	r.hears()
	for _, id := range ids {
		if m := w.get(id); m.State != outbound.Queued || m.Attempts != 0 || m.Holder != "" {
			t.Errorf("message %d is %s (%s) after %d attempts", id, m.State, m.Reason, m.Attempts)
		}
	}
	w.bot(options{})
	for _, id := range ids {
		w.ends(id, outbound.Sent, "")
	}
	if marks := r.journal.all(); len(marks) != 0 {
		t.Errorf("the bot without a name recorded %+v", marks)
	}
	w.shown("one", "two")
}

// What a channel answers decides over a message, and the next one is none the
// worse for it.
func TestSender_Refusals(t *testing.T) {
	t.Parallel()
	rank := func(rank float64) cytubetest.ChannelConfig {
		return cytubetest.ChannelConfig{Ranks: map[string]float64{"rosey": rank}}
	}
	for _, tt := range []struct {
		name    string
		channel cytubetest.ChannelConfig
		prepare func(*cytubetest.Channel)
		request outbound.Request
		state   outbound.State
		reason  string
		shown   []string
		unasked bool // the channel is not even asked
	}{
		{
			name:    "muted",
			prepare: func(c *cytubetest.Channel) { _ = c.Mute("rosey", false) },
			request: outbound.Request{Text: "hello"}, state: outbound.Failed, reason: outbound.ReasonMuted,
		},
		{
			name:    "no permission",
			prepare: func(c *cytubetest.Channel) { c.SetPermission("chat", 2) },
			request: outbound.Request{Text: "hello"}, state: outbound.Failed, reason: outbound.ReasonNoPermission, unasked: true,
		},
		{
			name:    "too new",
			prepare: func(c *cytubetest.Channel) { c.SetNewUserDelays(time.Hour, time.Hour) },
			request: outbound.Request{Text: "hello"}, state: outbound.Failed, reason: outbound.ReasonFiltered,
		},
		{
			name:    "too new for links",
			prepare: func(c *cytubetest.Channel) { c.SetNewUserDelays(0, time.Hour) },
			request: outbound.Request{Text: "see https://example.org"}, state: outbound.Failed, reason: outbound.ReasonFiltered,
		},
		{
			name:    "a command",
			request: outbound.Request{Text: "/kick ann"}, state: outbound.Failed, reason: outbound.ReasonCommand, unasked: true,
		},
		{
			name: "a command behind another", channel: rank(3),
			request: outbound.Request{Text: "/me /clear"}, state: outbound.Failed, reason: outbound.ReasonCommand, unasked: true,
		},
		{
			name: "shouting", channel: rank(1),
			request: outbound.Request{Text: "/say hello"}, state: outbound.Failed, reason: outbound.ReasonNoPermission, unasked: true,
		},
		{
			name:    "too long for its caller",
			request: outbound.Request{Text: strings.Repeat("x", 321), Long: outbound.LongRefuse}, state: outbound.Failed, reason: outbound.ReasonTooLong, unasked: true,
		},
		{
			name:    "to nobody",
			request: outbound.Request{Text: "psst", Recipient: "nobody"}, state: outbound.Queued, reason: outbound.ReasonAbsent,
		},
		{
			name:    "to itself",
			request: outbound.Request{Text: "psst", Recipient: "Rosey"}, state: outbound.Failed, reason: outbound.ReasonRefused, unasked: true,
		},
		{
			name:    "private, muted",
			prepare: func(c *cytubetest.Channel) { _ = c.Mute("rosey", false) },
			request: outbound.Request{Text: "psst", Recipient: "ann"}, state: outbound.Sent,
		},
		{
			name: "shadow-muted and told so", channel: rank(2),
			prepare: func(c *cytubetest.Channel) { _ = c.Mute("rosey", true) },
			request: outbound.Request{Text: "hello"}, state: outbound.Failed, reason: outbound.ReasonMuted, unasked: true,
		},
		{
			name: "shadow-muted", channel: rank(1),
			prepare: func(c *cytubetest.Channel) { _ = c.Mute("rosey", true) },
			request: outbound.Request{Text: "hello"}, state: outbound.Sent, shown: []string{"hello"},
		},
		{
			name:    "changed by a filter",
			prepare: func(c *cytubetest.Channel) { c.SetFilter(func(string) string { return "<img src=x>" }) },
			request: outbound.Request{Text: "hello"}, state: outbound.Sent, shown: []string{"hello"},
		},
		{
			name: "in another style", request: outbound.Request{Text: "/me waves\nback"}, state: outbound.Sent, shown: []string{"waves back"},
		},
		{
			name: "a path is no command", request: outbound.Request{Text: "/etc/passwd"}, state: outbound.Sent, shown: []string{"/etc/passwd"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.channel)
			r := w.bot(options{}).joined()
			if tt.prepare != nil {
				tt.prepare(w.site)
				r.hears()
			}
			before := len(w.site.Received())
			m := enqueue(t, w.queue, tt.request)
			if tt.state.Final() {
				m = w.ends(m.ID, tt.state, tt.reason)
			} else {
				m = w.becomes(m.ID, tt.reason, func(m outbound.Message) bool { return m.State == tt.state && m.Reason == tt.reason })
			}
			if tt.shown != nil {
				w.shown(tt.shown...)
			}
			if asked := len(w.site.Received()) > before; asked == tt.unasked {
				t.Errorf("the channel was asked: %t", asked)
			}
			if tt.state == outbound.Queued && (m.NextAttemptMS < m.SendingMS+119_000 || m.Attempts != 1) {
				t.Errorf("next attempt %d ms after the first, attempts %d", m.NextAttemptMS-m.SendingMS, m.Attempts)
			}
			if !tt.state.Final() {
				return
			}
			marks := r.journal.all()
			if len(marks) != 1 || marks[0].Reason != tt.reason || tt.state != outbound.Sent && marks[0].State != string(tt.state) {
				t.Errorf("recorded %+v", marks)
			}
		})
	}
}

// One that cannot be sent does not keep the next from being sent.
func TestSender_ABadMessageDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.bot(options{}).joined()
	bad := []int64{
		enqueue(t, w.queue, outbound.Request{Text: "psst", Recipient: "nobody"}).ID,
		enqueue(t, w.queue, outbound.Request{Text: "/poll a,b"}).ID,
		enqueue(t, w.queue, outbound.Request{Text: "much later", NotBefore: time.Now().Add(time.Hour)}).ID,
	}
	w.ends(w.send("good")[0], outbound.Sent, "")
	if m := w.get(bad[0]); m.State != outbound.Queued || m.Reason != outbound.ReasonAbsent {
		t.Errorf("the private message is %s (%s)", m.State, m.Reason)
	}
	if m := w.get(bad[2]); m.State != outbound.Queued || m.Attempts != 0 {
		t.Errorf("the scheduled message is %s after %d attempts", m.State, m.Attempts)
	}
	w.shown("good")
}

func TestSender_ScheduledMessageIsSentInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.bot(options{}).joined()
	at := time.Now().Add(300 * time.Millisecond)
	m := enqueue(t, w.queue, outbound.Request{Text: "later", NotBefore: at})
	if m = w.ends(m.ID, outbound.Sent, ""); m.SentMS < at.UnixMilli() {
		t.Errorf("sent %d ms before its time", at.UnixMilli()-m.SentMS)
	}
	w.shown("later")
}

// A text that is too long for a line comes in several, which are one message.
func TestSender_SplitsLongText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{}).joined()
	text := strings.TrimSpace(strings.Repeat("word ", 200))
	m := w.ends(w.send("/me " + text)[0], outbound.Sent, "")
	shown := w.site.ShownBy("rosey")
	if got := strings.Join(shown, " "); got != text || len(shown) != 4 {
		t.Errorf("%d lines were shown: %q", len(shown), got)
	}
	if m.Parts != 4 || m.PartsSent != 4 || m.Attempts != 1 || len(r.journal.all()) != 1 {
		t.Errorf("parts %d of %d, attempts %d, %d marks", m.PartsSent, m.Parts, m.Attempts, len(r.journal.all()))
	}
	private := enqueue(t, w.queue, outbound.Request{Text: text, Recipient: "ANN"})
	w.ends(private.ID, outbound.Sent, "")
}

// The channel's own flood control is kept as well.
func TestSender_KeepsTheChannelsAntiflood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{Burst: 20, Sustained: 10})
	w.site.SetAntiflood(3, 10)
	w.bot(options{change: func(c *outbound.SenderConfig) { c.Limits = outbound.Limits{} }}).joined()
	ids := w.send("one", "/me two", "three", "four", "/me five")
	for _, id := range ids {
		w.ends(id, outbound.Sent, "")
	}
	w.shown("one", "two", "three", "four", "five")
	if d := w.site.Dropped(); d.Flood != 0 {
		t.Errorf("%d lines were too early", d.Flood)
	}
}

// A site whose limit is lower than was thought drops a line. It is sent again, in
// its order, and the limit is kept from then on.
func TestSender_FloodedLinesAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{Burst: 3, Sustained: 1, FloodClock: standingStill(4)})
	r := w.bot(options{}).joined()
	ids := w.send("one", "two", "three", "four", "five", "six")
	for _, id := range ids {
		if m := w.ends(id, outbound.Sent, ""); m.Attempts != 1 {
			t.Errorf("message %q took %d attempts", m.Text, m.Attempts)
		}
	}
	w.shown("one", "two", "three", "four", "five", "six")
	if got := r.stats.Read().Retries[outbound.ReasonFlood]; got != 1 {
		t.Errorf("%d lines were refused, want 1", got)
	}
}

// standingStill is the clock of a flood limit that goes on only after it was looked at
// a number of times, once for each line: no machine is too slow to be too fast.
func standingStill(looks int64) func() int64 {
	var looked atomic.Int64
	var since time.Time // the channel looks at one time alone
	return func() int64 {
		switch n := looked.Add(1); {
		case n < looks:
			return 1
		case n == looks:
			since = time.Now()
		}
		return 1 + time.Since(since).Milliseconds()
	}
}

// No echo in time leaves it open whether a line was shown, and nothing is sent
// twice. One that comes late after all is a proof.
func TestSender_SilenceIsUnknownUntilALateEcho(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{change: func(c *outbound.SenderConfig) { c.EchoTimeout = 100 * time.Millisecond }}).joined()
	w.site.SwallowChat(1)
	ids := w.send("swallowed", "fine")
	sent := func(m outbound.Message) bool { return m.State == outbound.Sent }
	w.ends(ids[0], outbound.Unknown, outbound.ReasonNoEcho)
	w.becomes(ids[1], "sent", sent) // perhaps after all
	w.shown("fine")

	release := w.site.HoldChat()
	late := w.send("late")[0]
	w.ends(late, outbound.Unknown, outbound.ReasonNoEcho)
	release()
	m := w.becomes(late, "sent after all", sent)
	if m.SentMS == 0 {
		t.Error("it has no time")
	}
	w.shown("fine", "late")
	marks := r.journal.all()
	if last := marks[len(marks)-1]; last.MessageID != late || last.SentMS == 0 {
		t.Errorf("the last mark is %+v", last)
	}
}

// One line without an answer makes no later refusal unclear: that comes at once, and
// is the later line's own.
func TestSender_RefusalsAfterASilentLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(*cytubetest.Channel)
		to      string
		reason  string
	}{
		{"muted", func(c *cytubetest.Channel) { _ = c.Mute("rosey", false) }, "", outbound.ReasonMuted},
		{"too new", func(c *cytubetest.Channel) { c.SetNewUserDelays(time.Hour, time.Hour) }, "", outbound.ReasonFiltered},
		{"a private message to nobody", func(*cytubetest.Channel) {}, "nobody", outbound.ReasonAbsent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cytubetest.ChannelConfig{})
			r := w.bot(options{change: func(c *outbound.SenderConfig) { c.EchoTimeout = 5 * time.Second }}).joined()
			w.site.SwallowChat(1)
			w.ends(w.send("swallowed")[0], outbound.Unknown, outbound.ReasonNoEcho)
			tt.prepare(w.site)
			r.hears()
			var ids []int64
			for i := range 100 {
				ids = append(ids, enqueue(t, w.queue, outbound.Request{Text: fmt.Sprint("line ", i), Recipient: tt.to}).ID)
			}
			// Had one of them been waited for, its reason would be another.
			for _, id := range ids {
				if m := w.becomes(id, "refused", func(m outbound.Message) bool { return m.Reason != "" }); m.Reason != tt.reason {
					t.Errorf("%q is %s (%s), want %s", m.Text, m.State, m.Reason, tt.reason)
				}
			}
			w.shown()
		})
	}
}

// Nor does it keep the pace from learning that the limit is lower than was thought.
func TestSender_FloodAfterASilentLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{Burst: 3, Sustained: 1, FloodClock: standingStill(4)})
	r := w.bot(options{change: func(c *outbound.SenderConfig) { c.EchoTimeout = 5 * time.Second }}).joined()
	w.site.SwallowChat(1)
	w.ends(w.send("swallowed")[0], outbound.Unknown, outbound.ReasonNoEcho)
	var texts []string
	for i := range 7 {
		texts = append(texts, fmt.Sprint("line ", i))
	}
	for _, id := range w.send(texts...) {
		w.ends(id, outbound.Sent, "")
	}
	w.shown(texts...)
	if n := r.stats.Read().Retries[outbound.ReasonFlood]; n == 0 || n > 3 {
		t.Errorf("%d lines were too early", n)
	}
}

// Where the site answers nothing, not even questions, the refusal of one later line
// is left open, and only of one.
func TestSender_RefusalsOfASiteThatAnswersNoQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{change: func(c *outbound.SenderConfig) { c.EchoTimeout = 5 * time.Second }}).joined()
	w.site.SwallowChat(2) // the line, and the question about it
	w.ends(w.send("swallowed")[0], outbound.Unknown, outbound.ReasonNoEcho)
	w.do(w.site.Mute("rosey", false))
	r.hears()
	ids := w.send("open", "muted", "muted too")
	w.ends(ids[0], outbound.Unknown, outbound.ReasonNoEcho)
	w.ends(ids[1], outbound.Failed, outbound.ReasonMuted)
	w.ends(ids[2], outbound.Failed, outbound.ReasonMuted)
	w.shown()
}

// What cannot be recorded is not over, and nothing is sent before it is.
func TestSender_RecordsBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{})
	r.journal.mu.Lock()
	r.journal.fails = 3
	r.journal.mu.Unlock()
	ids := w.send("one", "two")
	w.ends(ids[0], outbound.Sent, "")
	w.ends(ids[1], outbound.Sent, "")
	w.shown("one", "two")
}

func TestNewSender_NeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := outbound.NewSender(outbound.SenderConfig{Channel: "lounge", Producer: "p"}); err == nil {
		t.Error("a sender without a queue")
	}
	if _, err := outbound.NewSender(outbound.SenderConfig{Producer: "p"}); err == nil {
		t.Error("a sender without a channel")
	}
	if _, err := outbound.NewSender(outbound.SenderConfig{Channel: "lounge"}); err == nil {
		t.Error("a sender without a producer")
	}
}

// The mark in the stream may move a message before its sender does: it is counted
// all the same, and once.
func TestSender_AMarkThatIsFasterThanItsSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	id := make(chan int64, 1)
	r := w.bot(options{change: func(c *outbound.SenderConfig) {
		c.Crash = func(point string) {
			if point == outbound.CrashRecorded {
				if _, err := w.queue.Move(context.Background(), w.get(<-id), outbound.Sent, nil); err != nil {
					t.Error(err)
				}
			}
		}
	}}).joined()
	first := w.send("hello")[0]
	id <- first
	w.ends(first, outbound.Sent, "")
	eventually(t, "counted", func() bool { return r.stats.Read().Outcomes[outbound.Outcome{State: outbound.Sent}] == 1 })
	w.shown("hello")
}

// Of a bucket that was removed and made again nothing that was seen before counts:
// its revisions begin anew.
func TestSender_BucketThatWasReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	r := w.bot(options{}).joined()
	w.ends(w.send("before")[0], outbound.Sent, "")
	later := outbound.Request{Text: "hello", Key: "k", NotBefore: time.Now().Add(time.Hour)}
	m := enqueue(t, w.queue, later)
	eventually(t, "the sender knows of it", func() bool { return r.sender.Waiting() == 1 })
	w.do(w.env.Conn.JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket))
	_, _, err := streams.Setup(t.Context(), w.env.Conn, streams.StreamOptions{})
	w.do(err)
	later.NotBefore = time.Time{}
	if again := enqueue(t, w.queue, later); again.ID != m.ID || again.Revision >= m.Revision {
		t.Fatalf("queued anew: %+v, before it was %+v", again, m)
	}
	w.ends(m.ID, outbound.Sent, "")
	eventually(t, "nothing waits", func() bool { return r.sender.Waiting() == 0 })
	w.shown("before", "hello")
}
