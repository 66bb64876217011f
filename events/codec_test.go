package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCodec_DecodeInvertsEncode(t *testing.T) {
	t.Parallel()
	for _, kind := range kindList() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				want := drawEvent(t, kind)
				first := mustEncode(t, want)
				if !json.Valid(first) {
					t.Fatalf("not JSON: %q", first)
				}
				got := mustDecode(t, kind, first)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("got %#v %#v\nwant %#v %#v", got, got.Payload, want, want.Payload)
				}
				if second := mustEncode(t, got); !bytes.Equal(second, first) {
					t.Fatalf("encoded again:\n%s\nwant:\n%s", second, first)
				}
			})
		})
	}
}

// What one Decoder read before must not show in what it reads next.
func TestDecoder_KeepsNothingOfEarlierEvents(t *testing.T) {
	t.Parallel()
	kinds := kindList()
	rapid.Check(t, func(t *rapid.T) {
		d := NewDecoder()
		for range rapid.IntRange(1, 5).Draw(t, "events") {
			want := drawEvent(t, rapid.SampledFrom(kinds).Draw(t, "kind"))
			got, err := d.Decode(want.Kind, mustEncode(t, want))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("got %#v %#v\nwant %#v %#v", got, got.Payload, want, want.Payload)
			}
			if _, err := d.Decode(want.Kind, []byte(`{"id":`)); err == nil {
				t.Fatal("half an object was accepted")
			}
		}
	})
}

func TestCodec_UnknownFieldsStayInOrder(t *testing.T) {
	t.Parallel()
	const body = `{"v":3,"platform":"cytube","channel":"c","timestamp":1,"time_ms":1500,"username":"a","message":"m",` +
		`"zeta":{"a": [1, 2]},"alpha":"\u00e9","zeta":null,"platform_data":{"event":"chatMsg","args":[]}}`
	e := mustDecode(t, KindMessageLog, []byte(body))
	want := []Field{
		{"zeta", json.RawMessage(`{"a": [1, 2]}`)},
		{"alpha", json.RawMessage(`"\u00e9"`)},
		{"zeta", json.RawMessage(`null`)},
	}
	if !reflect.DeepEqual(e.Extra, want) {
		t.Errorf("got %q, want %q", e.Extra, want)
	}
	if got := string(mustEncode(t, e)); got != body {
		t.Errorf("encoded again:\n%s\nwant:\n%s", got, body)
	}
}

func TestEncode_TimestampIsSeconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ms   int64
		want string
	}{
		{0, `"timestamp":0,`},
		{999, `"timestamp":0,`},
		{1000, `"timestamp":1,`},
		{1_795_281_702_251, `"timestamp":1795281702,`},
		{-1, `"timestamp":-1,`},
		{-1000, `"timestamp":-1,`},
		{-1001, `"timestamp":-2,`},
	} {
		if got := string(mustEncode(t, &Event{Kind: KindMessageLog, TimeMS: tt.ms})); !strings.Contains(got, tt.want) {
			t.Errorf("%d ms: %s lacks %s", tt.ms, got, tt.want)
		}
	}
}

func TestEncode_NeedsAKind(t *testing.T) {
	t.Parallel()
	if _, err := Encode(&Event{}); err == nil {
		t.Error("an event without a kind was encoded")
	}
}

func TestDecode_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		kind Kind
		body string
		want error // nil: any error
	}{
		{"nothing", KindMessageLog, ``, ErrNotObject},
		{"array", KindMessageLog, `[]`, ErrNotObject},
		{"null", KindMessageLog, `null`, ErrNotObject},
		{"half", KindMessageLog, `{"username":"a"`, nil},
		{"trailing", KindMessageLog, `{} {}`, ErrTrailing},
		{"trailing garbage", KindMessageLog, `{}x`, ErrTrailing},
		{"text for a number", KindPlaylistRemoved, `{"uid":"7"}`, nil},
		{"number for a text", KindMessageLog, `{"message":7}`, nil},
		{"object for a list", KindUserRoster, `{"users":{}}`, nil},
		{"text for a flag", KindMessageLog, `{"history":"yes"}`, nil},
		{"version", KindMessageLog, `{"v":-1}`, nil},
		{"huge version", KindMessageLog, `{"v":1e12}`, nil},
		{"huge number", KindPlaylistRemoved, `{"uid":1e300}`, nil},
		{"time that is no time", KindMessageLog, `{"timestamp":1e300}`, nil},
	} {
		e, err := Decode(tt.kind, []byte(tt.body))
		if err == nil || e != nil {
			t.Errorf("%s: %s was decoded", tt.name, tt.body)
		} else if tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func mustEncode(t interface{ Fatal(...any) }, e *Event) []byte {
	data, err := Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustDecode(t interface{ Fatal(...any) }, kind Kind, data []byte) *Event {
	e, err := Decode(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func FuzzDecode(f *testing.F) {
	f.Add(string(KindMessageLog), []byte(`{"username":"a","msg":"b\ud83d","time":1.5,"x":[1e5],"id":12}`))
	f.Add(string(KindMarkSent), []byte(`{"id":12,"queued_ms":1.5e3}`))
	f.Add(string(KindMarkFailed), []byte(`{"id":12,"is_permanent":false,"permanent":null,"recipient":"ann","state":"unknown","error":"no_echo"}`))
	f.Add(string(KindMarkFailed), []byte(`{"message_id":12,"id":"p-1","permanent":true,"is_permanent":false,"state":"\ud83d"}`))
	f.Add(string(KindMarkSent), []byte(`{"message_id":"12"}`))
	f.Add(string(KindMarkSent), []byte(`{"id":"12","message_id":0}`))
	f.Add(string(KindStatusUpdate), []byte(`{"status_data":{"bot_rank":-0.0,"zzz":1},"rank":2,"is_afk":true}`))
	f.Add(string(KindUserRoster), []byte(`{"users":[{"username":"a","rank":1e2,"afk":null},null]}`))
	f.Add(string(KindPollOpened), []byte(`{"title":"t","options":["a",null],"counts":[ "1?" , 2],"opened_ms":9}`))
	f.Add(string(KindPlaylistReplaced), []byte(`{"items": [ {} ] , "v": 2}`))
	f.Add("cytube.voteskip", []byte("{\"a\xff\":1,\"b\":\"\xff\",\"\":null}"))
	f.Add("user.unknown", []byte(`{"timestamp":-0.5,"platform_data": {"event":"x"} }`))
	for _, kind := range Kinds() {
		f.Add(string(kind), []byte(`{}`))
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		if kind == "" {
			return
		}
		first, err := Decode(Kind(kind), data)
		if err != nil {
			return
		}
		encoded := mustEncode(t, first)
		second := mustDecode(t, Kind(kind), encoded)
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("%s\n%#v %#v\n%s\n%#v %#v", data, first, first.Payload, encoded, second, second.Payload)
		}
		if again := mustEncode(t, second); !bytes.Equal(again, encoded) {
			t.Fatalf("encoded\n%s\nthen\n%s", encoded, again)
		}
	})
}

func TestDecode_NumbersToTheLastBit(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"9.244836055417e+11", "5.0009999999999994", "0.30000000000000004", "-0.9980000000000002", "1.7976931348623157e308", "5e-324"} {
		var want float64
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		e := mustDecode(t, KindMediaUpdated, []byte(`{"current_time":`+text+`}`))
		if got := e.Payload.(*MediaUpdated).CurrentTime; got != want {
			t.Errorf("%s was read as %v, want %v", text, got, want)
		}
	}
}
