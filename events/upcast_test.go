package events

import (
	"reflect"
	"testing"
)

// What older publishers wrote, each spelling in one row. A stream keeps what was
// written years ago: no row may ever go.
func TestDecode_OlderSpellings(t *testing.T) {
	t.Parallel()
	chat := func(name, text string) *MessageLog { return &MessageLog{Username: name, Message: text} }
	status := func(set func(*StatusUpdate)) *StatusUpdate {
		p := new(StatusUpdate)
		set(p)
		return p
	}
	for _, tt := range []struct {
		name   string
		kind   Kind
		body   string
		want   Payload
		timeMS int64
		id     string
	}{
		{"nothing but the payload", KindMessageLog, `{"username":"a","message":"m"}`, chat("a", "m"), 0, ""},
		{"msg", KindMessageLog, `{"username":"a","msg":"m","timestamp":12}`, chat("a", "m"), 12_000, ""},
		{"time", KindMessageLog, `{"username":"a","message":"m","time":12}`, chat("a", "m"), 12_000, ""},
		{"timestamp as a fraction", KindMessageLog, `{"username":"a","message":"m","timestamp":1700000000.25}`, chat("a", "m"), 1_700_000_000_250, ""},
		{"timestamp with an exponent", KindMessageLog, `{"username":"a","message":"m","timestamp":1.7e9}`, chat("a", "m"), 1_700_000_000_000, ""},
		{"timestamp beside time_ms", KindMessageLog, `{"username":"a","message":"m","time_ms":12345,"timestamp":12}`, chat("a", "m"), 12_345, ""},
		{"time_ms as a fraction", KindMessageLog, `{"username":"a","message":"m","time_ms":12345.9}`, chat("a", "m"), 12_345, ""},
		{"null fields", KindMessageLog, `{"id":null,"v":null,"platform":null,"channel":null,"timestamp":null,"username":"a","message":null}`, chat("a", ""), 0, ""},
		{"private msg", KindMessagePrivate, `{"username":"a","recipient":"b","msg":"m"}`, &MessagePrivate{Username: "a", Recipient: "b", Message: "m"}, 0, ""},
		{"numeric id", KindMessageLog, `{"id":17,"username":"a","message":"m"}`, chat("a", "m"), 0, "17"},

		{"user_count", KindUserCount, `{"user_count":3,"connected_count":5}`, &Counts{Chat: 3, Connected: 5}, 0, ""},
		{"connected_users", KindHighWater, `{"chat_count":3,"connected_users":5}`, &Counts{Chat: 3, Connected: 5}, 0, ""},
		{"count as a fraction", KindUserCount, `{"chat_count":3.0,"connected_count":5}`, &Counts{Chat: 3, Connected: 5}, 0, ""},

		{"integer id of a sent message", KindMarkSent, `{"id":42,"timestamp":7}`, &OutboundMark{MessageID: 42}, 7_000, ""},
		{"integer id of a failed message", KindMarkFailed, `{"id":42,"error":"muted"}`, &OutboundMark{MessageID: 42, Reason: "muted"}, 0, ""},
		{"id of a sent message as a text", KindMarkSent, `{"id":"9007199254740991"}`, &OutboundMark{MessageID: 9007199254740991}, 0, ""},
		{"message_id of a sent message as a text", KindMarkSent, `{"message_id":"42"}`, &OutboundMark{MessageID: 42}, 0, ""},
		{"id of a failed message as a text", KindMarkFailed, `{"id":"42","error":"muted"}`, &OutboundMark{MessageID: 42, Reason: "muted"}, 0, ""},
		{"message_id of a failed message as a text", KindMarkFailed, `{"message_id":"0042","id":"p-1"}`, &OutboundMark{MessageID: 42}, 0, "p-1"},
		{"id as a text beside message_id", KindMarkSent, `{"id":"7","message_id":42}`, &OutboundMark{MessageID: 42}, 0, "7"},
		{"message_id beside id as a text", KindMarkSent, `{"message_id":"42","id":"7"}`, &OutboundMark{MessageID: 42}, 0, "7"},
		{"id of a sent message that is none", KindMarkSent, `{"id":"-42"}`, &OutboundMark{}, 0, "-42"},
		{"id of a sent message that is too large", KindMarkSent, `{"id":"9223372036854775808"}`, &OutboundMark{}, 0, "9223372036854775808"},
		{"id of another kind as a text", KindMessageLog, `{"id":"42","username":"a","message":"m"}`, chat("a", "m"), 0, "42"},
		{"is_permanent of a failed message", KindMarkFailed, `{"id":42,"error":"muted","is_permanent":false}`, &OutboundMark{MessageID: 42, Reason: "muted", Permanent: ptr(false)}, 0, ""},
		{"whether it is permanent left open", KindMarkFailed, `{"message_id":42,"permanent":null,"recipient":null,"state":null}`, &OutboundMark{MessageID: 42}, 0, ""},
		{"id and message_id", KindMarkSent, `{"id":"p-1","message_id":42}`, &OutboundMark{MessageID: 42}, 0, "p-1"},

		{"is_afk of a user", KindUserJoined, `{"username":"a","rank":2,"is_afk":true}`, &UserJoined{User{Username: "a", Rank: 2, AFK: true}}, 0, ""},
		{"name of a user", KindUserJoined, `{"name":"a"}`, &UserJoined{User{Username: "a"}}, 0, ""},
		{"names in a roster", KindUserRoster, `{"users":[{"name":"a","is_afk":true},{"username":"b"}]}`, &UserRoster{[]User{{Username: "a", AFK: true}, {Username: "b"}}}, 0, ""},
		{"is_afk of a change", KindUserUpdated, `{"username":"a","is_afk":false}`, &UserUpdated{Username: "a", AFK: ptr(false)}, 0, ""},
		{"type of an item", KindMediaChanged, `{"type":"yt","media_id":"x"}`, &MediaChanged{Type: "yt", MediaID: "x"}, 0, ""},
		{"queueby of an item", KindPlaylistAdded, `{"type":"yt","queueby":"a","after":"prepend"}`, &PlaylistAdded{PlaylistItem: PlaylistItem{Type: "yt", QueuedBy: "a"}, After: Prepend}, 0, ""},

		{"status inside status_data", KindStatusUpdate, `{"status_data":{"bot_name":"r","bot_rank":1.5}}`, status(func(p *StatusUpdate) { p.BotName, p.BotRank = ptr("r"), ptr(1.5) }), 0, ""},
		{"status flat", KindStatusUpdate, `{"bot_name":"r","bot_rank":1.5,"bot_afk":true,"channel_name":"c"}`, status(func(p *StatusUpdate) {
			p.BotName, p.BotRank, p.BotAFK, p.ChannelName = ptr("r"), ptr(1.5), ptr(true), ptr("c")
		}), 0, ""},
		{"status name", KindStatusUpdate, `{"name":"r"}`, status(func(p *StatusUpdate) { p.BotName = ptr("r") }), 0, ""},
		{"status rank", KindStatusUpdate, `{"rank":3}`, status(func(p *StatusUpdate) { p.BotRank = ptr(3.0) }), 0, ""},
		{"status is_afk", KindStatusUpdate, `{"is_afk":true}`, status(func(p *StatusUpdate) { p.BotAFK = ptr(true) }), 0, ""},
		{"status afk", KindStatusUpdate, `{"status_data":{"afk":true}}`, status(func(p *StatusUpdate) { p.BotAFK = ptr(true) }), 0, ""},
		{"status chat_users", KindStatusUpdate, `{"chat_users":4}`, status(func(p *StatusUpdate) { p.ChatUsers = ptr(int64(4)) }), 0, ""},
		{"status user_count", KindStatusUpdate, `{"user_count":4}`, status(func(p *StatusUpdate) { p.ChatUsers = ptr(int64(4)) }), 0, ""},
		{"status connected_users", KindStatusUpdate, `{"connected_users":6}`, status(func(p *StatusUpdate) { p.ConnectedUsers = ptr(int64(6)) }), 0, ""},
		{"status connected_count", KindStatusUpdate, `{"status_data":{"connected_count":6}}`, status(func(p *StatusUpdate) { p.ConnectedUsers = ptr(int64(6)) }), 0, ""},
		{"status media", KindStatusUpdate, `{"media_title":"t","media_duration":"00:01"}`, status(func(p *StatusUpdate) { p.MediaTitle, p.MediaDuration = ptr("t"), ptr("00:01") }), 0, ""},
		{"status start_time as a fraction", KindStatusUpdate, `{"start_time":1700000000.5}`, status(func(p *StatusUpdate) { p.BotStartTime = ptr(int64(1_700_000_000)) }), 0, ""},
		{"status connected", KindStatusUpdate, `{"connected":false}`, status(func(p *StatusUpdate) { p.BotConnected = ptr(false) }), 0, ""},
		{"status null", KindStatusUpdate, `{"status_data":null}`, new(StatusUpdate), 0, ""},
		{"status field null", KindStatusUpdate, `{"bot_name":null,"bot_rank":null}`, new(StatusUpdate), 0, ""},
	} {
		e, err := Decode(tt.kind, []byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !reflect.DeepEqual(e.Payload, tt.want) || e.TimeMS != tt.timeMS || e.ID != tt.id || len(e.Extra) != 0 {
			t.Errorf("%s: got %+v time %d id %q extra %q, want %+v time %d id %q", tt.name, e.Payload, e.TimeMS, e.ID, e.Extra, tt.want, tt.timeMS, tt.id)
		}
		if e.V != Version {
			t.Errorf("%s: version %d", tt.name, e.V)
		}
		if again := mustDecode(t, tt.kind, mustEncode(t, e)); !reflect.DeepEqual(again, e) {
			t.Errorf("%s: written anew it reads %+v, want %+v", tt.name, again.Payload, e.Payload)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestEvent_DefaultFillsWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ have, want Event }{
		{Event{}, Event{Platform: PlatformCyTube, Channel: "main", TimeMS: 5}},
		{Event{ReceivedMS: 7}, Event{Platform: PlatformCyTube, Channel: "main", TimeMS: 7, ReceivedMS: 7}},
		{Event{Platform: "p", Channel: "c", TimeMS: 9}, Event{Platform: "p", Channel: "c", TimeMS: 9}},
	} {
		got := tt.have
		got.Default(5, "main")
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%+v became %+v, want %+v", tt.have, got, tt.want)
		}
	}
}

func TestEvent_Observed(t *testing.T) {
	t.Parallel()
	if got := (&Event{TimeMS: 1, ReceivedMS: 2}).Observed(); got != 2 {
		t.Errorf("got %d, want when it was read", got)
	}
	if got := (&Event{TimeMS: 1}).Observed(); got != 1 {
		t.Errorf("got %d, want when it happened", got)
	}
}
