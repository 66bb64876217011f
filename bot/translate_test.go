package bot

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

var t0 = time.UnixMilli(1_795_281_700_123)

// script drives a Translator frame by frame, one second apart.
type script struct {
	t   testing.TB
	tr  *Translator
	now time.Time
}

func newScript(t testing.TB) *script {
	t.Helper()
	return &script{t: t, tr: newTestTranslator(), now: t0}
}

func (s *script) frame(event string, args ...string) []*events.Event {
	s.t.Helper()
	return checkItem(s.t, s.tr, cytube.Frame{Event: event, Args: raws(args...), At: s.now})
}

func (s *script) connect() []*events.Event {
	return checkItem(s.t, s.tr, cytube.Connected{At: s.now, Server: "ws://server/"})
}

func (s *script) join() []*events.Event {
	return checkItem(s.t, s.tr, cytube.Joined{At: s.now, Name: "rosey"})
}

// enter is a connection, a short burst, and the end of the join.
func (s *script) enter() {
	s.t.Helper()
	s.connect()
	s.frame("login", `{"success":true,"name":"rosey"}`)
	s.frame("setPlaylistMeta", `{"count":2,"rawTime":20,"time":"00:20"}`)
	s.frame("playlist", "["+item(1, "one")+","+item(2, "two")+"]")
	s.frame("setCurrent", "1")
	s.frame("changeMedia", media("one"))
	s.frame("userlist", `[{"name":"rosey","rank":1,"meta":{"afk":false}},{"name":"Ann","rank":2,"meta":{"afk":true}}]`)
	s.join()
	s.frame("usercount", "5")
}

func (s *script) wait(d time.Duration) []*events.Event {
	s.now = s.now.Add(d)
	return s.tr.Tick(s.now)
}

func media(id string) string {
	return `{"id":"` + id + `","title":"Title ` + id + `","seconds":10,"duration":"00:10","type":"yt","meta":{},"currentTime":-3,"paused":true}`
}

func item(uid int, id string) string {
	data, err := json.Marshal(uid)
	if err != nil {
		panic(err)
	}
	return `{"media":{"id":"` + id + `","title":"Title ` + id + `","seconds":10,"duration":"00:10","type":"yt","meta":{}},"uid":` +
		string(data) + `,"temp":true,"queueby":"Ann"}`
}

func kindsOf(list []*events.Event) string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = string(e.Kind)
	}
	return strings.Join(names, " ")
}

func find[P events.Payload](t testing.TB, list []*events.Event) P {
	t.Helper()
	for _, e := range list {
		if p, ok := e.Payload.(P); ok {
			return p
		}
	}
	var zero P
	t.Fatalf("no %T among: %s", zero, kindsOf(list))
	return zero
}

func ptr[T any](v T) *T { return &v }

// Every event that the server is known to send, with what becomes of it.
func TestTranslator_Kinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		event, args string
		kind        events.Kind
		payload     events.Payload
	}{
		{"rank", `[1.5]`, "cytube.rank", nil},
		{"login", `[{"success":true,"name":"rosey"}]`, "cytube.login", nil},
		{"kick", `[{"reason":"no <why>"}]`, "bot.kicked", &events.BotKicked{Reason: "no <why>"}},
		{"kick", `[{}]`, "bot.kicked", &events.BotKicked{}},
		{"announcement", `[{"id":"1","title":"T","text":"<b>x</b>","from":"owner"}]`, "channel.announcement", &events.Announcement{Title: "T", Text: "<b>x</b>", From: "owner"}},
		{"needPassword", `[true]`, "cytube.needPassword", nil},
		{"cancelNeedPassword", `[]`, "cytube.cancelNeedPassword", nil},
		{"channelNotRegistered", `[]`, "cytube.channelNotRegistered", nil},
		{"partitionChange", `[{"servers":[]}]`, "cytube.partitionChange", nil},
		{"errorMsg", `[{"msg":"x"}]`, "cytube.errorMsg", nil},
		{"costanza", `[{"msg":"x"}]`, "cytube.costanza", nil},
		{"noflood", `[{"action":"chat","msg":"x"}]`, "cytube.noflood", nil},
		{"cooldown", `[100]`, "cytube.cooldown", nil},
		{"spamFiltered", `[{"reason":"NEW_USER_CHAT"}]`, "cytube.spamFiltered", nil},
		{"validationError", `[{"target":"x","message":"y"}]`, "cytube.validationError", nil},
		{"validationPassed", `[{"target":"x"}]`, "cytube.validationPassed", nil},
		{"warnLargeChandump", `[{"limit":1,"actual":2}]`, "cytube.warnLargeChandump", nil},

		{
			"userlist", `[[{"name":"Ann","rank":1.5,"profile":{},"meta":{"afk":true,"muted":false}}]]`, "user.roster",
			&events.UserRoster{Users: []events.User{{Username: "Ann", Rank: 1.5, AFK: true}}},
		},
		{"userlist", `[[]]`, "user.roster", &events.UserRoster{Users: []events.User{}}},
		{"addUser", `[{"name":"Ann","rank":0,"meta":{"afk":true}}]`, "user.joined", &events.UserJoined{User: events.User{Username: "Ann", AFK: true}}},
		{"userLeave", `[{"name":"Ann"}]`, "user.left", &events.UserLeft{Username: "Ann"}},
		{"usercount", `[7]`, "cytube.usercount", nil},
		{"setUserRank", `[{"name":"ann","rank":2,"userrank":3}]`, "user.updated", &events.UserUpdated{Username: "ann", Rank: ptr(2.0)}},
		{
			"setUserMeta", `[{"name":"Ann","meta":{"afk":false,"muted":true,"smuted":false}}]`, "user.updated",
			&events.UserUpdated{Username: "Ann", AFK: ptr(false), Muted: ptr(true), ShadowMuted: ptr(false)},
		},
		{"setUserMeta", `[{"name":"Ann","meta":{"afk":true}}]`, "user.updated", &events.UserUpdated{Username: "Ann", AFK: ptr(true)}},
		{"setUserMeta", `[{"name":"","meta":{"afk":true}}]`, "cytube.setUserMeta", nil},
		{"setAFK", `[{"name":"Ann","afk":true}]`, "user.updated", &events.UserUpdated{Username: "Ann", AFK: ptr(true)}},
		{"setAFK", `[{"name":"","afk":true}]`, "cytube.setAFK", nil},
		{
			"setUserProfile", `[{"name":"Ann","profile":{"image":"i","text":"<t>"}}]`, "user.updated",
			&events.UserUpdated{Username: "Ann", ProfileImage: ptr("i"), ProfileText: ptr("<t>")},
		},
		{"setLeader", `["Ann"]`, "channel.leader", &events.ChannelLeader{Username: "Ann"}},
		{"setLeader", `[""]`, "channel.leader", &events.ChannelLeader{}},
		{"clearVoteskipVote", `[]`, "cytube.clearVoteskipVote", nil},

		{
			"chatMsg", `[{"username":"Ann","msg":"&lt;3 <b>x</b>","meta":{"addClass":"greentext","shadow":true},"time":5}]`, "message.log",
			&events.MessageLog{Username: "Ann", Message: "<3 x", Style: "greentext", Shadow: true},
		},
		{"chatMsg", `[{"username":"[voteskip]","msg":"passed","meta":{},"time":5}]`, "message.log", &events.MessageLog{Username: "[voteskip]", Message: "passed", Notice: "voteskip"}},
		{"chatMsg", `[{"username":"Ann","msg":"x","meta":null,"time":5}]`, "message.log", &events.MessageLog{Username: "Ann", Message: "x"}},
		{"chatMsg", `[{"username":"Ann","msg":"x","meta":{"addClass":["odd"]},"time":5}]`, "message.log", &events.MessageLog{Username: "Ann", Message: "x"}},
		{
			"pm", `[{"username":"Ann","msg":"a\u0007&amp;\r\nb","meta":{},"time":5,"to":"rosey"}]`, "message.private",
			&events.MessagePrivate{Username: "Ann", Recipient: "rosey", Message: "a\a&\r\nb"},
		},
		{"clearchat", `[{"clearedBy":"owner"}]`, "channel.chat_cleared", &events.ChatCleared{Username: "owner"}},
		{"drinkCount", `[2]`, "channel.drink_count", &events.DrinkCount{Count: 2}},
		{"emoteList", `[[{"name":":x:"}]]`, "channel.emotes", &events.ChannelEmotes{Emotes: json.RawMessage(`[{"name":":x:"}]`)}},
		{"updateEmote", `[{"name":"<3&\"","image":"a?b=1&amp;c","source":"s"}]`, "channel.emote_updated", &events.Emote{Name: `<3&"`, Image: "a?b=1&amp;c"}},
		{"renameEmote", `[{"old":":a:","name":":b:","image":"i","source":"s"}]`, "channel.emote_renamed", &events.Emote{Old: ":a:", Name: ":b:", Image: "i"}},
		{"removeEmote", `[{"name":":a:"}]`, "channel.emote_removed", &events.Emote{Name: ":a:"}},
		{"chatFilters", `[[]]`, "cytube.chatFilters", nil},
		{"updateChatFilter", `[{}]`, "cytube.updateChatFilter", nil},
		{"deleteChatFilter", `[{}]`, "cytube.deleteChatFilter", nil},
		{"addFilterSuccess", `[]`, "cytube.addFilterSuccess", nil},

		{"playlist", `[[]]`, "playlist.replaced", &events.PlaylistReplaced{Raw: json.RawMessage(`[]`)}},
		{"setPlaylistMeta", `[{"count":2,"rawTime":13.5,"time":"00:13"}]`, "playlist.meta", &events.PlaylistMeta{Count: 2, Seconds: 13.5}},
		{
			"queue", `[{"item":` + item(4, "m") + `,"after":3}]`, "playlist.added", &events.PlaylistAdded{
				PlaylistItem: events.PlaylistItem{UID: 4, Type: "yt", MediaID: "m", Title: "Title m", Seconds: 10, Duration: "00:10", Temp: true, QueuedBy: "Ann"},
				After:        "3",
			},
		},
		{"delete", `[{"uid":4}]`, "playlist.removed", &events.PlaylistRemoved{UID: 4}},
		{"moveVideo", `[{"from":4,"after":"append"}]`, "playlist.moved", &events.PlaylistMoved{UID: 4, After: events.Append}},
		{"moveVideo", `[{"from":4,"after":0}]`, "playlist.moved", &events.PlaylistMoved{UID: 4, After: "0"}},
		{"setTemp", `[{"uid":4,"temp":true}]`, "playlist.temp", &events.PlaylistTemp{UID: 4, Temp: true}},
		{"setCurrent", `[4]`, "playlist.current", &events.PlaylistCurrent{UID: 4}},
		{
			"changeMedia", `[{"id":"m","title":"<T> & more","seconds":0,"duration":"--:--","type":"tw","meta":{},"currentTime":-2.5,"paused":true}]`, "media.changed",
			&events.MediaChanged{Type: "tw", MediaID: "m", Title: "<T> & more", Duration: "--:--", CurrentTime: -2.5, Paused: true},
		},
		{"mediaUpdate", `[{"currentTime":5.0009999999999994,"paused":false}]`, "media.updated", &events.MediaUpdated{CurrentTime: 5.0009999999999994}},
		{"setPlaylistLocked", `[true]`, "playlist.locked", &events.PlaylistLocked{Locked: true}},
		{"queueFail", `[{"msg":"x","link":"","id":"y"}]`, "cytube.queueFail", nil},
		{"queueWarn", `[{"msg":"x","link":""}]`, "cytube.queueWarn", nil},
		{"voteskip", `[{"count":1,"need":2}]`, "cytube.voteskip", nil},
		{"searchResults", `[{"source":"library","results":[]}]`, "cytube.searchResults", nil},
		{"listPlaylists", `[[]]`, "cytube.listPlaylists", nil},

		{
			"newPoll", `[{"title":"&lt;a&gt; &#40;b&#41;","options":["&quot;x&quot;"],"counts":["3?"],"initiator":"Ann","timestamp":9}]`, "poll.opened",
			&events.Poll{Title: "<a> (b)", Options: []string{`"x"`}, Counts: json.RawMessage(`["3?"]`), Initiator: "Ann", OpenedMS: 9},
		},
		{
			"updatePoll", `[{"title":"a","options":[],"counts":[],"initiator":"Ann","timestamp":9}]`, "poll.updated",
			&events.Poll{Title: "a", Options: []string{}, Counts: json.RawMessage(`[]`), Initiator: "Ann", OpenedMS: 9},
		},
		{"closePoll", `[null]`, "poll.closed", &events.PollClosed{}},

		{"setMotd", `["<b>x</b>\n"]`, "channel.motd", &events.ChannelMotd{Motd: "<b>x</b>\n"}},
		{"channelCSSJS", `[{"css":"x","js":""}]`, "channel.style", &events.ChannelStyle{Style: json.RawMessage(`{"css":"x","js":""}`)}},
		{"channelOpts", `[{"password":"x"}]`, "channel.options", &events.ChannelOptions{Options: json.RawMessage(`{"password":"[redacted]"}`)}},
		{"setPermissions", `[{"chat":0}]`, "channel.permissions", &events.ChannelPermissions{Permissions: json.RawMessage(`{"chat":0}`)}},
		{"channelRanks", `[[]]`, "cytube.channelRanks", nil},
		{"channelRankFail", `[{"msg":"x"}]`, "cytube.channelRankFail", nil},
		{"banlist", `[[]]`, "cytube.banlist", nil},
		{"banlistRemove", `[{"id":1,"name":"x"}]`, "cytube.banlistRemove", nil},
		{"readChanLog", `[{"success":false}]`, "cytube.readChanLog", nil},
		{"acp-list-loaded", `[[]]`, "cytube.acp-list-loaded", nil},
		{"errMessage", `[{}]`, "cytube.errMessage", nil},
		{"some new.event", `[1,2]`, "cytube.some=20new=2Eevent", nil},
	} {
		tr := newTestTranslator()
		var args []json.RawMessage
		if err := json.Unmarshal([]byte(tt.args), &args); err != nil {
			t.Fatal(err)
		}
		out := checkItem(t, tr, cytube.Frame{Event: tt.event, Args: args, At: t0})
		if out[0].Kind != tt.kind || !reflect.DeepEqual(out[0].Payload, tt.payload) {
			t.Errorf("%s %s became %s %+v, want %s %+v", tt.event, tt.args, out[0].Kind, out[0].Payload, tt.kind, tt.payload)
		}
		if n := tr.Malformed(); n != 0 {
			t.Errorf("%s %s counts as malformed", tt.event, tt.args)
		}
		roundTrip(t, out[0])
	}
}

func TestTranslator_UnexpectedArgumentsAreKept(t *testing.T) {
	t.Parallel()
	for event := range readings {
		for _, args := range [][]string{
			{},
			{`null`},
			{`"text"`, `{}`},
			{`{"name":5}`},
			{`[[]]`},
			{`-1e400`},
			{`{"username":"a","msg":"b","time":"soon"}`},
			{`{"username":"a","msg":"b","time":1e300,"to":"c"}`},
		} {
			s := newScript(t)
			s.enter()
			before := s.tr.Malformed()
			out := s.frame(event, args...)
			if out[0].Kind == events.CyTubeKind(event) && s.tr.Malformed() != before+1 {
				t.Errorf("%s %s: not counted", event, args)
			}
			if out[0].Kind == events.CyTubeKind(event) && out[0].Payload != nil {
				t.Errorf("%s %s: payload %+v", event, args, out[0].Payload)
			}
			if out[0].TimeMS != s.now.UnixMilli() {
				t.Errorf("%s %s: time %d", event, args, out[0].TimeMS)
			}
		}
	}
}

func TestTranslator_NamesAndTextsThatHurt(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.enter()
	names := []string{"null", "__proto__", "-", "MixedCase", "0", "constructor", "true", "NaN"}
	texts := []string{
		strings.Repeat("é", 320), strings.Repeat("😀", 160), "null", "a\u0001b\u001f", "\u2028\u2029", `"\/`, "\uFFFD", "", "   ",
		"{\"a\":1}", "🏳️‍🌈 \u202Eevil", strings.Repeat("x", 40_000),
	}
	for _, name := range names {
		for _, text := range texts {
			data, err := json.Marshal(map[string]any{"username": name, "msg": text, "meta": struct{}{}, "time": 1_795_281_700_000})
			if err != nil {
				t.Fatal(err)
			}
			out := s.frame("chatMsg", string(data))
			encoded, err := events.Encode(out[0])
			if err != nil {
				t.Fatal(err)
			}
			back, err := events.Decode(events.KindMessageLog, encoded)
			if err != nil {
				t.Fatal(err)
			}
			line := back.Payload.(*events.MessageLog)
			if line.Username != name || line.Message != text || back.TimeMS != 1_795_281_700_000 {
				t.Errorf("%q %.40q became %q %.40q", name, text, line.Username, line.Message)
			}
		}
		out := s.frame("addUser", `{"name":"`+name+`","rank":1}`)
		if got := find[*events.UserJoined](t, out).Username; got != name {
			t.Errorf("%q joined as %q", name, got)
		}
	}
	if got, want := s.tr.View().Users, int64(2+len(names)); got != want {
		t.Errorf("%d users, want %d", got, want)
	}
	s.frame("userLeave", `{"name":"mixedcase"}`)
	if got, want := s.tr.View().Users, int64(1+len(names)); got != want {
		t.Errorf("%d users after one left, want %d", got, want)
	}
}

func TestTranslator_BrokenUTF8(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	out := s.tr.Translate(cytube.Frame{
		Event: "chatMsg", At: t0,
		Args: []json.RawMessage{[]byte("{\"username\":\"a\",\"msg\":\"x\xff\",\"time\":1}"), nil},
	})
	if got := find[*events.MessageLog](t, out).Message; got != "x\uFFFD" {
		t.Errorf("got %q", got)
	}
	roundTrip(t, out[0])
}

func line(text string) string {
	return `{"username":"Ann","msg":"` + text + `","meta":{},"time":1}`
}

func TestTranslator_HistoryLoginFirst(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("login", `{"success":true,"name":"rosey"}`)
	s.frame("emoteList", `[]`)
	if !find[*events.MessageLog](t, s.frame("chatMsg", line("old"))).History {
		t.Error("a line of the burst is not marked")
	}
	s.frame("drinkCount", "0")
	s.frame("userlist", "[]")
	if find[*events.MessageLog](t, s.frame("chatMsg", line("new"))).History {
		t.Error("a live line is marked")
	}
	s.join()
	checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonSilence})
	s.connect()
	if !find[*events.MessageLog](t, s.frame("chatMsg", line("old"))).History {
		t.Error("a line of the second burst is not marked")
	}
}

func TestTranslator_HistoryJoinFirst(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("emoteList", `[]`)
	s.frame("chatMsg", line("old"))
	s.frame("userlist", "[]")
	if find[*events.MessageLog](t, s.frame("chatMsg", line("while logging in"))).History {
		t.Error("a live line before the login is marked")
	}
	s.frame("login", `{"success":true,"name":"rosey"}`)
	s.join()
	s.frame("userlist", `[{"name":"rosey","rank":3}]`)
	if find[*events.MessageLog](t, s.frame("chatMsg", line("after"))).History {
		t.Error("a live line after the second list is marked")
	}
}

func TestTranslator_HistoryEndsWithAnUnreadableList(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("userlist", `{"odd":1}`)
	if find[*events.MessageLog](t, s.frame("chatMsg", line("new"))).History {
		t.Error("a live line is marked")
	}
}

func TestTranslator_MediaFromPlaylist(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("playlist", "["+item(1, "one")+","+item(2, "two")+"]")
	s.frame("setCurrent", "1")
	m := find[*events.MediaChanged](t, s.frame("changeMedia", media("one")))
	if !m.Resumed || m.UID == nil || *m.UID != 1 || m.QueuedBy != "Ann" {
		t.Errorf("in the burst: %+v", m)
	}
	s.frame("userlist", "[]")
	s.frame("queue", `{"item":`+item(3, "three")+`,"after":2}`)
	s.frame("setCurrent", "3")
	m = find[*events.MediaChanged](t, s.frame("changeMedia", media("three")))
	if m.Resumed || m.UID == nil || *m.UID != 3 || m.QueuedBy != "Ann" {
		t.Errorf("live: %+v", m)
	}
	s.frame("setCurrent", "2")
	s.frame("usercount", "1")
	if m = find[*events.MediaChanged](t, s.frame("changeMedia", media("hidden"))); m.UID != nil || m.QueuedBy != "" {
		t.Errorf("without a setCurrent just before: %+v", m)
	}
	s.frame("setCurrent", "2")
	if m = find[*events.MediaChanged](t, s.frame("changeMedia", media("another"))); m.QueuedBy != "" {
		t.Errorf("queued by somebody who queued another item: %+v", m)
	}
}

func TestTranslator_MediaEnded(t *testing.T) {
	t.Parallel()
	removed := events.MediaEnded{Type: "yt", MediaID: "one", Reason: "removed"}
	cleared := events.MediaEnded{Type: "yt", MediaID: "one", Reason: "playlist_cleared"}
	type step struct {
		event, arg string
		wait       time.Duration
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  *events.MediaEnded // after the last step and not before
	}{
		{"the only item left goes", []step{{event: "delete", arg: `{"uid":2}`}, {event: "delete", arg: `{"uid":1}`}, {event: "setPlaylistMeta", arg: `{"count":0,"rawTime":0}`}}, &removed},
		{"the next one begins", []step{{event: "delete", arg: `{"uid":1}`}, {event: "setPlaylistMeta", arg: `{"count":1,"rawTime":10}`}, {event: "setCurrent", arg: `2`}, {event: "changeMedia", arg: media("two")}, {wait: time.Minute}}, nil},
		{"the next one begins after others spoke", []step{{event: "delete", arg: `{"uid":1}`}, {event: "usercount", arg: `3`}, {event: "setCurrent", arg: `2`}, {event: "changeMedia", arg: media("two")}, {wait: time.Minute}}, nil},
		{"another item goes", []step{{event: "delete", arg: `{"uid":2}`}, {event: "setPlaylistMeta", arg: `{"count":1,"rawTime":10}`}, {wait: time.Minute}}, nil},
		{"the next one never begins", []step{{event: "delete", arg: `{"uid":1}`}, {event: "setPlaylistMeta", arg: `{"count":1,"rawTime":10}`}, {wait: time.Second}, {wait: time.Second}}, &removed},
		{"the next one never begins, told by a frame", []step{{event: "delete", arg: `{"uid":1}`}, {wait: time.Second}, {event: "usercount", arg: `3`}, {wait: time.Second}}, &removed},
		{"cleared", []step{{event: "playlist", arg: `[]`}, {event: "setPlaylistMeta", arg: `{"count":0,"rawTime":0}`}}, &cleared},
		{"only hidden", []step{{event: "playlist", arg: `[]`}, {event: "setPlaylistMeta", arg: `{"count":2,"rawTime":20}`}, {wait: time.Minute}}, nil},
		{"cleared while hidden", []step{{event: "setPlaylistMeta", arg: `{"count":0,"rawTime":0}`}}, &removed},
		{"shuffled", []step{{event: "playlist", arg: "[" + item(4, "two") + "," + item(3, "one") + "]"}, {event: "setCurrent", arg: `3`}, {wait: time.Minute}}, nil},
		{"shuffled, then the playing item goes", []step{{event: "playlist", arg: "[" + item(3, "one") + "]"}, {event: "setCurrent", arg: `3`}, {event: "delete", arg: `{"uid":3}`}, {event: "setPlaylistMeta", arg: `{"count":0,"rawTime":0}`}}, &removed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t)
			s.enter()
			for i, st := range tt.steps {
				var out []*events.Event
				if st.event != "" {
					out = s.frame(st.event, st.arg)
				} else {
					out = s.wait(st.wait)
				}
				var got *events.MediaEnded
				for _, e := range out {
					if p, ok := e.Payload.(*events.MediaEnded); ok {
						got = p
					}
				}
				want := tt.want
				if i < len(tt.steps)-1 {
					want = nil
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("step %d: ended %+v, want %+v", i+1, got, want)
				}
			}
			if tt.want != nil && s.tr.View().NowPlaying != "" {
				t.Errorf("still playing %q", s.tr.View().NowPlaying)
			}
		})
	}
}

func TestTranslator_MediaEndedWhenTheLineGoes(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.enter()
	removedAt := s.now
	s.frame("delete", `{"uid":1}`)
	s.now = s.now.Add(time.Second)
	out := checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonConnectionLost})
	if got, want := kindsOf(out), "media.ended bot.disconnected"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if out[0].TimeMS != removedAt.UnixMilli() || out[0].ReceivedMS != s.now.UnixMilli() {
		t.Errorf("ended at %d, told at %d", out[0].TimeMS, out[0].ReceivedMS)
	}
}

func TestTranslator_PollClosedNamesThePoll(t *testing.T) {
	t.Parallel()
	const poll = `{"title":"a","options":["x"],"counts":[0],"initiator":"Ann","timestamp":1795281700000}`
	s := newScript(t)
	s.connect()
	if !find[*events.Poll](t, s.frame("newPoll", poll)).Resumed {
		t.Error("a poll of the burst is not marked")
	}
	s.frame("userlist", "[]")
	if got, want := *find[*events.PollClosed](t, s.frame("closePoll", "null")), (events.PollClosed{Initiator: "Ann", OpenedMS: 1795281700000}); got != want {
		t.Errorf("closed %+v, want %+v", got, want)
	}
	if find[*events.Poll](t, s.frame("newPoll", poll)).Resumed {
		t.Error("a live poll is marked")
	}
	s.connect() // the poll of the old connection is forgotten
	if got := *find[*events.PollClosed](t, s.frame("closePoll", "null")); got != (events.PollClosed{}) {
		t.Errorf("closed %+v", got)
	}
}
