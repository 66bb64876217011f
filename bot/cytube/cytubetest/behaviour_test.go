package cytubetest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
)

func line(text string) map[string]any { return map[string]any{"msg": text, "meta": map[string]any{}} }

func TestChannel_PeopleComeAndGo(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{UserCountEvery: time.Millisecond})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	must(t, srv.JoinAs("mod", 2))
	must(t, srv.JoinGuest("guest"))
	b.saw(t, `addUser {"name":"mod","rank":1,`)
	b.saw(t, `setUserRank {"name":"mod","rank":2}`)
	b.saw(t, `addUser {"name":"guest","rank":0,`)
	must(t, srv.SetAFK("MOD", true))
	b.saw(t, `setUserMeta {"name":"mod","meta":{"afk":true,"muted":false}}`)
	b.saw(t, `setAFK {"name":"mod","afk":true}`)
	must(t, srv.Say("mod", "back"))
	b.saw(t, `setAFK {"name":"mod","afk":false}`)
	srv.SetAnonymous(4)
	b.saw(t, "usercount 7")
	must(t, srv.Leave("guest"))
	b.saw(t, `userLeave {"name":"guest"}`)
	b.saw(t, "usercount 6")
	if err := srv.Leave("guest"); err == nil {
		t.Error("somebody left twice")
	}
	if err := srv.Join("Mod"); err == nil {
		t.Error("somebody is there twice")
	}
	if err := srv.Join("no good"); err == nil {
		t.Error("a bad name was accepted")
	}
}

func TestChannel_ChatIsAsOnTheWire(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	srv := newChannel(t, cytubetest.ChannelConfig{Now: func() time.Time { return now }})
	must(t, srv.Join("ann"))
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	for _, text := range []string{"a < b && c > d", "&amp;", "a\x00\x01b", "  ", "/me waves", ">green", "see https://x.example/?a=1&b=2", strings.Repeat("x", 319) + "🦒"} {
		must(t, srv.Say("ann", text))
	}
	for _, want := range []string{
		`{"username":"ann","msg":"a &lt; b &amp;&amp; c &gt; d","meta":{},"time":1700000000000}`,
		`"msg":"&amp;amp;","meta":{},"time":1700000000001}`,
		`"msg":"a b"`,
		`"msg":"waves","meta":{"action":true,"addClass":"action"}`,
		`"msg":"&gt;green","meta":{"addClass":"greentext"}`,
		`<a href=\"https://x.example/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">https://x.example/?a=1&amp;b=2</a>`,
		`xx` + "\uFFFD" + `"`,
	} {
		b.saw(t, want)
	}
	if l := srv.Ledger(); l.ChatLines != 7 || l.ChatByUser["ann"] != 7 {
		t.Errorf("ledger %+v, want 7 lines: a blank one is dropped", l)
	}
}

func TestChannel_HistoryIsFifteenLinesAndCountedOnce(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	must(t, srv.Join("ann"))
	for range 20 {
		must(t, srv.Say("ann", "before"))
	}
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	must(t, srv.Say("ann", "while there"))
	b.saw(t, "while there")
	must(t, srv.Restart(0))
	eventually(t, "joined again", func() bool { s := b.State(); return s.Joined && s.Joins == 2 })
	srv.Event("end")
	b.saw(t, "end ")
	n := 0
	for _, name := range b.names() {
		if name == "chatMsg" {
			n++
		}
	}
	if n != 15+1+15 {
		t.Errorf("%d lines arrived, want 31", n)
	}
	if l := srv.Ledger(); l.ChatLines != 16 {
		t.Errorf("the ledger has %d lines, want 16", l.ChatLines)
	}
	srv.ClearChat("ann")
	b.saw(t, `clearchat {"clearedBy":"ann"}`)
}

func TestChannel_ClientsTalkAndWhisper(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	must(t, srv.Join("ann"))
	a, b := connect(t, srv, "one", "pw"), connect(t, srv, "two", "pw")
	a.joined(t)
	b.joined(t)
	must(t, a.Send(t.Context(), "chatMsg", line("hello <two>")))
	for _, bot := range []*bot{a, b} {
		bot.saw(t, `chatMsg {"username":"one","msg":"hello &lt;two&gt;"`)
	}
	must(t, a.Send(t.Context(), "pm", map[string]any{"to": "TWO", "msg": "psst"}))
	for _, bot := range []*bot{a, b} {
		bot.saw(t, `pm {"username":"one","msg":"psst"`)
	}
	must(t, srv.PM("ann", "one", "for you"))
	a.saw(t, `pm {"username":"ann","msg":"for you"`)
	if slices.ContainsFunc(b.events(), func(e string) bool { return strings.Contains(e, "for you") }) {
		t.Error("a private message went to somebody else")
	}
	must(t, a.Send(t.Context(), "pm", map[string]any{"to": "nobody", "msg": "x"}))
	a.saw(t, `errorMsg {"msg":"PM failed: nobody isn't connected to this channel."}`)
	srv.SwallowChat(1)
	must(t, a.Send(t.Context(), "chatMsg", line("lost")))
	must(t, a.Send(t.Context(), "chatMsg", line("kept")))
	a.saw(t, `"msg":"kept"`)
	if slices.ContainsFunc(a.events(), func(e string) bool { return strings.Contains(e, "lost") }) {
		t.Error("a swallowed line came back")
	}
	must(t, srv.Mute("one", false))
	must(t, a.Send(t.Context(), "chatMsg", line("muted")))
	a.saw(t, `noflood {"action":"chat"`)
	must(t, srv.Unmute("one"))
	must(t, srv.Mute("one", true))
	must(t, a.Send(t.Context(), "chatMsg", line("shadow")))
	a.saw(t, `"msg":"shadow"`)
	if slices.ContainsFunc(b.events(), func(e string) bool { return strings.Contains(e, "shadow") }) {
		t.Error("an ordinary user saw a shadow-muted line")
	}
}

func TestChannel_FloodIsCooledDown(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{FloodClock: func() int64 { return 1 }}) // all at once
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	for range 30 {
		must(t, b.Send(t.Context(), "chatMsg", line("spam")))
	}
	b.saw(t, "cooldown 100")
	eventually(t, "the rest is dropped", func() bool { return srv.Dropped().Flood == 10 })
	if n := srv.Ledger().ChatLines; n != 20 {
		t.Errorf("%d lines of a burst of 30 got through, want 20", n)
	}
}

func TestChannel_MediaAndPlaylist(t *testing.T) {
	t.Parallel()
	start := time.UnixMilli(1_700_000_000_000)
	clock := make(chan time.Duration, 1)
	clock <- 0
	at := func(d time.Duration) { <-clock; clock <- d }
	srv := newChannel(t, cytubetest.ChannelConfig{Now: func() time.Time {
		d := <-clock
		clock <- d
		return start.Add(d)
	}})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	first := srv.QueueMedia("ann", cytubetest.Media{ID: "a", Title: "A", Seconds: 60})
	b.saw(t, `queue {"item":{"media":{"id":"a","title":"A","seconds":60,"duration":"01:00","type":"yt","meta":{}},"uid":0,"temp":false,"queueby":"ann"},"after":"prepend"}`)
	b.saw(t, `changeMedia {"id":"a","title":"A","seconds":60,"duration":"01:00","type":"yt","meta":{},"currentTime":-3,"paused":true}`)
	at(3 * time.Second)
	b.saw(t, `mediaUpdate {"currentTime":0,"paused":false}`)
	at(8 * time.Second)
	b.saw(t, `mediaUpdate {"currentTime":5,"paused":false}`)
	second := srv.QueueMedia("ann", cytubetest.Media{ID: "b", Title: "B"})
	must(t, srv.MoveMedia(second, -1))
	b.saw(t, `moveVideo {"from":1,"after":"prepend"}`)
	must(t, srv.MoveMedia(second, first))
	b.saw(t, `moveVideo {"from":1,"after":0}`)
	at(70 * time.Second)
	b.saw(t, `changeMedia {"id":"b","title":"B","seconds":0,"duration":"--:--","type":"yt","meta":{},"currentTime":0,"paused":false}`)
	third := srv.PlayMedia("ann", cytubetest.Media{ID: "c", Title: "C", Seconds: 3700})
	b.saw(t, `"duration":"01:01:40"`)
	srv.PlayNext()
	b.saw(t, `delete {"uid":2}`)
	if err := srv.RemoveMedia(third); err == nil {
		t.Error("a temporary item is still there after it was played")
	}
	must(t, srv.RemoveMedia(first))
	srv.ClearPlaylist()
	b.saw(t, "playlist []")
	srv.LockPlaylist(true)
	b.saw(t, "setPlaylistLocked true")
	if n := srv.Ledger().MediaStarts; n != 5 {
		t.Errorf("%d starts in the ledger, want 5", n)
	}
}

func TestChannel_Polls(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{Ranks: map[string]float64{"boss": 3}})
	must(t, srv.Join("ann"))
	user, boss := connect(t, srv, "user", "pw"), connect(t, srv, "boss", "pw")
	user.joined(t)
	boss.joined(t)
	srv.OpenPoll("ann", `"Tea" (or <not>)?`, "yes", "no")
	user.saw(t, `newPoll {"title":"&quot;Tea&quot; &#40;or &lt;not&gt;&#41;?","options":["yes","no"],"counts":[0,0],"initiator":"ann"`)
	must(t, srv.Vote("ann", 0))
	must(t, srv.Vote("Ann", 1))
	must(t, user.Send(t.Context(), "vote", map[string]int{"option": 1}))
	user.saw(t, `"counts":[0,2]`)
	must(t, srv.Leave("ann"))
	user.saw(t, `"counts":[0,1]`)
	srv.OpenHiddenPoll("boss", "Hidden", "a", "b")
	user.saw(t, "closePoll null")
	user.saw(t, `"counts":["?","?"]`)
	must(t, srv.Vote("boss", 0))
	boss.saw(t, `"counts":["1?","0?"]`)
	must(t, srv.ClosePoll())
	user.saw(t, `"counts":[1,0]`)
	if srv.ClosePoll() == nil || srv.Vote("boss", 0) == nil {
		t.Error("a closed poll was closed or voted in")
	}
}

func TestChannel_ModeratorsSeeMore(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{Ranks: map[string]float64{"boss": 3}})
	user, boss := connect(t, srv, "user", "pw"), connect(t, srv, "boss", "pw")
	user.joined(t)
	boss.joined(t)
	must(t, srv.Join("ann"))
	boss.saw(t, `"aliases":["ann"],"ip":"+Jk.`)
	boss.saw(t, `"msg":"ann joined (aliases: ann)"`)
	user.saw(t, `addUser {"name":"ann"`)
	for _, e := range user.events() {
		if strings.Contains(e, `"ip"`) || strings.Contains(e, "aliases") {
			t.Errorf("an ordinary user was shown %s", e)
		}
	}
	must(t, srv.SetRank("user", 2))
	user.saw(t, `rank 2`)
	user.saw(t, `"ip":"+Jk.`)
}

func TestChannel_LateLoginSendsTheStateTwice(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{Ranks: map[string]float64{"boss": 3}})
	b := connect(t, srv, "", "")
	b.joined(t)
	must(t, b.Send(t.Context(), "login", map[string]string{"name": "boss", "pw": "x"}))
	b.saw(t, `setUserRank {"name":"boss","rank":3}`)
	names := b.names()
	i := slices.Index(names, "login")
	want := []string{"login", "addUser", "rank", "userlist", "setPlaylistMeta", "playlist", "setUserRank"}
	if got := names[i : i+len(want)]; !slices.Equal(got, want) {
		t.Errorf("after the login %q, want %q", got, want)
	}
}

func TestChannel_DuplicateLoginRemovesTheOlder(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	slow := func(c *cytube.Config) { c.DuplicatePause = cytube.Backoff{Min: time.Hour, Max: time.Hour} }
	older := connect(t, srv, "rosey", "pw", slow)
	older.joined(t)
	newer := connect(t, srv, "ROSEY", "pw", slow)
	newer.joined(t)
	eventually(t, "the older is out", func() bool { return slices.Equal(older.reasons(), []string{cytube.ReasonDuplicateLogin}) })
	must(t, srv.DuplicateLogin("rosey"))
	eventually(t, "the newer is out", func() bool { return slices.Equal(newer.reasons(), []string{cytube.ReasonDuplicateLogin}) })
	if users := srv.Users(); len(users) != 1 {
		t.Errorf("users %q, want one", users)
	}
}

func TestChannel_BansHold(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	srv.Ban("Rosey")
	b.saw(t, "You're banned!")
	b.saw(t, "You are banned from this channel.")
	srv.Unban("rosey")
	eventually(t, "back", func() bool { return b.State().Joined })
}

func TestChannel_SettingsAreTold(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	must(t, srv.Join("ann"))
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	srv.SetMotd("<b>new</b>")
	b.saw(t, `setMotd "<b>new</b>"`)
	srv.SetPassword("pw")
	b.saw(t, `"password":"pw"`)
	srv.Announce("admin", "Title", "Text")
	b.saw(t, `"title":"Title","text":"Text","from":"admin"}`)
	srv.Notice("[voteskip]", "ann voted to skip")
	b.saw(t, `"username":"[voteskip]"`)
	srv.WhisperToModerators("not for you")
	srv.SetLeader("ann")
	b.saw(t, `setLeader "ann"`)
	must(t, srv.Leave("ann"))
	b.saw(t, `setLeader ""`)
	srv.SetProfile("ann", "i", "t")
	b.saw(t, `setUserProfile {"name":"ann","profile":{"image":"i","text":"t"}}`)
	srv.Drink()
	b.saw(t, "drinkCount 1")
	must(t, b.Send(t.Context(), "chatMsg", line("hi")))
	eventually(t, "received", func() bool {
		return slices.ContainsFunc(srv.Received(), func(r cytubetest.Received) bool { return r.User == "rosey" && r.Event == "chatMsg" })
	})
	if srv.PageURL() != srv.URL()+"/r/demo" {
		t.Errorf("page %s", srv.PageURL())
	}
}
