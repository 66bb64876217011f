package outbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
)

// serve runs a service until the test ends, once it answers.
func serve(t testing.TB, env *streamstest.Env, cfg outbound.ServiceConfig) *outbound.Service {
	t.Helper()
	if cfg.Stream == nil {
		conn := env.Connect(t)
		cfg.Stream = func(ctx context.Context) (*streams.Stream, error) { return streams.Open(ctx, conn) }
	}
	if cfg.Version == "" {
		cfg.Version = "v1.2.3"
	}
	cfg.WorkLimit = time.Minute // so that no machine is too slow
	s, err := outbound.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case <-s.Answering():
	case <-time.After(2 * time.Minute):
		t.Fatal("the service does not answer")
	}
	return s
}

var eventually = suite.Eventually

const prefix = "rosey.db.messages.outbound."

// ask sends a request and returns the body of the answer.
func ask(t testing.TB, env *streamstest.Env, endpoint, body string) string {
	t.Helper()
	m, err := env.Conn.NATS().Request(prefix+endpoint, []byte(body), time.Minute)
	if err != nil {
		t.Fatalf("%s %.100s: %v", endpoint, body, err)
	}
	return string(m.Data)
}

// call sends a request and reads the data of the answer.
func call[T any](t testing.TB, env *streamstest.Env, endpoint, body string) T {
	t.Helper()
	var reply struct {
		Success bool            `json:"success"`
		Data    T               `json:"data"`
		Error   json.RawMessage `json:"error"`
	}
	text := ask(t, env, endpoint, body)
	if err := json.Unmarshal([]byte(text), &reply); err != nil || !reply.Success {
		t.Fatalf("%s %.100s: %s, %v", endpoint, body, text, err)
	}
	return reply.Data
}

// code is the error code of an answer, empty for none.
func code(t testing.TB, text string) service.Code {
	t.Helper()
	var reply struct {
		Success *bool `json:"success"`
		Error   struct {
			Code    service.Code `json:"code"`
			Message string       `json:"message"`
		} `json:"error"`
	}
	if strings.HasPrefix(text, "[") {
		return ""
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil || reply.Success == nil {
		t.Fatalf("no known shape: %s", text)
	}
	if *reply.Success != (reply.Error.Code == "") || !*reply.Success && reply.Error.Message == "" {
		t.Fatalf("neither success nor an error: %s", text)
	}
	return reply.Error.Code
}

func TestService_GetKeepsItsShape(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newClock()
	serve(t, env, outbound.ServiceConfig{Queue: c.config()})
	if got := ask(t, env, "get", ""); got != "[]" {
		t.Errorf("an empty queue: %s", got)
	}
	q := open(t, env, c.config())
	first := enqueue(t, q, outbound.Request{Text: `one & "two" <three>`})
	second := enqueue(t, q, outbound.Request{Text: "zwei\näöü 😀"})
	enqueue(t, q, outbound.Request{Recipient: "ann", Text: "psst"})
	enqueue(t, q, outbound.Request{NotBefore: c.now().Add(time.Hour)})
	other := enqueue(t, q, outbound.Request{Channel: "elsewhere"})
	tried, err := q.Claim(t.Context(), second, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Move(t.Context(), tried, outbound.Queued, func(n *outbound.Message) {
		n.Attempts, n.Reason = 2, outbound.ReasonFlood
	}); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`[{"id":%d,"timestamp":1700000000,"message":"one & \"two\" <three>","retry_count":0,"last_error":null},`+
		`{"id":%d,"timestamp":1700000000,"message":"zwei\näöü 😀","retry_count":2,"last_error":"flood"}]`, first.ID, second.ID)
	const body = `{"username":"OldBot","channel":"Lounge","limit":50,"max_retries":3,"what":{"is":"this"}}`
	if got := ask(t, env, "get", body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if m, err := q.Get(t.Context(), "lounge", first.ID); err != nil || m.State != outbound.Claimed || m.Holder != "caller:OldBot" {
		t.Errorf("leased: %+v, %v", m, err)
	}
	if got := ask(t, env, "get", body); got != "[]" {
		t.Errorf("while they are leased: %s", got)
	}
	if got := ask(t, env, "get", `{"limit":-3,"max_retries":1e30}`); !strings.Contains(got, fmt.Sprint(other.ID)) {
		t.Errorf("of any channel: %s", got)
	}
	c.advance(outbound.LeaseTime)
	if got := ask(t, env, "get", `{"channel":"lounge","limit":1}`); !strings.Contains(got, fmt.Sprint(first.ID)) {
		t.Errorf("after the lease: %s", got)
	}
	if got := ask(t, env, "get", `{"channel":"lounge","max_retries":2}`); got != "[]" {
		t.Errorf("tried often enough: %s", got)
	}
}

// What is queued is given out at once, whoever of the two services answers.
func TestService_GetSeesWhatWasJustQueued(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	serve(t, env, outbound.ServiceConfig{})
	for i := range 50 {
		m := call[outbound.EnqueueReply](t, env, "enqueue", fmt.Sprintf(`{"message":"line %d","channel":"lounge"}`, i))
		if got := ask(t, env, "get", `{}`); !strings.Contains(got, fmt.Sprint(m.ID)) {
			t.Fatalf("message %d was not given out: %s", i, got)
		}
	}
}

// However many ask at the same moment, each message goes to one.
func TestService_GetGivesEachMessageOnce(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	serve(t, env, outbound.ServiceConfig{})
	q := open(t, env, outbound.QueueConfig{})
	const messages = 60
	for i := range messages {
		enqueue(t, q, outbound.Request{Text: fmt.Sprint(i)})
	}
	var mu sync.Mutex
	given := map[int64]int{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			m, err := env.Conn.NATS().Request(prefix+"get", []byte(`{"username":"same","limit":7}`), time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			var list []outbound.GetMessage
			if err := json.Unmarshal(m.Data, &list); err != nil {
				t.Errorf("%s: %v", m.Data, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, g := range list {
				given[g.ID]++
			}
		})
	}
	all.Wait()
	for id, n := range given {
		if n != 1 {
			t.Errorf("message %d was given to %d callers", id, n)
		}
	}
	if len(given) == 0 {
		t.Error("nothing was given out")
	}
}

func TestService_EnqueueTellsWhatItQueued(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newClock()
	serve(t, env, outbound.ServiceConfig{Queue: c.config()})
	id := regexp.MustCompile(`"(id|position)":\d+`)
	plain := func(text string) string { return id.ReplaceAllString(text, `"$1":N`) }
	for _, tt := range []struct{ body, want string }{
		{
			`{"message":"hi <all>","channel":"Lounge"}`,
			`{"success":true,"data":{"id":N,"channel":"lounge","state":"queued","message":"hi <all>","queued_ms":1700000000000,"attempts":0,"position":N,"existed":false,"bot":"absent"}}`,
		},
		{
			`{"message":"psst","channel":"lounge","recipient":"Ann","key":"k","long":"refuse","not_before":1700003600.5}`,
			`{"success":true,"data":{"id":N,"channel":"lounge","state":"queued","message":"psst","recipient":"Ann","long":"refuse","key":"k","queued_ms":1700000000000,"not_before_ms":1700003600500,"attempts":0,"position":N,"existed":false,"bot":"absent"}}`,
		},
		{
			`{"message":"psst","channel":"LOUNGE","recipient":"Ann","key":"k","long":"refuse"}`,
			`{"success":true,"data":{"id":N,"channel":"lounge","state":"queued","message":"psst","recipient":"Ann","long":"refuse","key":"k","queued_ms":1700000000000,"not_before_ms":1700003600500,"attempts":0,"position":N,"existed":true,"bot":"absent"}}`,
		},
		{
			`{"message":"later","channel":"lounge","not_before":"2023-11-14T23:13:20+01:00"}`, // is now
			`{"success":true,"data":{"id":N,"channel":"lounge","state":"queued","message":"later","queued_ms":1700000000000,"attempts":0,"position":N,"existed":false,"bot":"absent"}}`,
		},
		{
			`{"message":"other","channel":"lounge","key":"k"}`,
			`{"success":false,"error":{"code":"conflict","message":"the key was used for another message"}}`,
		},
		{`{"message":"x"}`, `{"success":false,"error":{"code":"channel_required","message":"name the channel: none is known here"}}`},
	} {
		if got := plain(ask(t, env, "enqueue", tt.body)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

func TestService_ChannelThatIsNotNamed(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	tables := []string{"Attic"}
	serve(t, env, outbound.ServiceConfig{Channels: func(context.Context) ([]string, error) { return tables, nil }})
	if got := call[outbound.EnqueueReply](t, env, "enqueue", `{"message":"x"}`); got.Channel != "attic" || got.Bot != outbound.BotAbsent {
		t.Errorf("the only one of the tables: %+v", got)
	}
	alive := streams.Heartbeat{Channel: "Lounge", Producer: "p", Name: "Rosey", Joined: true}
	streamstest.Beat(t, env.Stream, alive)
	var got outbound.EnqueueReply
	eventually(t, "the bot is noticed", func() bool {
		got = call[outbound.EnqueueReply](t, env, "enqueue", `{"message":"x"}`)
		return got.Channel == "lounge"
	})
	if got.Bot != outbound.BotPresent {
		t.Errorf("where a bot is: %+v", got)
	}
	alive.Channel = "cellar"
	streamstest.Beat(t, env.Stream, alive)
	eventually(t, "there are several", func() bool {
		text := ask(t, env, "enqueue", `{"message":"x"}`)
		return code(t, text) == service.ChannelRequired && strings.Contains(text, "attic, cellar, lounge")
	})
}

func TestService_WaitEndsWithTheOutcome(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	q := open(t, env, outbound.QueueConfig{})
	text := ask(t, env, "enqueue", `{"message":"x","channel":"lounge","key":"in vain","wait":0.05}`)
	if code(t, text) != service.Timeout || !strings.Contains(text, `"state":"queued"`) || !strings.Contains(text, `"id":`) {
		t.Errorf("waited in vain: %s", text)
	}
	// Many wait, and others are answered meanwhile.
	const waiting = 40
	var all sync.WaitGroup
	for i := range waiting {
		all.Go(func() {
			m, err := env.Conn.NATS().Request(prefix+"enqueue", fmt.Appendf(nil, `{"message":"x","channel":"lounge","key":"w%d","wait":60}`, i), 2*time.Minute)
			if err != nil || !strings.Contains(string(m.Data), `"state":"sent"`) || !strings.Contains(string(m.Data), `"sent_ms":77`) {
				t.Errorf("waited: %v, %v", m, err)
			}
		})
	}
	eventually(t, "all are queued", func() bool {
		return len(call[outbound.ListReply](t, env, "list", `{"channel":"lounge"}`).Messages) == waiting+1
	})
	list, err := q.List(t.Context(), outbound.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if _, err := q.Move(t.Context(), m, outbound.Sent, func(n *outbound.Message) { n.SentMS = 77 }); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if got := call[outbound.View](t, env, "status", fmt.Sprintf(`{"id":%d,"wait":60}`, list[0].ID)); got.State != outbound.Sent {
		t.Errorf("status: %+v", got)
	}
}

func TestService_CancelRetryStatus(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	q := open(t, env, outbound.QueueConfig{})
	m := enqueue(t, q, outbound.Request{})
	id := fmt.Sprintf(`{"id":%d}`, m.ID)
	if got := call[outbound.View](t, env, "status", id); got.State != outbound.Queued || got.Message != "hello" {
		t.Errorf("status: %+v", got)
	}
	if text := ask(t, env, "retry", id); code(t, text) != service.InvalidState || !strings.Contains(text, `"state":"queued"`) {
		t.Errorf("retry of a queued one: %s", text)
	}
	if got := call[outbound.View](t, env, "cancel", id); got.State != outbound.Cancelled || got.FinishedMS == 0 {
		t.Errorf("cancel: %+v", got)
	}
	if text := ask(t, env, "cancel", id); code(t, text) != service.InvalidState {
		t.Errorf("cancel twice: %s", text)
	}
	failed := move(t, q, enqueue(t, q, outbound.Request{}), outbound.Failed)
	if got := call[outbound.View](t, env, "retry", fmt.Sprintf(`{"id":%d,"channel":"LOUNGE"}`, failed.ID)); got.State != outbound.Queued || got.FinishedMS != 0 {
		t.Errorf("retry: %+v", got)
	}
	for _, endpoint := range []string{"status", "cancel", "retry"} {
		if text := ask(t, env, endpoint, `{"id":12345}`); code(t, text) != service.NotFound {
			t.Errorf("%s of nothing: %s", endpoint, text)
		}
		if text := ask(t, env, endpoint, fmt.Sprintf(`{"id":%d,"channel":"elsewhere"}`, m.ID)); code(t, text) != service.NotFound {
			t.Errorf("%s elsewhere: %s", endpoint, text)
		}
	}
}

func TestService_ListByPages(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	if got := ask(t, env, "list", ""); got != `{"success":true,"data":{"messages":[],"next":0}}` {
		t.Errorf("an empty queue: %s", got)
	}
	q := open(t, env, outbound.QueueConfig{})
	var want []int64
	for i := range 7 {
		m := enqueue(t, q, outbound.Request{Text: fmt.Sprint(i)})
		want = append(want, m.ID)
		if i%2 == 1 {
			move(t, q, m, outbound.Cancelled)
		}
	}
	var got []int64
	for after, pages := uint64(0), 0; ; pages++ {
		page := call[outbound.ListReply](t, env, "list", fmt.Sprintf(`{"limit":3,"after":%d}`, after))
		for _, m := range page.Messages {
			got = append(got, m.ID)
		}
		if after = page.Next; after == 0 || pages > 5 {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("pages give %v, want %v", got, want)
	}
	if some := call[outbound.ListReply](t, env, "list", `{"state":["cancelled"]}`); len(some.Messages) != 3 || some.Next != 0 {
		t.Errorf("by state: %+v", some)
	}
}

// hostile are requests that no endpoint takes, with the code of their refusal.
func TestService_HostileRequestsAreRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	serve(t, env, outbound.ServiceConfig{})
	big := strings.Repeat("x", 1<<20)
	deep := strings.Repeat(`{"message":`, 3000) + "1" + strings.Repeat("}", 3000)
	everywhere := []string{
		`[]`, `null`, `7`, `"text"`, `{`, `{"id":1}{"id":2}`, "\xff\xfe", `{"channel":"` + "\xff" + `"}`, deep, "\x00", `{"id":"1"`,
		`{"channel":7}`, `{"channel":["lounge"]}`, `{"message":{},"id":{},"limit":{},"channel":{}}`,
	}
	for _, endpoint := range []string{"get", "enqueue", "cancel", "retry", "status", "list"} {
		for _, body := range everywhere {
			if got := code(t, ask(t, env, endpoint, body)); got != service.Invalid {
				t.Errorf("%s %.60q: code %q", endpoint, body, got)
			}
		}
		if got := code(t, ask(t, env, endpoint, `{"message":"`+big+`"}`)); got != service.TooLarge {
			t.Errorf("%s of 1 MB: code %q", endpoint, got)
		}
	}
	text := func(s string) string { return fmt.Sprintf(`{"channel":"lounge","message":%s}`, s) }
	for endpoint, bodies := range map[string][]string{
		"enqueue": {
			``, `{}`, `{"channel":"lounge"}`, text(`""`), text(`"   \n\t"`), text(`"\u0000"`), text(`"a\u0000b"`), text(`"\ud800"`), text(`7`), text(`null`),
			text(`"` + strings.Repeat("ä", 8193) + `"`), text(`"` + strings.Repeat("x", 16385) + `"`),
			`{"message":"x","channel":"a b"}`, `{"message":"x","channel":"a.b"}`, `{"message":"x","channel":"*"}`, `{"message":"x","channel":">"}`,
			`{"message":"x","channel":"` + strings.Repeat("c", 31) + `"}`, `{"message":"x","channel":"'; DROP TABLE chat_messages; --"}`,
			`{"message":"x","channel":"lounge","recipient":"a b"}`, `{"message":"x","channel":"lounge","recipient":"` + strings.Repeat("r", 21) + `"}`,
			`{"message":"x","channel":"lounge","key":"` + strings.Repeat("k", 201) + `"}`, `{"message":"x","channel":"lounge","key":7}`,
			`{"message":"x","channel":"lounge","wait":61}`, `{"message":"x","channel":"lounge","wait":-1}`, `{"message":"x","channel":"lounge","wait":"1"}`,
			`{"message":"x","channel":"lounge","long":"maybe"}`, `{"message":"x","channel":"lounge","not_before":"tomorrow"}`,
			`{"message":"x","channel":"lounge","not_before":-5}`, `{"message":"x","channel":"lounge","not_before":1e300}`,
			`{"message":"x","channel":"lounge","not_before":"9999-01-01T00:00:00Z"}`, `{"message":"x","channel":"lounge","not_before":[]}`,
			`{"message":"x","channel":"lounge","unknown":1}`, `{"message":"x","message":"y","channel":"lounge"}`, `{"Message":"x","channel":"lounge"}`,
		},
		"cancel": {
			``, `{"id":0}`, `{"id":-1}`, `{"id":1.5}`, `{"id":"7"}`, `{"id":9007199254740992}`, `{"id":1e300}`, `{"id":null}`, `{"id":7,"channel":"a b"}`, `{"id":7,"x":1}`,
		},
		"retry":  {`{"id":true}`, `{"id":7,"channel":"a.b"}`},
		"status": {`{"id":[7]}`, `{"id":7,"wait":1e9}`, `{"id":7,"channel":"*"}`},
		"list": {
			`{"limit":0}`, `{"limit":1001}`, `{"limit":-1}`, `{"limit":1e18}`, `{"limit":"7"}`, `{"state":"queued"}`, `{"state":["quequed"]}`, `{"state":[7]}`,
			`{"after":-1}`, `{"channel":">"}`, `{"channel":"a b"}`, `{"state":["sent","sent","sent","sent","sent","sent","sent","sent","sent"]}`,
		},
		"get": {`{"limit":"7"}`, `{"username":7}`},
	} {
		for _, body := range bodies {
			if got := code(t, ask(t, env, endpoint, body)); got != service.Invalid {
				t.Errorf("%s %.80q: code %q", endpoint, body, got)
			}
		}
	}
	// The longest there may be is taken, whatever it is made of.
	for i, longest := range []string{strings.Repeat("x", 16384), strings.Repeat("ä", 8192), strings.Repeat("😀", 4096), strings.Repeat(`\u0001`, 10000) + "x"} {
		if got := ask(t, env, "enqueue", text(`"`+longest+`"`)); code(t, got) != "" {
			t.Errorf("longest %d: %.200s", i, got)
		}
	}
	// One that is longer is told so in one way, by its bytes.
	for _, longer := range []string{strings.Repeat("x", 16385), strings.Repeat("ä", 8193)} {
		const want = `"message":"message is longer than 16384 bytes"`
		if got := ask(t, env, "enqueue", text(`"`+longer+`"`)); !strings.Contains(got, want) {
			t.Errorf("longer: %.200s, want %s", got, want)
		}
	}
	// None of it was taken for an event.
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 0 {
		t.Errorf("the stream holds %+v, %v", state, err)
	}
}

// An outage is no empty list.
func TestService_WithoutABucketItIsUnavailable(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if err := env.Conn.JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket); err != nil {
		t.Fatal(err)
	}
	serve(t, env, outbound.ServiceConfig{})
	for endpoint, body := range map[string]string{
		"get": `{}`, "enqueue": `{"message":"x","channel":"lounge"}`, "list": `{}`, "status": `{"id":7}`, "cancel": `{"id":7}`, "retry": `{"id":7}`,
	} {
		if text := ask(t, env, endpoint, body); code(t, text) != service.Unavailable || !strings.Contains(text, "rosey stream setup") {
			t.Errorf("%s: %s", endpoint, text)
		}
	}
	if _, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bucket is used once it is there", func() bool {
		return code(t, ask(t, env, "enqueue", `{"message":"x","channel":"lounge"}`)) == ""
	})
}

// What the service's user may not do is named, and not taken for an outage.
func TestService_DeniedPermissionIsNamed(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true, Config: `authorization { users = [
		{user: admin, password: admin}
		{user: weak, password: weak, permissions: {
			publish: ["$JS.API.INFO", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.MSG.GET.>", "_INBOX.>", "$SRV.>"], subscribe: ">" }}
	] }`})
	connect := func(user string, limit time.Duration) *streams.Conn {
		c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, User: user, Password: user, Timeout: limit})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	admin, weak := connect("admin", time.Minute), connect("weak", 5*time.Second)
	if _, _, err := streams.Setup(t.Context(), admin, streams.StreamOptions{MaxBytesIfNew: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	env.Conn = admin
	log := &suite.Output{}
	serve(t, env, outbound.ServiceConfig{
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		Stream: func(ctx context.Context) (*streams.Stream, error) { return streams.Open(ctx, weak) },
	})
	text := ask(t, env, "enqueue", `{"message":"secret words","channel":"lounge"}`)
	if code(t, text) != service.Unavailable || !strings.Contains(text, "$KV.ROSEY_OUTBOUND.lounge.") {
		t.Errorf("enqueue: %s", text)
	}
	eventually(t, "it is said that outcomes are not applied", func() bool {
		return strings.Contains(log.String(), "outcomes that others report are not applied here")
	})
	if strings.Contains(log.String(), "secret words") {
		t.Error("the log shows a text")
	}
}

func TestService_IsFound(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s := serve(t, env, outbound.ServiceConfig{})
	m, err := env.Conn.NATS().Request("$SRV.INFO."+outbound.ServiceName, nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"version":"1.2.3"`, `"queue_group":"rosey"`, "request_schema", "response_schema"} {
		if !strings.Contains(string(m.Data), want) {
			t.Errorf("info does not say %s: %s", want, m.Data)
		}
	}
	published := map[string]bool{}
	for _, subject := range events.ServiceSubjects() {
		published[subject] = true
	}
	for _, e := range s.Endpoints() {
		if !published[e.Subject] || !strings.Contains(string(m.Data), `"subject":"`+e.Subject+`"`) {
			t.Errorf("endpoint %s is not published", e.Subject)
		}
		for _, example := range e.Examples {
			if err := e.Request.Check([]byte(example)); err != nil {
				t.Errorf("example %s of %s: %v", example, e.Name, err)
			}
		}
	}
}

// Whoever waits is told when the service ends, and not left waiting.
func TestService_StopAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	conn := env.Connect(t)
	s, err := outbound.NewService(outbound.ServiceConfig{
		Stream: func(ctx context.Context) (*streams.Stream, error) { return streams.Open(ctx, conn) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var answer *nats.Msg
	eventually(t, "the service answers", func() bool {
		_, err := env.Conn.NATS().Request(prefix+"list", nil, time.Minute)
		return err == nil
	})
	answered := make(chan error, 1)
	go func() {
		var err error
		answer, err = env.Conn.NATS().Request(prefix+"enqueue", []byte(`{"message":"x","channel":"lounge","wait":60}`), 2*time.Minute)
		answered <- err
	}()
	eventually(t, "the message is queued", func() bool {
		return len(call[outbound.ListReply](t, env, "list", "").Messages) == 1
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	// Had it been left waiting, it would be told what has become of the message.
	if err := <-answered; err != nil || code(t, string(answer.Data)) != service.Unavailable {
		t.Errorf("who waited: %v, %v", answer, err)
	}
}

func TestNewService_NeedsAStream(t *testing.T) {
	t.Parallel()
	if _, err := outbound.NewService(outbound.ServiceConfig{}); err == nil {
		t.Error("a service without a stream was made")
	}
}

// FuzzService: whatever comes, the answer is well-formed, and never an empty list
// for an error.
func FuzzService(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"message":"hello","channel":"lounge","wait":0}`, `{"id":7}`, `[]`, `{"limit":1e999}`, `{"message":"\ud83d\ude00"}`, "\x00\xff", `{"not_before":"2030-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	s, err := outbound.NewService(outbound.ServiceConfig{Stream: func(context.Context) (*streams.Stream, error) { return nil, errors.New("never asked") }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, e := range s.Endpoints() {
			text, told, _ := e.Answer(t.Context(), body)
			if got := code(t, string(text)); got == "" || told == nil || told.Code != got || got == service.Internal {
				t.Errorf("%s %q: %s", e.Name, body, text)
			}
		}
	})
}
