package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestTail_ForPeople(t *testing.T) {
	t.Parallel()
	dir := string(record(t, append(evening(),
		at(20*time.Minute, events.KindMessagePrivate, &events.MessagePrivate{Username: "null", Recipient: "rosey", Message: "psst\x1b"}),
		at(20*time.Minute, events.KindUserUpdated, &events.UserUpdated{Username: "null", AFK: new(bool), Rank: new(float64)}),
		at(21*time.Minute, events.CyTubeKind("drink"), nil),
		at(21*time.Minute, events.KindMessageLog, &events.MessageLog{Username: "[server]", Message: "hi", Notice: "server", History: true}),
	)...))
	for _, tt := range []struct {
		args string
		want string
	}{
		{"tail", `
       1  2026-03-01T20:00:00Z  tv  bot.connected     -  wss://example.org
       2  2026-03-01T20:00:00Z  tv  bot.joined        rosey
       3  2026-03-01T20:00:00Z  tv  user.roster       -  2 users
       4  2026-03-01T20:00:01Z  tv  user.joined       -  rank 1.5
       5  2026-03-01T20:00:02Z  tv  user.joined       __proto__  rank 1.5
       6  2026-03-01T20:00:03Z  tv  message.log       null  pizza & <b>chips</b>?
       7  2026-03-01T20:00:04Z  tv  message.log       -  emoji 😀, quotes " and \
       8  2026-03-01T20:00:05Z  tv  message.log       __proto__  �[31mred���pizza
       9  2026-03-01T20:00:06Z  tv  message.log       Null  pizza again
      10  2026-03-01T20:00:07Z  tv  stats.user_count  -  4 users of 9 connected
      11  2026-03-01T20:00:08Z  tv  media.changed     -  <Paper> Moths�& others (yt:a-b, 01:01:01)
      12  2026-03-01T20:00:09Z  tv  poll.opened       null  Best? [0,1]
      13  2026-03-01T20:10:00Z  tv  user.left         -
      14  2026-03-01T20:15:00Z  tv  stats.user_count  -  3 users of 20 connected
      15  2026-03-01T20:15:00Z  tv  media.changed     -  Second (vi:2, 00:59)
      16  2026-03-01T20:20:00Z  tv  message.private   null  to rosey: psst�
      17  2026-03-01T20:20:00Z  tv  user.updated      null  rank 0, back
      18  2026-03-01T20:21:00Z  tv  cytube.drink      -
      19  2026-03-01T20:21:00Z  tv  message.log       [server]  (server, sent again) hi
`},
		{"tail --limit 2", `
      18  2026-03-01T20:21:00Z  tv  cytube.drink      -
      19  2026-03-01T20:21:00Z  tv  message.log       [server]  (server, sent again) hi
`},
		{"tail --seq 4 --limit 2", `
       4  2026-03-01T20:00:01Z  tv  user.joined       -  rank 1.5
       5  2026-03-01T20:00:02Z  tv  user.joined       __proto__  rank 1.5
`},
		{"tail --kind media --kind poll.opened", `
      11  2026-03-01T20:00:08Z  tv  media.changed     -  <Paper> Moths�& others (yt:a-b, 01:01:01)
      12  2026-03-01T20:00:09Z  tv  poll.opened       null  Best? [0,1]
      15  2026-03-01T20:15:00Z  tv  media.changed     -  Second (vi:2, 00:59)
`},
		{"tail --user NULL --kind user", `
       3  2026-03-01T20:00:00Z  tv  user.roster       -  2 users
      17  2026-03-01T20:20:00Z  tv  user.updated      null  rank 0, back
`},
		{"tail --user=-", `
       4  2026-03-01T20:00:01Z  tv  user.joined       -  rank 1.5
       7  2026-03-01T20:00:04Z  tv  message.log       -  emoji 😀, quotes " and \
      11  2026-03-01T20:00:08Z  tv  media.changed     -  <Paper> Moths�& others (yt:a-b, 01:01:01)
      13  2026-03-01T20:10:00Z  tv  user.left         -
`},
		{"tail --channel TV --kind stats --limit 1", `
      14  2026-03-01T20:15:00Z  tv  stats.user_count  -  3 users of 20 connected
`},
		{"tail --channel radio", `
`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			r := rosey(t, append(strings.Fields(tt.args), "--data", dir)...)
			same(t, "output", r.out, tt.want)
			if r.code != 0 || r.err != "" {
				t.Errorf("exit %d, stderr %s", r.code, r.err)
			}
		})
	}
}

// line is one event as machines get it.
type line struct {
	Seq     uint64          `json:"seq"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
	Raw     []byte          `json:"raw"`
}

func lines(t testing.TB, out string) []line {
	t.Helper()
	var list []line
	for _, text := range strings.SplitAfter(out, "\n") {
		if text == "" {
			continue
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		list = append(list, l)
	}
	return list
}

func sequences(list []line) string {
	var text []string
	for _, l := range list {
		text = append(text, fmt.Sprint(l.Seq))
	}
	return strings.Join(text, " ")
}

func TestTail_ForMachinesTheDataIsVerbatim(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	stored := []string{
		`{"username":"__proto__","message":"\u0041 <b> 😀 \u0000"}`,
		`{ "b" : 1.50 , "a":null,"a":2 }`,
		"{\n  \"pretty\": \"a b\"\r\n}",
		`not JSON`, ``, "\xff\x00", `[]`, `"text"`,
	}
	for _, data := range stored {
		store(t, s.Stream, "rosey.db.cytube.x", []byte(data))
	}
	defer func() { _ = s.Stop() }()
	r := rosey(t, "tail", "--json", "--no-follow", "--data", string(dir))
	list := lines(t, r.out)
	if r.code != 0 || len(list) != len(stored) {
		t.Fatalf("exit %d, %d lines, %s", r.code, len(list), r.err)
	}
	for i, l := range list {
		want := stored[i]
		got := string(l.Data)
		if got == "null" {
			got = string(l.Raw)
		}
		if strings.Contains(want, "pretty") {
			want = `{"pretty":"a b"}`
		}
		if got != want || l.Subject != "rosey.db.cytube.x" || l.Seq != uint64(i+1) || time.Since(l.Time) > time.Hour {
			t.Errorf("got %q, want %q (%+v)", got, want, l)
		}
	}
	if r := rosey(t, "tail", "--no-follow", "--data", string(dir)); r.code != 0 || strings.Count(r.out, "\n") != len(stored) {
		t.Errorf("for people: %+v", r)
	}
}

func TestTail_FollowsARunningInstallationUntilToldToStop(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	appendAll(t, s.Stream, said(0, "ann", "before"), said(1, "bob", "not she"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs suite.Output
	done := make(chan error, 1)
	c := &tailCmd{dataFlag: dataFlag{Data: string(dir)}, eventFilter: eventFilter{kindFlag: kindFlag{[]string{"message"}}, User: "ANN"}}
	go func() { done <- c.Run(ctx, &console{out: &out, err: &errs}) }()
	await(t, "what was there", func() bool { return strings.Contains(out.String(), "before") })
	appendAll(t, s.Stream, joined(2, "ann"), said(3, "ann", "meanwhile"))
	await(t, "what came", func() bool { return strings.Contains(out.String(), "meanwhile") })

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	await(t, "the server is gone", func() bool { return strings.Contains(errs.String(), "the server is gone") })
	s = serve(t, dir) // on another port
	defer func() { _ = s.Stop() }()
	appendAll(t, s.Stream, said(4, "ann", "after all"))
	await(t, "what came after a restart", func() bool { return strings.Contains(out.String(), "after all") })
	await(t, "the server is back", func() bool { return strings.Contains(errs.String(), "the server is back") })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("end: %v", err)
	}
	if got := out.String(); strings.Count(got, "\n") != 3 || strings.Contains(got, "joined") || strings.Contains(got, "bob") {
		t.Errorf("got\n%s", got)
	}
}

func TestTail_LimitEndsAPageWhileFollowing(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	defer func() { _ = s.Stop() }()
	appendAll(t, s.Stream, evening()...)
	r := rosey(t, "tail", "--seq", "3", "--limit", "4", "--json", "--data", string(dir))
	if got := sequences(lines(t, r.out)); r.code != 0 || got != "3 4 5 6" {
		t.Errorf("exit %d, %s, %s", r.code, got, r.err)
	}
	r = rosey(t, "tail", "--since", "1h", "--limit", "2", "--json", "--data", string(dir))
	if got := sequences(lines(t, r.out)); r.code != 0 || got != "1 2" {
		t.Errorf("since: exit %d, %s, %s", r.code, got, r.err)
	}
}

func TestTail_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	refused(t, []string{"tail", "--data", dir}, []refusal{
		{"--kind mesage", 2, "rosey: no kind of event is called \"mesage\"\ntry:   --kind with one of: bot, channel, cytube, media, message, messages, operator, playlist, poll, stats, status, user\n"},
		{"--kind user.jined", 2, "rosey: no kind of event is called \"user.jined\"\ntry:   --kind with one of: user.joined, user.left, user.roster, user.updated\n"},
		{"--kind mess", 2, "rosey: no kind of event is called \"mess\"\ntry:   --kind with one of: bot, channel, cytube, media, message, messages, operator, playlist, poll, stats, status, user\n"},
		{"--since 10m --seq 5", 2, "rosey: tail: --since and --seq are two beginnings\ntry:   give one of them\n"},
		{"--seq 500", 1, "rosey: tail: the stream ends with seq=15\ntry:   rosey tail --seq 15\n"},
		{"--limit 20000", 2, "rosey: tail: the last 10000 events at most\ntry:   rosey export events --from SEQ, or rosey tail --seq SEQ\n"},
		{"--since yesterday", 2, "rosey: --since: \"yesterday\" is no time: give one such as 2026-04-01T18:00:00Z, 2026-04-01 20:00:00 +02:00, or how long ago, such as 10m\ntry:   rosey tail --help\n"},
	})
	if r := rosey(t, "tail", "--data", dir+"/nothing"); r.code != 1 || !strings.Contains(r.err, "nothing was recorded in this data folder yet\ntry:") {
		t.Errorf("no folder: %+v", r)
	}
	empty := string(record(t))
	if r := rosey(t, "tail", "--data", empty); r.code != 0 || r.out+r.err != "" {
		t.Errorf("an empty stream: %+v", r)
	}
	if r := rosey(t, "tail", "--since", "1h", "--data", empty); r.code != 0 || r.out+r.err != "" {
		t.Errorf("an empty stream since: %+v", r)
	}
}

func TestTail_KindsBecomeSubjects(t *testing.T) {
	t.Parallel()
	all := make([]string, 0, 64)
	for _, k := range events.Kinds() {
		all = append(all, string(k))
	}
	for _, tt := range []struct {
		kinds []string
		want  string
	}{
		{nil, ""},
		{[]string{"media"}, "media media.>"},
		{[]string{"media.changed", "media"}, "media media.>"},
		{[]string{"media", "media"}, "media media.>"},
		{[]string{"message", "messages"}, "message message.> messages messages.>"},
		{[]string{"cytube.x"}, "cytube.x cytube.x.>"},
		{all, ""}, // too many for the server: chosen here
	} {
		var want []string
		for _, w := range strings.Fields(tt.want) {
			want = append(want, events.SubjectPrefix+w)
		}
		if got := (kindFlag{tt.kinds}).subjects(); !slices.Equal(got, want) {
			t.Errorf("%.60v: got %v, want %v", tt.kinds, got, want)
		}
	}
}

// Every kind there is can be asked for alone, with and without a channel in its
// subject, and by its family.
func TestTail_EveryKindIsFound(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	kinds := append(events.Kinds(), events.CyTubeKind("neverHeardOf"))
	for _, k := range kinds {
		store(t, env.Stream, events.Subject(k), []byte(`{}`))
		store(t, env.Stream, events.SubjectFor(k, "a.b"), []byte(`{}`))
	}
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range kinds {
		f := kindFlag{[]string{string(k)}}
		if err := f.check(); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		found, err := newest(t.Context(), env.Stream, state, eventFilter{kindFlag: f}, 10)
		if err != nil || len(found) != 2 || found[0].msg.Seq != uint64(2*i+1) {
			t.Errorf("%s: %d found, %v", k, len(found), err)
		}
		family, _, _ := strings.Cut(string(k), ".")
		found, err = newest(t.Context(), env.Stream, state, eventFilter{kindFlag: kindFlag{[]string{family}}}, 1000)
		if err != nil || !slices.ContainsFunc(found, func(s seen) bool { return s.msg.Seq == uint64(2*i+1) }) {
			t.Errorf("%s: not in its family, %v", k, err)
		}
	}
}

// erase removes messages for good.
func erase(t testing.TB, c *streams.Conn, seqs ...uint64) {
	t.Helper()
	js, err := c.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range seqs {
		if err := js.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTail_TheLastWantedEventsAreFoundHoweverFarBack(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	var list []*events.Event
	for i := range 400 {
		name := "bob"
		if i%150 == 0 {
			name = "ann" // 1, 151, 301
		}
		list = append(list, said(time.Duration(i)*time.Second, name, "hi"))
	}
	appendAll(t, env.Stream, list...)
	erase(t, env.Conn, 1, 2, 399, 400)
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f     eventFilter
		limit int
		want  string
	}{
		{eventFilter{User: "ann"}, 1, "301"},
		{eventFilter{User: "ann"}, 2, "151 301"},
		{eventFilter{User: "ann"}, 5, "151 301"},
		{eventFilter{User: "ann", kindFlag: kindFlag{[]string{"message"}}}, 5, "151 301"},
		{eventFilter{kindFlag: kindFlag{[]string{"media"}}}, 5, ""},
		{eventFilter{User: "zoe"}, 5, ""},
		{eventFilter{}, 3, "396 397 398"},
		{eventFilter{}, 0, ""},
	} {
		found, err := newest(t.Context(), env.Stream, state, tt.f, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range found {
			got = append(got, fmt.Sprint(s.msg.Seq))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v, %d: got %v, want %q", tt.f, tt.limit, got, tt.want)
		}
	}
}

func TestTail_SinceBeginsAtTheFirstMessageStoredThen(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	var list []*events.Event
	for i := range 40 {
		list = append(list, said(time.Duration(i), "ann", "hi"))
	}
	appendAll(t, env.Stream, list...)
	erase(t, env.Conn, 1, 10, 11, 12, 20, 39, 40)
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	for seq := uint64(1); seq <= 40; seq++ {
		m, err := env.Stream.Get(t.Context(), seq)
		if err != nil {
			continue // erased
		}
		if !m.Time.After(last) {
			t.Fatalf("seq=%d was stored in the same moment as the one before", seq)
		}
		for since, want := range map[time.Time]uint64{m.Time: seq, last.Add(time.Nanosecond): seq} {
			got, err := storedSince(t.Context(), env.Stream, state, since)
			if err != nil {
				t.Fatal(err)
			}
			first, err := atOrAfter(t.Context(), env.Stream, got, 40)
			if err != nil || first == nil || first.Seq != want {
				t.Errorf("since seq=%d: begins with seq=%d, %+v, %v", want, got, first, err)
			}
		}
		last = m.Time
	}
	if got, err := storedSince(t.Context(), env.Stream, state, last.Add(time.Nanosecond)); err != nil || got <= 38 || got > 41 {
		t.Errorf("after everything: seq=%d, %v", got, err)
	}
}

func TestTail_EventsWithoutAChannelBelongToTheDefaultOne(t *testing.T) {
	t.Parallel()
	f := eventFilter{Channel: "TV", otherChannel: "tv"}
	m := streams.Message{Seq: 1, Subject: "rosey.db.message.log", Data: []byte(`{"username":"ann","msg":"hi"}`)}
	if s, wanted := f.look(m); !wanted || s.event.Channel != "tv" {
		t.Errorf("an older publisher's: %+v, %v", s, wanted)
	}
	m.Subject += ".radio"
	if s, wanted := f.look(m); wanted {
		t.Errorf("of the channel in the subject: %+v", s)
	}
}

func TestTail_ClosesWhatItOpened(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	for range 3 {
		if r := rosey(t, "tail", "--data", string(dir)); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	a, err := installation.Attach(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever lies in the stream, a line for people is one line without controls,
// and one for machines is JSON that holds the same bytes.
func FuzzAppendEvent(f *testing.F) {
	f.Add("rosey.db.message.log", []byte(`{"username":"a\u001b","message":"x\ny"}`))
	f.Add("rosey.db.user.updated.tv", []byte(`{"username":"a","afk":true,"rank":1e300,"profile_text":""}`))
	f.Add("rosey.db.cytube.x", []byte(`{"platform_data":{"event":"x","args":[{"a":"\u202e"}]}}`))
	f.Add("rosey.db.bot.part", []byte(`{"of":"a-1","kind":"playlist.replaced","part":1,"parts":2,"data":"{"}`))
	f.Add("elsewhere", []byte("\xff\n"))
	f.Add("elsewhere", []byte("0 "))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		m := streams.Message{Seq: 7, Subject: subject, Data: data, Time: start}
		s, _ := eventFilter{}.look(m)
		text := string(appendLine(nil, s))
		if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\r\t\x00\u202e") {
			t.Errorf("for people: %q", text)
		}
		got := appendEvent(nil, m.Seq, m.Subject, m.Time, data)
		var l line
		if err := json.Unmarshal(got, &l); err != nil || l.Seq != 7 || strings.Count(string(got), "\n") != 1 {
			t.Fatalf("for machines: %q, %v", got, err)
		}
		plain, ok := oneLine(data)
		// The decoder leaves out the space around a value.
		plain = bytes.TrimSpace(plain)
		if ok && string(l.Data) != string(plain) && string(plain) != "null" || !ok && string(l.Raw) != string(data) {
			t.Errorf("for machines: %q of %q", got, data)
		}
	})
}

// pausing is a reader along that does not go on until it is told to.
type pausing struct {
	wrote, goOn chan struct{}
	once        sync.Once
}

func (p *pausing) Write(b []byte) (int, error) {
	p.once.Do(func() { close(p.wrote) })
	<-p.goOn
	return len(b), nil
}

func TestTail_OfAStoppedInstallationKeepsNobodyFromStarting(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	along := &pausing{wrote: make(chan struct{}), goOn: make(chan struct{})}
	ended := make(chan int)
	go func() {
		var errs suite.Output
		ended <- execute(t.Context(), []string{"tail", "--data", string(dir)}, along, &errs)
	}()
	<-along.wrote
	checkReleased(t, dir)
	close(along.goOn)
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
