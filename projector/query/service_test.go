package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// desk is a projector with the service over its tables, and somebody who asks.
type desk struct {
	*projector.Projector
	t       testing.TB
	env     *streamstest.Env
	store   schema.Store
	service *query.Service
	caller  *streams.Conn
	client  *query.Client
	log     suite.Output // of the service
	rebuild atomic.Pointer[query.Rebuild]
}

// newDesk projects the stream into a new database and answers from it, until the
// end of the test.
func newDesk(t testing.TB, env *streamstest.Env, instance string) *desk {
	t.Helper()
	d := &desk{t: t, env: env, store: schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, caller: env.Connect(t)}
	d.client = &query.Client{Conn: d.caller, Timeout: time.Minute}
	conn := env.Connect(t)
	stream, err := streams.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	d.Projector, err = projector.New(t.Context(), projector.Config{Stream: stream, Store: d.store, Instance: instance})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.service, err = query.NewService(query.Config{
		ReadLimit: time.Minute, // so that no machine is too slow
		Conn:      conn, Tables: d.Projector, Conns: 3, Version: "1.2.3", Bots: stream.Bots, Now: func() time.Time { return start },
		Rebuild: d.rebuild.Load, Logger: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		limit, end := context.WithTimeout(context.Background(), time.Minute)
		defer end()
		err := d.service.Stop(limit)
		cancel()
		if err := errors.Join(err, <-done, d.Close()); err != nil {
			t.Error(err)
		}
	})
	return d
}

// tell appends what an evening collected, and waits until it is in the tables.
func (d *desk) tell(e *evening) uint64 {
	d.t.Helper()
	var batch []streams.AppendMessage
	for _, it := range e.items {
		batch = append(batch, streams.AppendMessage{Subject: it.Msg.Subject, Data: it.Msg.Data})
	}
	last := d.env.Append(d.t, batch...)
	e.items = nil
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	if err := d.WaitFor(ctx, last); err != nil {
		d.t.Fatal(err)
	}
	return last
}

// ask sends a request as any program does.
func (d *desk) ask(subject, body string) *nats.Msg {
	d.t.Helper()
	m, err := d.caller.NATS().Request("rosey.db."+subject, []byte(body), 2*time.Minute)
	if err != nil {
		d.t.Fatalf("%s: %v", subject, err)
	}
	return m
}

// eveningBegan is an hour ago, for views that count back from the newest event.
var eveningBegan = time.Now().Add(-time.Hour).Truncate(time.Second)

// anEvening is in two channels, with everything that is asked for below.
func anEvening(t testing.TB) *evening {
	e := newEvening(t)
	e.now = eveningBegan // the stream has the server's clock
	e.happened(events.KindBotConnected, &events.BotConnected{Server: "https://cytu.be"}).joined("Ann").joined("bob")
	e.said("Ann", "pizza on friday?").said("bob", "'; DROP TABLE chat_messages; --").said("Ann", "pizza <b>now</b>")
	e.after(5*time.Minute).counted(2, 5).played("a film").after(5*time.Minute).counted(4, 7).after(5*time.Minute).counted(3, 3)
	return e.in("radio").said("zoe", "hello").counted(1, 1)
}

func TestService_AnswersLikeTheTablesThemselves(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	d := newDesk(t, env, "main")
	last := d.tell(anEvening(t))
	ctx := t.Context()
	q, err := schema.OpenReader(ctx, d.store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	day := query.PageOptions{Channel: "tv", Period: query.PeriodDay}
	for _, tt := range []struct {
		subject, body string
		want          func() (any, error)
	}{
		{"user_stats", `{"username":"ANN"}`, func() (any, error) { return query.UserStats(ctx, q, "", "Ann") }},
		{"user_stats", `{"username":"ann","channel":"TV"}`, func() (any, error) { return query.UserStats(ctx, q, "tv", "Ann") }},
		{"channel_stats", `{}`, func() (any, error) { o, err := query.Status(ctx, q, ""); return o.Channels, err }},
		{"channel_stats", `{"channel":"radio"}`, func() (any, error) { o, err := query.Status(ctx, q, "radio"); return o.Channels, err }},
		{"top_chatters", `{"channel":"tv","period":"7d","limit":1}`, func() (any, error) {
			return query.Top(ctx, q, query.TopOptions{Channel: "tv", Period: query.PeriodWeek, Limit: 1})
		}},
		{"user_count_history", `{"channel":"tv","period":"24h"}`, func() (any, error) { return query.UserCountHistory(ctx, q, day) }},
		{"user_count_history", `{"channel":"tv","points":2}`, func() (any, error) {
			return query.UserCountPoints(ctx, q, query.PageOptions{Channel: "tv"}, 2)
		}},
		{"media_history", `{"channel":"tv","period":"24h"}`, func() (any, error) { return query.MediaHistory(ctx, q, day) }},
		{"search_chat", `{"text":"pizza","limit":1}`, func() (any, error) {
			return query.SearchChat(ctx, q, query.SearchOptions{Text: "pizza", Limit: 1})
		}},
	} {
		want, err := tt.want()
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Success bool            `json:"success"`
			Seq     uint64          `json:"seq"`
			Data    json.RawMessage `json:"data"`
		}
		m := d.ask("query."+tt.subject, tt.body)
		if err := json.Unmarshal(m.Data, &got); err != nil || !got.Success || got.Seq != last {
			t.Errorf("%s %s: %s, want seq %d", tt.subject, tt.body, m.Data, last)
			continue
		}
		var data any
		if err := json.Unmarshal(got.Data, &data); err != nil {
			t.Fatal(err)
		}
		var wanted any
		if err := json.Unmarshal([]byte(asJSON(t, want)), &wanted); err != nil {
			t.Fatal(err)
		}
		if asJSON(t, data) != asJSON(t, wanted) {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.subject, tt.body, got.Data, asJSON(t, want))
		}
	}
}

// The shape that existing callers know, to the byte.
func TestService_RecentChat(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	if got := string(d.ask("stats.recent_chat.get", "").Data); got != "[]" {
		t.Errorf("before anybody spoke: %s", got)
	}
	d.tell(anEvening(t))
	at := eveningBegan.Unix()
	all := fmt.Sprintf(`[{"timestamp":%d,"username":"Ann","message":"pizza on friday?"},`+
		`{"timestamp":%[1]d,"username":"bob","message":"'; DROP TABLE chat_messages; --"},`+
		`{"timestamp":%[1]d,"username":"Ann","message":"pizza <b>now</b>"}`, at)
	zoe := fmt.Sprintf(`{"timestamp":%d,"username":"zoe","message":"hello"}]`, at+900)
	for _, tt := range []struct{ body, want string }{
		{"", all + "," + zoe},
		{`{}`, all + "," + zoe},
		{`{"limit":1}`, "[" + zoe},
		{`{"limit":0}`, "[" + zoe},
		{`{"limit":1e9,"username":"ann"}`, all + "," + zoe},
		{`{"channel":"tv","limit":99999}`, all + "]"},
		{`{"channel":"RADIO","limit":null}`, "[" + zoe},
		{`{"channel":"nowhere"}`, `{"success":false,"error":{"code":"not_found","message":"no channel \"nowhere\" in the database","details":{"what":"channel","name":"nowhere","channels":["tv","radio"]}}}`},
		{`{"limit":"1"}`, `{"success":false,"error":{"code":"invalid_request","message":"limit has to be an integer"}}`},
	} {
		if got := string(d.ask("stats.recent_chat.get", tt.body).Data); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

func TestService_Status(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	last := d.tell(anEvening(t))
	beat := streams.Heartbeat{Channel: "tv", Producer: "run1", Name: "Rosey", Joined: true, SinceMS: 1, BeatMS: 2}
	streamstest.Beat(t, d.env.Stream, beat)
	var s query.ServiceStatus
	eventually(t, "a status with the bots, which a server that is slow to answer leaves out", func() (told bool) {
		var err error
		if s, err = d.client.ServiceStatus(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		return len(s.Bots) > 0
	})
	if s.Seq != last || s.Version != "1.2.3" || len(s.Channels) != 2 || s.StreamID == "" || s.LagEvents == nil || *s.LagEvents != 0 || *s.LagSeconds != 0 {
		t.Errorf("got %s", asJSON(t, s))
	}
	if len(s.Bots) != 1 || s.Bots[0] != beat {
		t.Errorf("bots: %+v", s.Bots)
	}
	if len(s.Coverage) != 1 || s.Coverage[0].Channel != "tv" || s.Coverage[0].ObservedMS <= 0 {
		t.Errorf("coverage: %+v", s.Coverage)
	}
	if names, err := d.client.Channels(t.Context()); err != nil || strings.Join(names, " ") != "tv radio" {
		t.Errorf("channels: %v, %v", names, err)
	}
	if names, err := d.service.Channels(t.Context()); err != nil || strings.Join(names, " ") != "tv radio" {
		t.Errorf("channels, without asking: %v, %v", names, err)
	}
	if one, err := d.client.Status(t.Context(), "TV"); err != nil || len(one.Channels) != 1 || one.Channels[0].Channel != "tv" {
		t.Errorf("one channel: %s, %v", asJSON(t, one), err)
	}
}

func TestService_StatusTellsARebuild(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	d.tell(anEvening(t))
	if m := d.ask("query.status", ""); !strings.Contains(string(m.Data), `"rebuild":null`) {
		t.Errorf("none is under way: %s", m.Data)
	}
	want := query.Rebuild{Kind: "rebuild", Reason: "asked", StartedMS: 7, Phase: "events", Seq: 4, Last: 9, Events: 3, PerSecond: 2, RemainingSeconds: 2.5}
	d.rebuild.Store(&want)
	if s, err := d.client.ServiceStatus(t.Context(), ""); err != nil || s.Rebuild == nil || *s.Rebuild != want {
		t.Errorf("%s, %v", asJSON(t, s), err)
	}
}

func TestService_AnswersOnceASequenceIsThere(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	last := d.tell(newEvening(t).said("ann", "hi"))
	got := make(chan error, 1)
	go func() {
		c := query.Client{Conn: d.caller, WaitSeq: last + 1, Wait: time.Minute}
		users, err := c.UserStats(t.Context(), "", "ann")
		if err == nil && users[0].TotalChatLines != 2 {
			err = fmt.Errorf("got %d lines", users[0].TotalChatLines)
		}
		got <- err
	}()
	e := newEvening(t).after(time.Second)
	e.numbers["tv"] = 1
	d.tell(e.said("ann", "hi again"))
	if err := <-got; err != nil {
		t.Error(err)
	}
	c := query.Client{Conn: d.caller, WaitSeq: last + 1000, Wait: 10 * time.Millisecond}
	if _, err := c.UserStats(t.Context(), "", "ann"); !errors.Is(err, query.ErrNotYet) || service.CodeOf(err) != service.Timeout {
		t.Errorf("what never comes: %v", err)
	}
}

// Whoever waits for what never comes is in nobody's way but that of others who wait.
func TestService_WhoWaitsHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	last := d.tell(anEvening(t))
	inbox := d.caller.NATS().NewRespInbox()
	replies := make(chan *nats.Msg, 1000)
	sub, err := d.caller.NATS().ChanSubscribe(inbox, replies)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for range 2 * 256 {
		if err := d.caller.NATS().PublishRequest("rosey.db.query.user_stats", inbox, []byte(`{"username":"ann","wait_seq":9007199254740991,"wait":10}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 256 { // the others got a place
		m := <-replies
		if code := m.Header.Get(micro.ErrorCodeHeader); code != string(service.Busy) {
			t.Fatalf("got %q: %s", code, m.Data)
		}
	}
	for _, seq := range []uint64{0, last} {
		c := query.Client{Conn: d.caller, WaitSeq: seq}
		if _, err := c.UserStats(t.Context(), "tv", "ann"); err != nil {
			t.Errorf("who asks for seq=%d: %v", seq, err)
		}
	}
	c := query.Client{Conn: d.caller, WaitSeq: last + 1, Wait: time.Second}
	if _, err := c.ChannelStats(t.Context(), "tv"); service.CodeOf(err) != service.Busy {
		t.Errorf("who waits elsewhere: %v, want busy", err)
	}
	for range 256 {
		if code := (<-replies).Header.Get(micro.ErrorCodeHeader); code != string(service.Timeout) {
			t.Fatalf("in the end: %q", code)
		}
	}
	if _, err := c.ChannelStats(t.Context(), "tv"); service.CodeOf(err) != service.Timeout {
		t.Errorf("who waits afterwards: %v, want a timeout", err)
	}
}

func TestClient_ErrorsAreThoseOfTheTables(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ctx := t.Context()
	alone := query.Client{Conn: env.Connect(t)}
	if _, err := alone.Status(ctx, ""); !errors.Is(err, query.ErrUnavailable) || !errors.Is(err, service.ErrNoService) {
		t.Errorf("without a service: %v", err)
	}
	d := newDesk(t, env, "main")
	var missing *query.NotFoundError
	if _, err := d.client.Top(ctx, query.TopOptions{}); !errors.As(err, &missing) || missing.What != "channel" {
		t.Errorf("without a channel in the tables: %v", err)
	}
	d.tell(anEvening(t))
	if _, err := d.client.UserStats(ctx, "tv", "nobody"); !errors.As(err, &missing) || missing.Name != "nobody" || missing.Channel != "tv" {
		t.Errorf("an unknown user: %v", err)
	}
	if _, err := d.client.UserStats(ctx, "", ""); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("no user: %v", err)
	}
	if _, err := d.client.MediaHistory(ctx, query.PageOptions{Channel: "nowhere"}); !errors.As(err, &missing) || strings.Join(missing.Known, " ") != "tv radio" {
		t.Errorf("an unknown channel: %v", err)
	}
	var which *query.ChannelRequiredError
	if _, err := d.client.Top(ctx, query.TopOptions{}); !errors.As(err, &which) || strings.Join(which.Known, " ") != "tv radio" {
		t.Errorf("several channels: %v", err)
	}
	if _, err := d.client.SearchChat(ctx, query.SearchOptions{Text: " "}); !errors.Is(err, query.ErrInvalid) {
		t.Errorf("a search for nothing: %v", err)
	}
	since := int64(1)
	if _, err := d.client.UserCountHistory(ctx, query.PageOptions{Channel: "tv", Period: "7d", SinceMS: &since}); !errors.Is(err, query.ErrInvalid) {
		t.Errorf("two periods: %v", err)
	}
}

// Each projector answers from its own database, and a caller does not notice
// which.
func TestService_SeveralShareTheRequests(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	one, two := newDesk(t, env, "one"), newDesk(t, env, "two")
	last := one.tell(anEvening(t))
	client := query.Client{Conn: one.caller, WaitSeq: last}
	const requests = 200
	for range requests {
		users, err := client.UserStats(t.Context(), "tv", "ann")
		if err != nil || users[0].TotalChatLines != 2 {
			t.Fatalf("got %+v, %v", users, err)
		}
	}
	a, b := one.service.Counts()["user_stats"].Answered, two.service.Counts()["user_stats"].Answered
	if a == 0 || b == 0 || a+b != requests {
		t.Errorf("%d and %d requests were answered, want %d by both", a, b, requests)
	}
}

// A stream that captured the subjects would answer with what looks like success,
// and keep every request.
func TestService_TheStreamStoresNoRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	last := d.tell(anEvening(t))
	n := 0
	for range 60 {
		for _, e := range query.Endpoints() {
			m, err := d.caller.NATS().Request(e.Subject, []byte(e.Examples[0]), time.Minute)
			if err != nil || strings.Contains(string(m.Data), `"stream"`) {
				t.Fatalf("%s: %s, %v", e.Subject, m.Data, err)
			}
			n++
		}
	}
	state, err := d.env.Stream.State(t.Context())
	if err != nil || state.LastSeq != last {
		t.Errorf("after %d requests the stream ends at %d, %v; want %d", n, state.LastSeq, err, last)
	}
	answered := uint64(0)
	for _, c := range d.service.Counts() {
		answered += c.Answered
	}
	if answered != uint64(n) {
		t.Errorf("the service answered %d of %d requests", answered, n)
	}
}

// What the documentation shows is answered, and both sides fit the schemas that
// are published.
func TestService_ExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	d.tell(anEvening(t))
	var info micro.Info
	if err := json.Unmarshal(d.askSubject("$SRV.INFO.rosey-query").Data, &info); err != nil {
		t.Fatal(err)
	}
	published := map[string]string{}
	for _, e := range info.Endpoints {
		published[e.Subject] = e.Metadata["request_schema"] + e.Metadata["response_schema"]
	}
	for _, e := range query.Endpoints() {
		if got, want := published[e.Subject], asJSON(t, e.Request)+asJSON(t, e.Reply); got != want {
			t.Errorf("%s publishes\n%s\nwant\n%s", e.Subject, got, want)
		}
		if e.Doc == "" || len(e.Examples) == 0 {
			t.Errorf("%s is not explained", e.Name)
		}
		for _, x := range e.Examples {
			if err := e.Request.Check([]byte(x)); err != nil {
				t.Errorf("%s %s: %v", e.Name, x, err)
			}
			m, err := d.caller.NATS().Request(e.Subject, []byte(x), time.Minute)
			if err != nil || m.Header.Get(micro.ErrorCodeHeader) != "" {
				t.Errorf("%s %s: %s, %v", e.Name, x, m.Data, err)
				continue
			}
			data := json.RawMessage(m.Data)
			if !e.Bare {
				var reply struct{ Data json.RawMessage }
				if err := json.Unmarshal(m.Data, &reply); err != nil {
					t.Fatal(err)
				}
				data = reply.Data
			}
			if err := e.Reply.Check(data); err != nil {
				t.Errorf("%s %s: the reply does not fit: %v\n%s", e.Name, x, err, data)
			}
		}
	}
}

func (d *desk) askSubject(subject string) *nats.Msg {
	d.t.Helper()
	m, err := d.caller.NATS().Request(subject, nil, time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}
