package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// office is a data folder with a server and a queue. Nobody sends what is left in
// it but the test.
type office struct {
	t      testing.TB
	dir    string
	stream *streams.Stream
	queue  *outbound.Queue
	// open is what a command says on the side before anything else.
	open string
}

// eachOffice runs a test with the service, and with nobody to answer.
func eachOffice(t *testing.T, test func(*testing.T, *office)) {
	for _, serviced := range []bool{true, false} {
		t.Run(fmt.Sprintf("service=%t", serviced), func(t *testing.T) {
			t.Parallel()
			test(t, newOffice(t, serviced))
		})
	}
}

func newOffice(t testing.TB, serviced bool) *office {
	t.Helper()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	q, err := outbound.OpenQueue(t.Context(), s.Stream)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, dir: string(dir), stream: s.Stream, queue: q, open: "no bot and no projector runs here; the queue is used directly\n"}
	if serviced {
		o.open = ""
		o.answer(s.Stream)
	}
	return o
}

// answer runs the service until the test ends.
func (o *office) answer(s *streams.Stream) {
	o.t.Helper()
	service, err := outbound.NewService(outbound.ServiceConfig{Stream: func(context.Context) (*streams.Stream, error) { return s, nil }})
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	o.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
	})
	await(o.t, "the service answers", func() bool { return answers(o.t.Context(), s.Conn(), outbound.ServiceName) })
}

// rosey runs a command on the folder.
func (o *office) rosey(args ...string) result {
	o.t.Helper()
	return rosey(o.t, append(args, "--data", o.dir)...)
}

// only is the message that was left.
func (o *office) only() outbound.Message {
	o.t.Helper()
	list, err := o.queue.List(o.t.Context(), outbound.Filter{})
	if err != nil || len(list) != 1 {
		o.t.Fatalf("%d messages, %v", len(list), err)
	}
	return list[0]
}

// take moves a message from queued to a state, as a bot would.
func (o *office) take(m outbound.Message, to outbound.State, change func(*outbound.Message)) outbound.Message {
	o.t.Helper()
	m, err := o.queue.Claim(o.t.Context(), m, "run-1")
	if err == nil && to != outbound.Claimed {
		m, err = o.queue.Move(o.t.Context(), m, outbound.Sending, func(n *outbound.Message) { n.SendingMS, n.Attempts = 1772395200000, n.Attempts+1 })
	}
	if err == nil && to != outbound.Claimed && to != outbound.Sending {
		m, err = o.queue.Move(o.t.Context(), m, to, change)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return m
}

func TestSend_WaitTellsTheOutcome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to     outbound.State
		reason string
		code   int
		out    string // with ID for the id
		err    string
	}{
		{outbound.Sent, "", 0, "sent  ID  shown in lounge 2026-03-01T20:00:00Z\n", ""},
		{outbound.Failed, outbound.ReasonMuted, 1, "failed  ID  for lounge: not sent, for good: the bot is muted in the channel\n",
			"try:   let a moderator unmute the bot; then rosey outbound retry ID --data DIR\n"},
		{outbound.Failed, outbound.ReasonTooLong, 1, "failed  ID  for lounge: not sent, for good: it is longer than one line of the channel\n",
			"try:   shorten it, or leave --refuse-long out: then it is split\n"},
		{outbound.Failed, "of its own", 1, "failed  ID  for lounge: not sent, for good: of its own\n", "try:   rosey outbound retry ID --data DIR\n"},
		{outbound.Abandoned, outbound.ReasonDisconnected, 1, "abandoned  ID  for lounge: given up, tried once: the bot lost the channel while it was on its way\n",
			"try:   rosey outbound retry ID --data DIR\n"},
		{outbound.Unknown, outbound.ReasonNoEcho, 3, "unknown  ID  for lounge: nobody can tell whether it was shown: the channel did not show it in time\n",
			"try:   look into the channel; rosey outbound retry ID --data DIR sends it again, so that it may be there twice\n"},
		{outbound.Sending, "", 4, "sending  ID  for lounge: on its way\n",
			"try:   rosey bot https://cytu.be/r/lounge --data DIR   (no bot is in the channel); or rosey outbound show ID --data DIR   (it is on its way, and cannot be taken back)\n"},
		{outbound.Claimed, "", 4, "claimed  ID  for lounge: about to be sent\n",
			"try:   rosey bot https://cytu.be/r/lounge --data DIR   (no bot is in the channel); or rosey outbound show ID --data DIR   (it stays queued; rosey outbound cancel ID --data DIR takes it back)\n"},
	} {
		t.Run(string(tt.to)+" "+tt.reason, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(t *testing.T, o *office) {
				take := func() outbound.Message {
					return o.take(o.only(), tt.to, func(n *outbound.Message) {
						n.Reason = tt.reason
						if tt.to == outbound.Sent {
							n.SentMS = 1772395200000
						}
					})
				}
				var m outbound.Message
				var r result
				if tt.to.Final() {
					got := make(chan result, 1)
					go func() { got <- o.rosey("send", "hello", "--channel", "Lounge", "--wait", "--timeout", "5m") }()
					await(t, "the message is queued", func() bool {
						list, err := o.queue.List(t.Context(), outbound.Filter{})
						return err == nil && len(list) == 1
					})
					m, r = take(), <-got
				} else {
					// It is so already when it is asked for again, and stays so.
					if _, _, err := o.queue.Enqueue(t.Context(), outbound.Request{Channel: "Lounge", Text: "hello", Key: "k"}); err != nil {
						t.Fatal(err)
					}
					m = take()
					r = o.rosey("send", "hello", "--channel", "Lounge", "--key", "k", "--wait", "--timeout", "100ms")
				}
				fill := strings.NewReplacer("ID", number(m.ID), "DIR", shell(o.dir))
				same(t, "output", r.out, fill.Replace(tt.out))
				same(t, "stderr", strings.TrimPrefix(r.err, o.open), fill.Replace(tt.err))
				if r.code != tt.code {
					t.Errorf("exit %d, want %d", r.code, tt.code)
				}
			})
		})
	}
}

func TestSend_LeavesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		r := o.rosey("send", "two", "words", "--channel", "Lounge", "--pm", "Ann", "--in", "10m", "--refuse-long", "--key", "k")
		m := o.only()
		if m.Text != "two words" || m.Channel != "lounge" || m.Recipient != "Ann" || m.Long != outbound.LongRefuse || m.Key != "k" {
			t.Errorf("%+v", m)
		}
		if ahead := m.NotBeforeMS - m.QueuedMS; ahead < 9*60_000 || ahead > 10*60_000 {
			t.Errorf("not before %d ms from now", ahead)
		}
		want := fmt.Sprintf("queued  %d  for Ann in lounge not before %s; no bot is there now: it is sent once one is\n", m.ID, moment(m.NotBeforeMS))
		if r.code != 0 || r.out != want {
			t.Errorf("exit %d, %q, want %q", r.code, r.out, want)
		}
		r = o.rosey("send", "two", "words", "--channel", "lounge", "--pm", "Ann", "--refuse-long", "--key", "k", "--json")
		var again struct {
			ID      int64
			Existed bool
			Bot     string
		}
		if err := json.Unmarshal([]byte(r.out), &again); err != nil || again.ID != m.ID || !again.Existed || again.Bot != "absent" {
			t.Errorf("again: %v, %+v", err, r)
		}
		if r := o.rosey("send", "other", "--channel", "lounge", "--key", "k"); r.code != 1 || !strings.Contains(r.err, "try:   another --key") {
			t.Errorf("another message: %+v", r)
		}
	})
}

func TestSend_FromStandardInput(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		send := func(text string) result {
			var out, errs suite.Output
			con := &console{out: &out, err: &errs, in: strings.NewReader(text)}
			code := executeOn(t.Context(), []string{"send", "-", "--channel", "tv", "--data", o.dir}, &out, &errs, con)
			return result{code, out.String(), errs.String()}
		}
		if r := send("line one\nline two\n"); r.code != 0 {
			t.Errorf("%+v", r)
		}
		if m := o.only(); m.Text != "line one\nline two" {
			t.Errorf("text %q", m.Text)
		}
		for what, text := range map[string]string{"nothing": "", "blank": " \n\t\n", "too much": strings.Repeat("x", outbound.MaxText+1), "no UTF-8": "\xff"} {
			if r := send(text); r.code != 2 || r.out != "" || !strings.Contains(r.err, "message ") {
				t.Errorf("%s: %+v", what, r)
			}
		}
		if r := send(strings.Repeat("x", outbound.MaxText) + "\n"); r.code != 0 {
			t.Errorf("as much as there may be: exit %d, %s", r.code, r.err)
		}
	})
}

func TestSend_WrongCommandLines(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		for _, args := range [][]string{
			{"send"}, {"send", "x", "--in", "1m", "--at", "20:15"}, {"send", "x", "--in", "-1m"}, {"send", "x", "--at", "soon"}, {"send", "x", "--timeout", "-1s"},
			{"send", "x", "--channel", "tv", "--at", "2020-01-01 20:15"}, {"send", "x", "--channel", "tv", "--at", "2020-01-01T20:15:00Z"},
			{"send", "x"}, // no channel is known
			{"send", "x", "--channel", "not a name"}, {"send", "x", "--channel", "tv", "--pm", "not a name"}, {"send", "x", "--channel", "tv", "--at", "2999-01-01 20:15"},
			{"outbound", "list", "--limit", "0"}, {"outbound", "list", "--state", "lost"}, {"outbound", "show"}, {"outbound", "cancel", "x"},
		} {
			if r := o.rosey(args...); r.code != 2 || r.out != "" || !strings.Contains(r.err, "\ntry:   ") {
				t.Errorf("%v: %+v", args, r)
			}
		}
		if list, err := o.queue.List(t.Context(), outbound.Filter{}); err != nil || len(list) != 0 {
			t.Errorf("%d messages are queued all the same, %v", len(list), err)
		}
	})
}

// A bot that is alive and not in the channel, as while the site is down, needs no
// second one beside it.
func TestSend_ABotThatTriesToGetIn(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		streamstest.Beat(t, o.stream, streams.Heartbeat{Channel: "Lounge", Producer: "p"})
		r := o.rosey("send", "hello", "--channel", "lounge")
		if r.code != 0 || !strings.HasSuffix(r.out, "; a bot runs and is trying to get into the channel: it is sent once it is there\n") {
			t.Errorf("%+v", r)
		}
		r = o.rosey("send", "hello", "--channel", "lounge", "--wait", "--timeout", "100ms")
		if want := "try:   wait: a bot runs and is trying to get into the channel, and its log says what keeps it out; or rosey outbound show "; r.code != exitWaiting || !strings.Contains(r.err, want) || strings.Contains(r.err, "https://") {
			t.Errorf("%+v", r)
		}
		if r = o.rosey("send", "hello", "--channel", "lounge", "--json"); !strings.Contains(r.out, `"bot":"coming"`) {
			t.Errorf("%+v", r)
		}
	})
}

// A server that an older version set up, and that was not started again since, has
// no queue.
func TestOutbound_QueueThatIsMissing(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		if err := o.stream.Conn().JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket); err != nil {
			t.Fatal(err)
		}
		want := "rosey: there is no queue for messages yet: this server was set up by an older version\n" +
			"try:   rosey stream setup --data " + shell(o.dir) + "   (or end the server of that folder, and start rosey up or rosey server again)\n"
		for _, args := range [][]string{{"send", "hello", "--channel", "lounge"}, {"outbound", "list"}, {"outbound", "cancel", "7"}} {
			if r := o.rosey(args...); r.code != 1 || r.out != "" || r.err != want {
				t.Errorf("%v: %+v", args, r)
			}
		}
		if r := o.rosey("stream", "setup"); r.code != 0 {
			t.Errorf("stream setup: %+v", r)
		}
		if r := o.rosey("outbound", "list"); r.code != 0 {
			t.Errorf("after stream setup: %+v", r)
		}
	})
}

// Who wants what a message's state rules out is told why, in words.
func TestOutbound_WhyItCannotBeDone(t *testing.T) {
	t.Parallel()
	sent := outbound.Message{State: outbound.Sent, SentMS: start.UnixMilli()}.View()
	for _, tt := range []struct {
		m             outbound.View
		cancel, retry string
	}{
		{sent, "was sent at " + moment(sent.SentMS) + "; it cannot be taken back", "was sent at " + moment(sent.SentMS) + "; to say it once more, send it anew"},
		{outbound.View{State: outbound.Sent}, "was sent, as another program says; it cannot be taken back", "was sent, as another program says; to say it once more, send it anew"},
		{outbound.View{State: outbound.Sending}, "is on its way; it cannot be taken back any more", "is on its way; what becomes of it has to be known first"},
		{outbound.View{State: outbound.Claimed}, "is about to be sent; it can be taken back only if that comes to nothing", "is about to be sent as it is"},
		{outbound.View{State: outbound.Cancelled}, "was taken back before", "was taken back; send it anew"},
		{outbound.View{State: outbound.Queued}, "has changed meanwhile: try again", "is in the queue as it is: waits for its turn"},
		{outbound.View{State: outbound.Failed, Reason: outbound.ReasonMuted}, "is over: not sent, for good: the bot is muted in the channel; there is nothing to take back", "has changed meanwhile: try again"},
	} {
		if got := notCancelled(tt.m); got != tt.cancel {
			t.Errorf("cancel of %s: %q, want %q", tt.m.State, got, tt.cancel)
		}
		if got := notRetried(tt.m); got != tt.retry {
			t.Errorf("retry of %s: %q, want %q", tt.m.State, got, tt.retry)
		}
	}
}

// Where nothing runs, a message waits in the folder for whoever runs there next.
func TestSend_WhereNothingRuns(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	for _, more := range [][]string{nil, {"--wait"}} {
		r := rosey(t, append([]string{"send", "hello", "--data", dir}, more...)...)
		wantCode, want := 0, "queued  "
		if more != nil {
			wantCode = exitWaiting
		}
		if r.code != wantCode || !strings.HasPrefix(r.out, want) || !strings.Contains(r.out, "for tv") ||
			!strings.HasPrefix(r.err, "nothing runs here; the queue is used directly\n") {
			t.Errorf("send %v: %+v", more, r)
		}
	}
	if r := rosey(t, "outbound", "list", "--json", "--data", dir); strings.Count(r.out, `"state":"queued"`) != 2 {
		t.Errorf("list: %+v", r)
	}
	if r := rosey(t, "send", "hello", "--data", filepath.Join(dir, "nothing")); r.code != 1 || !strings.Contains(r.err, "try:   rosey up") {
		t.Errorf("no folder: %+v", r)
	}
}

func TestOutbound_ListShowCancelRetry(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(t *testing.T, o *office) {
		if r := o.rosey("outbound", "list"); r.code != 0 || r.out != "no messages; rosey send TEXT leaves one\n" {
			t.Errorf("an empty queue: %+v", r)
		}
		const hostile = "\x1b]0;owned\x07 \u202etxt.exe\n\r\tend"
		var ids []string
		for i, text := range []string{"first", hostile, "third"} {
			m, _, err := o.queue.Enqueue(t.Context(), outbound.Request{Channel: []string{"tv", "tv", "radio"}[i], Text: text, Recipient: []string{"", "ann", ""}[i]})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, number(m.ID))
		}
		r := o.rosey("outbound")
		lines := strings.Split(r.out, "\n")
		if r.code != 0 || len(lines) != 5 || strings.ContainsAny(r.out, "\x1b\x07\u202e\r") || !strings.Contains(lines[2], "owned") {
			t.Errorf("list: %+v", r)
		}
		if r := o.rosey("outbound", "list", "--limit", "1"); !strings.Contains(r.out, "third") || strings.Contains(r.out, "first") || strings.TrimPrefix(r.err, o.open) != "2 older ones: --limit 3\n" {
			t.Errorf("the newest: %+v", r)
		}
		if r := o.rosey("outbound", "list", "--channel", "tv", "--json"); strings.Count(r.out, "\n") != 2 || !strings.Contains(r.out, `\u001b]0;owned\u0007`) {
			t.Errorf("one channel: %+v", r)
		}
		if r := o.rosey("outbound", "show", ids[1]); r.code != 0 || strings.ContainsAny(r.out, "\x1b\x07\u202e\r") || !strings.Contains(r.out, "\nto        ann alone\n") {
			t.Errorf("show: %+v", r)
		}
		if r := o.rosey("outbound", "cancel", ids[0]); r.code != 0 || !strings.HasPrefix(r.out, "cancelled  "+ids[0]+"  for tv: taken back") {
			t.Errorf("cancel: %+v", r)
		}
		if r := o.rosey("outbound", "cancel", ids[0]); r.code != 1 || !strings.Contains(r.err, "message "+ids[0]+" was taken back before\ntry:   rosey outbound show "+ids[0]+" --data ") {
			t.Errorf("cancel again: %+v", r)
		}
		if r := o.rosey("outbound", "retry", ids[2]); r.code != 1 || !strings.Contains(r.err, "message "+ids[2]+" is in the queue as it is: waits for its turn\n") {
			t.Errorf("retry of one that waits: %+v", r)
		}
		m, err := o.queue.Get(t.Context(), "radio", mustInt(t, ids[2]))
		if err != nil {
			t.Fatal(err)
		}
		o.take(m, outbound.Unknown, nil)
		if r := o.rosey("outbound", "list", "--state", "unknown", "--state", "cancelled", "--json"); strings.Count(r.out, "\n") != 2 {
			t.Errorf("two states: %+v", r)
		}
		if r := o.rosey("outbound", "retry", ids[2]); r.code != 0 || !strings.HasPrefix(r.out, "queued  "+ids[2]) {
			t.Errorf("retry: %+v", r)
		}
		for _, command := range []string{"show", "cancel", "retry"} {
			if r := o.rosey("outbound", command, "4711"); r.code != 1 || !strings.Contains(r.err, "\ntry:   rosey outbound list --data "+shell(o.dir)) {
				t.Errorf("%s of none: %+v", command, r)
			}
		}
	})
}

// mustInt reads an id.
func mustInt(t testing.TB, text string) (n int64) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The whole story of a message, in words.
func TestOutbound_Words(t *testing.T) {
	t.Parallel()
	now := start
	ms := now.UnixMilli()
	base := outbound.Message{ID: 7, Channel: "tv", Text: "hello", State: outbound.Queued, QueuedMS: ms - 90_000}
	with := func(change func(*outbound.Message)) outbound.Message {
		m := base
		change(&m)
		return m
	}
	var b strings.Builder
	for _, m := range []outbound.Message{
		base,
		with(func(m *outbound.Message) { m.NotBeforeMS = ms + 600_000 }),
		with(func(m *outbound.Message) {
			m.Attempts, m.NextAttemptMS, m.Reason = 2, ms+185_000, outbound.ReasonDisconnected
		}),
		with(func(m *outbound.Message) { m.Floods, m.NextAttemptMS, m.Reason = 1, ms+2_000, outbound.ReasonFlood }),
		with(func(m *outbound.Message) {
			m.State, m.Holder, m.LeaseUntilMS = outbound.Claimed, "caller:somebody", ms+20_000
		}),
		with(func(m *outbound.Message) {
			m.State, m.Holder, m.SendingMS, m.Attempts = outbound.Sending, "run-1", ms-3_000, 1
		}),
		with(func(m *outbound.Message) {
			m.State, m.SendingMS, m.SentMS, m.FinishedMS, m.Attempts, m.Parts, m.PartsSent = outbound.Sent, ms-3_000, ms-2_500, ms-2_400, 1, 3, 3
		}),
		with(func(m *outbound.Message) { m.State, m.FinishedMS, m.Holder = outbound.Sent, ms, "caller:old" }),
		with(func(m *outbound.Message) {
			m.State, m.Reason, m.FinishedMS, m.Attempts, m.Recipient = outbound.Failed, outbound.ReasonAbsent, ms, 1, "ann"
		}),
		with(func(m *outbound.Message) {
			m.State, m.Reason, m.FinishedMS, m.Attempts = outbound.Abandoned, outbound.ReasonNotShown, ms, 4
		}),
		with(func(m *outbound.Message) {
			m.State, m.Reason, m.FinishedMS, m.Attempts = outbound.Unknown, outbound.ReasonNoEcho, ms, 1
		}),
		with(func(m *outbound.Message) {
			m.State, m.FinishedMS, m.Long, m.Key = outbound.Cancelled, ms, outbound.LongRefuse, "k\x1b"
		}),
	} {
		fmt.Fprintf(&b, "== %s\n", inBrief(m.View(), now))
		if err := printMessage(&console{out: &b}, m.View(), " --data d", now); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "outbound_words.txt", b.String())
}

func TestOutbound_EveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		outbound.ReasonMuted, outbound.ReasonNoPermission, outbound.ReasonFiltered, outbound.ReasonFlood,
		outbound.ReasonNoEcho, outbound.ReasonNotShown, outbound.ReasonAbsent, outbound.ReasonRefused, outbound.ReasonTooLong,
		outbound.ReasonCommand, outbound.ReasonDisconnected, outbound.ReasonMarked,
	} {
		if reasonWords[reason].why == "" {
			t.Errorf("%s has no words", reason)
		}
	}
}

func TestClock_ReadsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 20, 15, 30, 0, time.UTC)
	for text, want := range map[string]string{
		"20:16": "2026-03-01T20:16:00Z", "20:15": "2026-03-02T20:15:00Z", "7:05": "2026-03-02T07:05:00Z",
		"2026-04-01 20:15": "2026-04-01T20:15:00Z", "2026-04-01T20:15:10": "2026-04-01T20:15:10Z", "2026-04-01T20:15:00+02:00": "2026-04-01T18:15:00Z",
	} {
		got, err := parseClock(text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "24:00", "soon", "10m", "2026-13-01 10:00", "2026-03-01 20:15", "2026-03-01T20:15:29", "2026-03-01T20:15:29Z", "0001-01-01T00:00:00Z"} {
		if got, err := parseClock(text, now); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
