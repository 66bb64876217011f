package cytubetest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
)

// stay keeps a client that was thrown out from coming again.
func stay(c *cytube.Config) {
	long := cytube.Backoff{Min: time.Hour, Max: time.Hour}
	c.Backoff, c.DuplicatePause, c.KickPause = long, long, long
}

func shownBy(srv *cytubetest.Channel, author string, want ...string) func() bool {
	return func() bool { return slices.Equal(srv.ShownBy(author), want) }
}

func TestChannel_FloodLimitCanBeFaster(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(1)
	srv := newChannel(t, cytubetest.ChannelConfig{Burst: 3, Sustained: 50, FloodClock: now.Load})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	var want []string
	for i := range 15 {
		if i >= 3 {
			now.Add(20)
		}
		want = append(want, fmt.Sprint("line ", i))
		must(t, b.Send(t.Context(), "chatMsg", line(want[i])))
		eventually(t, "the lines are shown in order", shownBy(srv, "rosey", want...))
	}
	if d := srv.Dropped(); d != (cytubetest.Dropped{}) {
		t.Errorf("dropped %+v of lines that kept the limit", d)
	}
	for range 10 {
		must(t, b.Send(t.Context(), "chatMsg", line("more")))
	}
	b.saw(t, "cooldown 20")
	eventually(t, "drops are counted", func() bool { return srv.Dropped().Flood == 10 })
}

func TestChannel_CommandsHaveNoEcho(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	silent := []string{"/poll a,b,c", "/kick ann", "/say aloud", "/clear", "/constructor", "/rank x 2"}
	for _, text := range append(silent, "/unknown word", "/me nods", "/sp it was the gardener") {
		must(t, b.Send(t.Context(), "chatMsg", line(text)))
	}
	eventually(t, "the rest is shown", shownBy(srv, "rosey", "/unknown word", "nods", "it was the gardener"))
	if n := srv.Dropped().Command; n != len(silent) {
		t.Errorf("%d commands were taken, want %d", n, len(silent))
	}
	must(t, srv.SetRank("rosey", 2))
	must(t, b.Send(t.Context(), "chatMsg", line("/say aloud")))
	must(t, b.Send(t.Context(), "chatMsg", line("/d tea")))
	must(t, b.Send(t.Context(), "chatMsg", line("/d3 for all")))
	must(t, b.Send(t.Context(), "chatMsg", line("/clear")))
	b.saw(t, `clearchat {"clearedBy":"rosey"}`)
	b.saw(t, `"msg":"tea drink!","meta":{"addClass":"drink","forceShowName":true}`)
	b.saw(t, "drinkCount 4")
	if got := srv.ShownBy("rosey")[3:]; !slices.Equal(got, []string{"aloud", "tea drink!", "for all drink! (x3)"}) {
		t.Errorf("shown %q", got)
	}
}

func TestChannel_FiltersChangeTheText(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	srv.SetFilter(cytubetest.DefaultFilters)
	must(t, b.Send(t.Context(), "chatMsg", line("snake_case_name *and* http://x.example/a_b_c _see_")))
	b.saw(t, `"msg":"snake<em>case</em>name <strong>and</strong> <a href=\"http://x.example/a_b_c\" target=\"_blank\" rel=\"noopener noreferrer\">http://x.example/a_b_c</a> <em>see</em>"`)
	srv.SetFilter(nil)
	must(t, b.Send(t.Context(), "chatMsg", line("*plain*")))
	b.saw(t, `"msg":"*plain*"`)
}

func TestChannel_MutesHoldWhenSomebodyComesAgain(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{Ranks: map[string]float64{"mod": 2}})
	b, mod := connect(t, srv, "rosey", "pw"), connect(t, srv, "mod", "pw")
	b.joined(t)
	mod.joined(t)
	must(t, srv.Mute("rosey", true))
	must(t, srv.Leave("rosey"))
	eventually(t, "back", func() bool { return b.State().Joined && b.State().Joins == 2 })
	must(t, b.Send(t.Context(), "chatMsg", line("anyone?")))
	b.saw(t, `"msg":"anyone?","meta":{}`)
	mod.saw(t, `"msg":"anyone?","meta":{"shadow":true}`)
	for _, e := range b.events() {
		if strings.Contains(e, `"muted":true`) || strings.Contains(e, "shadow") {
			t.Errorf("the client was told of its shadow mute: %s", e)
		}
	}
	if got := srv.Shown(); len(got) != 1 || !got[0].Shadow {
		t.Errorf("shown %+v, want one line in the shadow", got)
	}
	must(t, srv.Mute("rosey", false))
	must(t, srv.Leave("rosey"))
	eventually(t, "back again", func() bool { return b.State().Joined && b.State().Joins == 3 })
	must(t, b.Send(t.Context(), "chatMsg", line("hello?")))
	b.saw(t, "noflood ")
	must(t, b.Send(t.Context(), "pm", map[string]any{"to": "mod", "msg": "help"}))
	mod.saw(t, `pm {"username":"rosey","msg":"help"`)
}

// A line that the site takes before it loses its author is in the chat, and in
// the history of the next join; one that it does not take is nowhere.
func TestChannel_LineCutAroundATakenLine(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	b := connect(t, srv, "rosey", "pw")
	for join, taken := range []bool{true, false} {
		eventually(t, "in the channel", func() bool { return b.State().Joined && b.State().Joins == uint64(join+1) })
		srv.CutChat(taken)
		eventually(t, "the line is written", func() bool {
			return b.Send(t.Context(), "chatMsg", line(fmt.Sprint("taken: ", taken))) == nil
		})
		eventually(t, "cut", func() bool { return len(b.reasons()) == join+1 })
	}
	eventually(t, "back", func() bool { return b.State().Joined && b.State().Joins == 3 })
	srv.Event("end")
	b.saw(t, "end ")
	seen := 0
	for _, e := range b.events() {
		if strings.Contains(e, `"msg":"taken: true"`) {
			seen++
		}
		if strings.Contains(e, `"msg":"taken: false"`) {
			t.Error("a line that was not taken was shown")
		}
	}
	if seen != 2 { // at the second and the third join
		t.Errorf("the taken line came %d times, want 2 in histories and no echo", seen)
	}
	if d := srv.Dropped(); d.Cut != 1 || !slices.Equal(srv.ShownBy("rosey"), []string{"taken: true"}) {
		t.Errorf("dropped %+v, shown %q", d, srv.ShownBy("rosey"))
	}
}

// What a slow site has read of a client that is gone is still taken, unless its
// account has come again from elsewhere: that throws the older connection out
// with all it holds.
func TestChannel_SlowSiteTakesWhatAClosedConnectionHolds(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	srv.SetChatDelay(50 * time.Millisecond)
	first := connect(t, srv, "rosey", "pw", stay)
	first.joined(t)
	must(t, first.Send(t.Context(), "chatMsg", line("late")))
	must(t, first.stop())
	eventually(t, "the line is taken after its author left", shownBy(srv, "rosey", "late"))

	srv.SetChatDelay(time.Hour)
	second := connect(t, srv, "rosey", "pw", stay)
	second.joined(t)
	must(t, second.Send(t.Context(), "chatMsg", line("never")))
	third := connect(t, srv, "rosey", "pw", stay)
	third.joined(t)
	eventually(t, "the older is out", func() bool { return slices.Contains(second.reasons(), cytube.ReasonDuplicateLogin) })
	srv.SetChatDelay(0)
	must(t, third.Send(t.Context(), "chatMsg", line("now")))
	eventually(t, "only the newer one's line is shown", shownBy(srv, "rosey", "late", "now"))
}

func TestChannel_NewUsersAndLowRanksAreSilent(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	srv.SetNewUserDelays(0, time.Hour)
	b.saw(t, `"new_user_chat_link_delay":3600`)
	must(t, b.Send(t.Context(), "chatMsg", line("see ftp://x.example/")))
	b.saw(t, `spamFiltered {"reason":"NEW_USER_CHAT_LINK"}`)
	srv.SetNewUserDelays(time.Hour, 0)
	must(t, b.Send(t.Context(), "pm", map[string]any{"to": "ann", "msg": "hi"}))
	b.saw(t, `spamFiltered {"reason":"NEW_USER_CHAT"}`)
	srv.SetNewUserDelays(0, 0)
	srv.SetPermission("chat", 2)
	b.saw(t, `"chat":2`)
	must(t, b.Send(t.Context(), "chatMsg", line("nobody hears")))
	eventually(t, "the line is dropped", func() bool { return srv.Dropped().Forbidden == 1 })
	srv.SetPermission("chat", 0)
	must(t, b.Send(t.Context(), "chatMsg", line(strings.Repeat(" ", 330)+"cut off")))
	must(t, b.Send(t.Context(), "chatMsg", line("heard")))
	eventually(t, "the line is shown", shownBy(srv, "rosey", "heard"))
	if d, want := srv.Dropped(), (cytubetest.Dropped{Filtered: 2, Forbidden: 1, Blank: 1}); d != want {
		t.Errorf("dropped %+v, want %+v", d, want)
	}
}
