package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

type askedFor struct {
	Name  string   `json:"name" rule:"required,minlen=1,maxlen=20" doc:"Whose."`
	Limit int      `json:"limit" rule:"min=1,max=1000,default=20" doc:"How many."`
	Sort  string   `json:"sort" rule:"enum=up|down,default=up"`
	Since *float64 `json:"since"`
	Tags  []string `json:"tags" rule:"maxitems=2,enum=a|b"`
	Deep  bool     `json:"deep"`
}

type answered struct {
	Name  string  `json:"name"`
	Limit int     `json:"limit"`
	Sort  string  `json:"sort"`
	Rank  *string `json:"rank"`
}

func echo(d service.Declaration) service.Endpoint {
	if d.Name == "" {
		d.Name, d.Subject, d.Doc = "echo", "rosey.db.query.status", "Says what was asked for."
	}
	return service.NewEndpoint(d, func(_ context.Context, r askedFor) (answered, error) {
		return answered{Name: r.Name, Limit: r.Limit, Sort: r.Sort}, nil
	})
}

func serve(t *testing.T, c *streams.Conn, endpoints ...service.Endpoint) *service.Service {
	t.Helper()
	s, err := service.New(service.Config{Conn: c, Name: "test", Version: "v1.2.3", Description: "Of a test.", Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

func request(t *testing.T, c *streams.Conn, subject, body string) *nats.Msg {
	t.Helper()
	m, err := c.NATS().Request(subject, []byte(body), 2*time.Minute)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	return m
}

func TestService_AnswersAndRefuses(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	serve(t, env.Conn, echo(service.Declaration{}))
	for _, tt := range []struct{ body, want string }{
		{`{"name":"ann"}`, `{"success":true,"data":{"name":"ann","limit":20,"sort":"up","rank":null}}`},
		{`{"name":"<&>","limit":2e1,"sort":null}`, `{"success":true,"data":{"name":"<&>","limit":20,"sort":"up","rank":null}}`},
		{`{"name":"a","limit":1000,"tags":["a","b"]}`, `{"success":true,"data":{"name":"a","limit":1000,"sort":"up","rank":null}}`},
		{"", `{"success":false,"error":{"code":"invalid_request","message":"name is required"}}`},
		{`{"name":null}`, `{"success":false,"error":{"code":"invalid_request","message":"name is required"}}`},
		{`{"name":""}`, `{"success":false,"error":{"code":"invalid_request","message":"name is empty"}}`},
		{`{"name":"a","limit":0}`, `{"success":false,"error":{"code":"invalid_request","message":"limit has to be 1 to 1000"}}`},
		{`{"name":"a","limit":"7"}`, `{"success":false,"error":{"code":"invalid_request","message":"limit has to be an integer"}}`},
		{`{"name":"a","limit":1.5}`, `{"success":false,"error":{"code":"invalid_request","message":"limit has to be an integer"}}`},
		{`{"name":"a","sort":"UP"}`, `{"success":false,"error":{"code":"invalid_request","message":"sort has to be one of up, down"}}`},
		{`{"name":"a","tags":["a","c"]}`, `{"success":false,"error":{"code":"invalid_request","message":"tags[1] has to be one of a, b"}}`},
		{`{"name":"a","tags":["a","a","a"]}`, `{"success":false,"error":{"code":"invalid_request","message":"tags has to have at most 2 items"}}`},
		{`{"Name":"a"}`, `{"success":false,"error":{"code":"invalid_request","message":"there is no field \"Name\"; there are: name, limit, sort, since, tags, deep"}}`},
		{`{"name":"a","name":"b"}`, `{"success":false,"error":{"code":"invalid_request","message":"\"name\" is given twice"}}`},
		{`[]`, `{"success":false,"error":{"code":"invalid_request","message":"the request has to be an object"}}`},
		{`null`, `{"success":false,"error":{"code":"invalid_request","message":"the request has to be an object"}}`},
	} {
		m := request(t, env.Conn, "rosey.db.query.status", tt.body)
		if string(m.Data) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.body, m.Data, tt.want)
		}
		if code := m.Header.Get(micro.ErrorCodeHeader); (code == "") != strings.HasPrefix(tt.want, `{"success":true`) {
			t.Errorf("%s: the headers say %q", tt.body, code)
		}
	}
}

func TestService_BareEndpointsKeepTheirShape(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	type ask struct {
		Limit int `json:"limit" rule:"min=1,max=100,default=50"`
	}
	serve(t, env.Conn, service.NewEndpoint(service.Declaration{Name: "get", Subject: "rosey.db.stats.recent_chat.get", Bare: true},
		func(_ context.Context, r ask) ([]int, error) {
			if r.Limit == 13 {
				return nil, service.Errorf(service.Unavailable, "not today")
			}
			return []int{r.Limit}, nil
		}))
	for _, tt := range []struct{ body, want string }{
		{"", "[50]"},
		{" ", "[50]"},
		{`{"limit":null,"other":{"limit":4}}`, "[50]"},
		{`{"limit":-4}`, "[1]"},
		{`{"limit":1e30}`, "[100]"},
		{`{"limit":13}`, `{"success":false,"error":{"code":"unavailable","message":"not today"}}`},
		{`{"limit":"13"}`, `{"success":false,"error":{"code":"invalid_request","message":"limit has to be an integer"}}`},
	} {
		if m := request(t, env.Conn, "rosey.db.stats.recent_chat.get", tt.body); string(m.Data) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.body, m.Data, tt.want)
		}
	}
}

func TestService_IsFoundWithItsSchemas(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	s := serve(t, env.Conn, echo(service.Declaration{}))
	request(t, env.Conn, "rosey.db.query.status", `{"name":"ann"}`)
	request(t, env.Conn, "rosey.db.query.status", `{}`)

	var ping micro.Ping
	parse(t, request(t, env.Conn, "$SRV.PING.test", ""), &ping)
	if ping.Name != "test" || ping.Version != "1.2.3" {
		t.Errorf("ping: %+v", ping)
	}
	var info micro.Info
	parse(t, request(t, env.Conn, "$SRV.INFO.test", ""), &info)
	if len(info.Endpoints) != 1 || info.Endpoints[0].QueueGroup != "rosey" || info.Endpoints[0].Metadata["description"] != "Says what was asked for." {
		t.Fatalf("info: %+v", info)
	}
	if got, want := info.Endpoints[0].Metadata["request_schema"], `{"type":"object","properties":{`+
		`"deep":{"type":["boolean","null"]},`+
		`"limit":{"type":["integer","null"],"description":"How many.","minimum":1,"maximum":1000,"default":20},`+
		`"name":{"type":"string","description":"Whose.","minLength":1,"maxLength":20},`+
		`"since":{"type":["number","null"]},`+
		`"sort":{"type":["string","null"],"enum":["up","down"],"default":"up"},`+
		`"tags":{"type":["array","null"],"items":{"type":"string","enum":["a","b"]},"maxItems":2}},`+
		`"required":["name"],"additionalProperties":false}`; got != want {
		t.Errorf("request schema:\n got %s\nwant %s", got, want)
	}
	var stats micro.Stats
	parse(t, request(t, env.Conn, "$SRV.STATS.test", ""), &stats)
	var counts service.Counts
	if err := json.Unmarshal(stats.Endpoints[0].Data, &counts); err != nil {
		t.Fatal(err)
	}
	if stats.Endpoints[0].NumRequests != 2 || counts.Answered != 2 || counts.Errors != 1 || counts.ByCode[service.Invalid] != 1 {
		t.Errorf("stats: %+v, %+v", stats.Endpoints[0], counts)
	}
	if s.Counts("nobody").Answered != 0 {
		t.Error("an endpoint that is not there has counts")
	}
}

func parse(t *testing.T, m *nats.Msg, into any) {
	t.Helper()
	if err := json.Unmarshal(m.Data, into); err != nil {
		t.Fatal(err)
	}
}

type nothing struct{}

func TestService_StopAnswersWhatItTook(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	caller := env.Connect(t)
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	s, err := service.New(service.Config{Conn: env.Conn, Name: "test", Endpoints: []service.Endpoint{
		service.NewEndpoint(service.Declaration{Name: "slow", Subject: "rosey.db.query.status"}, func(ctx context.Context, _ nothing) (nothing, error) {
			begun <- struct{}{}
			select {
			case <-goOn:
			case <-ctx.Done():
			}
			return nothing{}, ctx.Err()
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	const callers = 20
	got := make(chan error, callers)
	for range callers {
		go func() {
			_, err := service.Call[nothing](t.Context(), caller, "rosey.db.query.status", nothing{})
			got <- err
		}()
	}
	for range callers {
		<-begun
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(t.Context()) }()
	close(goOn)
	for range callers {
		if err := <-got; err != nil {
			t.Errorf("a request that was taken: %v", err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := service.Call[nothing](t.Context(), caller, "rosey.db.query.status", nothing{}); !errors.Is(err, service.ErrNoService) {
		t.Errorf("after the end: %v", err)
	}
}

func TestService_StopEndsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	begun := make(chan struct{})
	var ended atomic.Bool
	s, err := service.New(service.Config{Conn: env.Conn, Name: "test", Endpoints: []service.Endpoint{
		service.NewEndpoint(service.Declaration{Name: "slow", Subject: "rosey.db.query.status"}, func(ctx context.Context, _ nothing) (nothing, error) {
			close(begun)
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond) // it does not end at once
			ended.Store(true)
			return nothing{}, ctx.Err()
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := service.Call[nothing](t.Context(), env.Connect(t), "rosey.db.query.status", nothing{})
		got <- err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	if !ended.Load() {
		t.Error("Stop did not wait for what was at work")
	}
	if err := <-got; service.CodeOf(err) != service.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestService_RefusesWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	goOn := make(chan struct{})
	begun := make(chan struct{}, 2)
	slow := service.NewEndpoint(service.Declaration{Name: "slow", Subject: "rosey.db.query.status", Limit: 2}, func(context.Context, nothing) (nothing, error) {
		begun <- struct{}{}
		<-goOn
		return nothing{}, nil
	})
	late := service.NewEndpoint(service.Declaration{Name: "late", Subject: "rosey.db.query.top_chatters", Timeout: time.Millisecond}, func(ctx context.Context, _ nothing) (nothing, error) {
		<-ctx.Done()
		return nothing{}, fmt.Errorf("read: %w", ctx.Err())
	})
	large := service.NewEndpoint(service.Declaration{Name: "large", Subject: "rosey.db.query.search_chat"}, func(context.Context, nothing) (string, error) {
		return strings.Repeat("x", 9<<20), nil
	})
	serve(t, env.Conn, slow, late, large)
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			if _, err := service.Call[nothing](t.Context(), env.Conn, "rosey.db.query.status", nothing{}); err != nil {
				t.Error(err)
			}
		})
		<-begun
	}
	for subject, want := range map[string]service.Code{
		"rosey.db.query.status": service.Busy, "rosey.db.query.top_chatters": service.Timeout, "rosey.db.query.search_chat": service.TooLarge,
	} {
		if _, err := service.Call[any](t.Context(), env.Conn, subject, nothing{}); service.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %s", subject, err, want)
		}
	}
	m := request(t, env.Conn, "rosey.db.query.top_chatters", `{"x":"`+strings.Repeat("x", 1<<20)+`"}`)
	if !strings.Contains(string(m.Data), `"code":"too_large"`) {
		t.Errorf("a request of 1 MB: %s", m.Data)
	}
	close(goOn)
	callers.Wait()
}
