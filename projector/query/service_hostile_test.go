package query_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"rosey/projector/query"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/micro"
)

// refused is the code of a reply that is an error in its right shape, empty for
// an answer.
func refused(t testing.TB, bare bool, what string, body []byte, header string) service.Code {
	t.Helper()
	if bare && header == "" {
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil || list == nil {
			t.Errorf("%s: %.300s is no list", what, body)
		}
		return ""
	}
	var reply struct {
		Success *bool
		Data    json.RawMessage
		Error   *service.Error
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Success == nil {
		t.Errorf("%s: %.300s is no reply", what, body)
		return ""
	}
	switch {
	case *reply.Success && (reply.Error != nil || len(reply.Data) == 0 || header != ""),
		!*reply.Success && (reply.Error == nil || reply.Error.Message == "" || len(reply.Data) > 0 || string(reply.Error.Code) != header):
		t.Errorf("%s: %.300s with %q in the headers is neither an answer nor an error", what, body, header)
	case !*reply.Success:
		return reply.Error.Code
	}
	return ""
}

// Whatever is asked: the reply has its shape, what makes no sense is refused and
// not answered with nothing, and the tables stay as they are.
func TestService_HostileRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	d.tell(anEvening(t))
	before := dumpOf(t, d.store)
	const sql = `x' OR '1'='1'; DROP TABLE user_stats; --`
	for _, e := range query.Endpoints() {
		good := map[string]any{}
		if err := json.Unmarshal([]byte(e.Examples[0]), &good); err != nil {
			t.Fatal(err)
		}
		with := func(name string, v any) string {
			m := maps.Clone(good)
			m[name] = v
			return asJSON(t, m)
		}
		ask := func(body string) service.Code {
			m := d.ask(strings.TrimPrefix(e.Subject, "rosey.db."), body)
			return refused(t, e.Bare, e.Name+" "+body[:min(len(body), 80)], m.Data, m.Header.Get(micro.ErrorCodeHeader))
		}
		want := func(code service.Code, body string) {
			t.Helper()
			if got := ask(body); got != code {
				t.Errorf("%s %.100s: got %q, want %q", e.Name, body, got, code)
			}
		}
		for _, body := range []string{
			"x", "{", "{}}", "[]", "[{}]", "null", "7", `"text"`, "{\"a\":\xff}", "\xff\xfe{}", "\x00", `{"a":"` + "\xc3\x28" + `"}`,
			`{"a":"\ud800"}`, `{"a":"\u0000"}`, `{"a":1,"a":2}`, `{"":1,"":2}`, strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 10000),
			`{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}", `{"a":1e999}x`, "{\"a\":1,}", `{'a':1}`, "{} {}",
		} {
			want(service.Invalid, body)
		}
		want(service.TooLarge, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`)
		if !e.Bare {
			want(service.Invalid, with("unknown", 1))
			want(service.Invalid, with("Wait_Seq", 1))
			want(service.Invalid, with("__proto__", map[string]any{}))
			want("", with("wait_seq", nil))
			want(service.Invalid, with("wait_seq", -1))
			want(service.Invalid, with("wait_seq", json.Number("9007199254740993")))
			want(service.Invalid, with("wait", 31))
			late := maps.Clone(good)
			late["wait"], late["wait_seq"] = 0, int64(1<<53-1)
			want(service.Timeout, asJSON(t, late))
		}
		for name, p := range e.Request.Properties {
			want(service.Invalid, with(name, map[string]any{"$ne": nil}))
			want(service.Invalid, with(name, []any{}))
			want(service.Invalid, with(name, true))
			switch {
			case p.Maximum != nil && !e.Bare:
				for _, n := range []json.Number{"-1", "1e18", "9007199254740993", "1e400", "-0.5"} {
					want(service.Invalid, with(name, n))
				}
				want(service.Invalid, with(name, "20"))
			case p.MaxLength != nil:
				want(service.Invalid, with(name, 7))
				want(service.Invalid, with(name, strings.Repeat("x", *p.MaxLength+1)))
				if code := ask(with(name, sql)); code != service.NotFound && name == "channel" {
					t.Errorf("%s of a channel with SQL in its name: got %q", e.Name, code)
				}
			case len(p.Enum) > 0:
				want(service.Invalid, with(name, sql))
				want(service.Invalid, with(name, ""))
			}
		}
	}
	if after := dumpOf(t, d.store); after != before {
		t.Error("the tables are changed")
	}
	if text := d.log.String(); strings.Contains(text, "DROP TABLE") || strings.Contains(text, "level=ERROR") {
		t.Errorf("the log: %.2000s", text)
	}
}

func dumpOf(t testing.TB, store schema.Store) string {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	return schematest.Dump(t, db)
}
