package outbound_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
)

// Wherever the bot dies, the next run finds out what became of the message, and
// nobody is shown it twice.
func TestSender_CrashBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	type want struct {
		state  outbound.State
		reason string
		shown  int
	}
	sent := want{outbound.Sent, "", 1}
	for _, point := range outbound.CrashPoints() {
		for _, kind := range []string{"public", "nothing to hold on to", "private", "in several lines"} {
			wanted := sent
			switch kind {
			case "nothing to hold on to":
				if point == outbound.CrashSending {
					wanted = want{outbound.Unknown, outbound.ReasonDisconnected, 0}
				}
			case "private":
				switch point {
				case outbound.CrashSending:
					wanted = want{outbound.Unknown, outbound.ReasonDisconnected, 0}
				case outbound.CrashWritten, outbound.CrashEchoed:
					wanted = want{outbound.Unknown, outbound.ReasonDisconnected, 1}
				}
			case "in several lines":
				wanted.shown = 3
			}
			t.Run(point+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, cytubetest.ChannelConfig{})
				if kind != "nothing to hold on to" {
					w.say("earlier", "hello")
				}
				r := w.bot(options{crash: point}).joined()
				request := outbound.Request{Text: "hello"}
				switch kind {
				case "private":
					request.Recipient = "ann"
				case "in several lines":
					request.Text = strings.TrimSpace(strings.Repeat("word ", 180))
				}
				m := enqueue(t, w.queue, request)
				next := w.send("next")[0]
				r.crashes()

				w.bot(options{})
				w.ends(m.ID, wanted.state, wanted.reason)
				w.ends(next, outbound.Sent, "")
				n := 0
				for _, s := range w.site.Shown() {
					if s.Author == "rosey" && s.Text != "next" {
						n++
					}
				}
				if n != wanted.shown {
					t.Errorf("%d lines were shown, want %d", n, wanted.shown)
				}
				if kind != "private" && wanted.shown > 0 {
					if lines := w.site.ShownBy("rosey"); lines[len(lines)-1] != "next" {
						t.Errorf("the order is %q", lines)
					}
				}
			})
		}
	}
}

// A line is not taken for the one before it, which said the same.
func TestSender_CrashAmongEqualLines(t *testing.T) {
	t.Parallel()
	for _, point := range []string{outbound.CrashSending, outbound.CrashWritten} {
		for after := range 3 {
			t.Run(fmt.Sprint(point, "/", after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, cytubetest.ChannelConfig{})
				w.say("earlier")
				r := w.bot(options{crash: point, after: after}).joined()
				part := strings.Repeat("word ", 63) + "words" // 320
				m := enqueue(t, w.queue, outbound.Request{Text: strings.Join([]string{part, part, part}, " ")})
				r.crashes()
				w.bot(options{})
				w.ends(m.ID, outbound.Sent, "")
				w.shown(part, part, part)
			})
			t.Run(fmt.Sprint(point, "/messages/", after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, cytubetest.ChannelConfig{})
				w.say("earlier")
				r := w.bot(options{crash: point, after: after}).joined()
				ids := w.send("again", "again", "again")
				r.crashes()
				w.bot(options{})
				for _, id := range ids {
					w.ends(id, outbound.Sent, "")
				}
				w.shown("again", "again", "again")
			})
		}
	}
}

// The server may have taken a line whose sender lost the connection in that moment,
// or not. The history of the next visit tells.
func TestSender_LostConnectionIsSettledByTheHistory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before func(*world)
		taken  bool
		after  func(*world) // while the bot is away
		state  outbound.State
		reason string
		shown  []string
	}{
		{"taken", nil, true, nil, outbound.Sent, "", []string{"hello"}},
		{"not taken", nil, false, nil, outbound.Sent, "", []string{"hello"}},
		{
			"taken, as the same text was before", func(w *world) { w.await(w.send("hello")[0]) }, true, nil,
			outbound.Sent, "", []string{"hello", "hello"},
		},
		{
			"not taken, as the same text was before", func(w *world) { w.await(w.send("hello")[0]) }, false, nil,
			outbound.Sent, "", []string{"hello", "hello"},
		},
		{
			"taken, and pushed out of the history", nil, true, func(w *world) { w.chatter(20) },
			outbound.Unknown, outbound.ReasonDisconnected, []string{"hello"},
		},
		{
			"taken, and nearly pushed out", nil, true, func(w *world) { w.chatter(14) },
			outbound.Sent, "", []string{"hello"},
		},
		{
			"not taken, and the history does not reach back", nil, false, func(w *world) { w.chatter(15) },
			outbound.Unknown, outbound.ReasonDisconnected, nil,
		},
		{
			"taken, and cleared", nil, true, func(w *world) { w.site.ClearChat("ann") },
			outbound.Unknown, outbound.ReasonDisconnected, []string{"hello"},
		},
		{
			"not taken, and cleared", nil, false, func(w *world) { w.site.ClearChat("ann"); w.chatter(3) },
			outbound.Unknown, outbound.ReasonDisconnected, nil,
		},
		{
			"taken, and changed by a filter", func(w *world) { w.site.SetFilter(cytubetest.DefaultFilters) }, true, nil,
			outbound.Sent, "", []string{"hello"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cytubetest.ChannelConfig{})
			w.say("earlier")
			r := w.bot(options{}).joined()
			if tt.before != nil {
				tt.before(w)
			}
			r.hears()
			w.site.CutChat(tt.taken)
			if tt.after != nil {
				w.site.Refuse("not now") // until that has happened
			}
			id := w.send("hello")[0]
			if tt.after != nil {
				eventually(t, "cut", func() bool { return !r.client.State().Joined })
				tt.after(w)
				w.site.Refuse("")
			}
			m := w.ends(id, tt.state, tt.reason)
			w.shown(tt.shown...)
			if tt.state == outbound.Sent && m.SentMS == 0 {
				t.Error("it has no time")
			}
		})
	}
}

// chatter has ann say so many lines.
func (w *world) chatter(n int) {
	w.t.Helper()
	for i := range n {
		w.say(fmt.Sprintf("chatter %d", i))
	}
}

// A message that the line to the channel ends with is not tried for ever, and not
// faster and faster.
func TestSender_LinesThatAreLostAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.say("earlier")
	r := w.bot(options{}).joined()
	for range 4 {
		w.site.CutChat(false)
	}
	id := w.send("cursed")[0]
	m := w.becomes(id, "put off", func(m outbound.Message) bool { return m.State == outbound.Queued && m.NextAttemptMS > 0 })
	if m.Unseen != 3 || m.Attempts != 1 || m.Reason != outbound.ReasonNotShown || m.NextAttemptMS < time.Now().Add(time.Minute).UnixMilli() {
		t.Errorf("unseen %d, attempts %d, reason %s, next in %s", m.Unseen, m.Attempts, m.Reason, time.Until(time.UnixMilli(m.NextAttemptMS)))
	}
	w.ends(w.send("other")[0], outbound.Sent, "")
	w.shown("other")
	if got := r.stats.Read().Retries[outbound.ReasonNotShown]; got != 4 {
		t.Errorf("%d retries were counted", got)
	}
}

// An outcome that was recorded and did not get any further counts, not what the
// history looks like; also where it is still on its way into the stream.
func TestSender_OutcomeOfAnEarlierRunCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.say("earlier")
	first := w.bot(options{crash: outbound.CrashRecorded, held: true}).joined()
	w.do(w.site.Mute("rosey", false))
	first.hears()
	id := w.send("hello")[0]
	first.crashes()
	if m := w.get(id); m.State != outbound.Sending {
		t.Fatalf("the first run left it %s", m.State)
	}
	released := make(chan struct{})
	w.bot(options{change: func(c *outbound.SenderConfig) {
		c.SettleEarlier = func(ctx context.Context) error {
			select {
			case <-released:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}}).joined()
	w.do(w.site.Unmute("rosey"))
	if m := w.get(id); m.State != outbound.Sending {
		t.Errorf("it is %s before anybody could know", m.State)
	}
	first.journal.release(t)
	close(released)
	w.ends(id, outbound.Failed, outbound.ReasonMuted)
	w.shown()
}

// What another bot is sending is left to it, for as long as it may know more. Once
// ours joins in its name the history decides.
func TestSender_AnotherBotsMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, as string
		patience time.Duration
		again    bool // our bot joins again
		state    outbound.State
		reason   string
	}{
		{"in our name, and we come again", "Rosey", time.Hour, true, outbound.Sent, ""},
		{"in our name, and we stay", "rosey", 100 * time.Millisecond, false, outbound.Sent, ""},
		{"in our name, a moment ago", "rosey", time.Hour, false, outbound.Sending, ""},
		{"in another name, a moment ago", "rosie", time.Hour, true, outbound.Sending, ""},
		{"in another name, for long", "rosie", 100 * time.Millisecond, false, outbound.Unknown, outbound.ReasonDisconnected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cytubetest.ChannelConfig{})
			after, err := w.site.SayAt("ann", "earlier")
			w.do(err)
			r := w.bot(options{change: func(c *outbound.SenderConfig) { c.Patience, c.OrderWait = tt.patience, 50*time.Millisecond }}).joined()
			m := enqueue(t, w.queue, outbound.Request{Text: "theirs", NotBefore: time.Now().Add(time.Hour)})
			m, err = w.queue.Move(t.Context(), m, outbound.Claimed, func(m *outbound.Message) {
				m.Holder, m.LeaseUntilMS = "somebody", time.Now().Add(time.Hour).UnixMilli()
			})
			w.do(err)
			m, err = w.queue.Move(t.Context(), m, outbound.Sending, func(m *outbound.Message) {
				m.As, m.AfterMS, m.SendingMS, m.Attempts, m.NotBeforeMS = tt.as, after, time.Now().UnixMilli(), 1, 0
			})
			w.do(err)
			w.ends(w.send("ours")[0], outbound.Sent, "")
			if tt.again {
				eventually(t, "seen", func() bool { return r.sender.Waiting() == 1 })
				w.site.CutAll()
				r.hears()
			}
			got := w.becomes(m.ID, string(tt.state), func(m outbound.Message) bool { return m.State == tt.state })
			if got.Reason != tt.reason {
				t.Errorf("its reason is %s, want %s", got.Reason, tt.reason)
			}
		})
	}
}

// A line that an older connection of ours still holds is lost with it: a join
// throws that out before it sends the history.
func TestSender_LineThatTheOldConnectionHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	w.say("earlier")
	r := w.bot(options{crash: outbound.CrashWritten}).joined()
	r.hears()
	release := w.site.HoldChat()
	id := w.send("held")[0]
	r.crashes()
	w.bot(options{}).joined()
	release()
	w.ends(id, outbound.Sent, "")
	w.shown("held")
}
