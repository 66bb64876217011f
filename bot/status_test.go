package bot

import (
	"reflect"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

func TestTranslator_StatusOnChange(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.tr.Started(t0, PreviousRun{Known: true})
	if got := kindsOf(s.wait(time.Second)); got != "" {
		t.Errorf("before the first connection: %s", got)
	}
	s.connect()
	if got := kindsOf(s.wait(time.Second)); got != "" {
		t.Errorf("while joining: %s", got)
	}
	s.enter()
	s.frame("rank", "3")
	got := find[*events.StatusUpdate](t, s.wait(time.Second))
	want := &events.StatusUpdate{
		BotName: ptr("rosey"), BotRank: ptr(3.0), BotAFK: ptr(false), ChannelName: ptr("rosey_test"),
		ChatUsers: ptr(int64(2)), ConnectedUsers: ptr(int64(5)), PlaylistItems: ptr(int64(2)),
		MediaTitle: ptr("Title one"), MediaDuration: ptr("00:10"), BotStartTime: ptr(t0.Unix()),
		BotConnected: ptr(true), BotDisconnectWhy: ptr(""),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.frame("mediaUpdate", `{"currentTime":5,"paused":false}`)
	if got := kindsOf(s.wait(time.Minute)); got != "" {
		t.Errorf("without a change: %s", got)
	}

	s.frame("setAFK", `{"name":"ROSEY","afk":true}`)
	if got := find[*events.StatusUpdate](t, s.wait(0)); got.BotAFK == nil || !*got.BotAFK {
		t.Errorf("AFK was not told: %+v", got)
	}
	told := 0
	for range 60 {
		s.frame("addUser", `{"name":"u`+s.now.Format("150405")+`","rank":1}`)
		told += len(s.wait(time.Second))
	}
	if told != 6 {
		t.Errorf("%d updates in 60 s of changes, want 6", told)
	}
}

func TestTranslator_StatusWhenTheLineGoes(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.tr.Started(t0, PreviousRun{Known: true})
	s.enter()
	s.wait(time.Second)
	checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonSilence})
	if got := kindsOf(s.wait(time.Second)); got != "" {
		t.Errorf("sooner than 10 s: %s", got)
	}
	got := find[*events.StatusUpdate](t, s.tr.Stopped(s.now))
	if got.BotConnected == nil || *got.BotConnected || got.BotDisconnectWhy == nil || *got.BotDisconnectWhy != cytube.ReasonSilence || got.ChatUsers != nil {
		t.Errorf("the last status: %+v", got)
	}
}

func TestTranslator_View(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	if got := s.tr.View(); got != (View{}) {
		t.Errorf("at first: %+v", got)
	}
	s.enter()
	if got, want := s.tr.View(), (View{Joined: true, BotName: "rosey", Users: 2, Connected: 5, NowPlaying: "Title one"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonSilence})
	if got := s.tr.View(); got != (View{}) {
		t.Errorf("at last: %+v", got)
	}
}

func TestTranslator_LifeOfABot(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	out := append(s.tr.Started(t0, PreviousRun{Producer: "before", LastSeq: 41, Known: true}), s.tr.Recording(t0, 1)...)
	if got, want := kindsOf(out), "bot.started bot.recording"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got, want := *find[*events.BotStarted](t, out), (events.BotStarted{Producer: "run", Previous: "before", PreviousSeq: 41, BotVersion: "test"}); got != want {
		t.Errorf("started %+v, want %+v", got, want)
	}
	if got := find[*events.BotRecording](t, out).Producer; got != "run" {
		t.Errorf("recording %q", got)
	}
	if got := find[*events.BotConnected](t, s.connect()).Server; got != "ws://server/" {
		t.Errorf("connected to %q", got)
	}
	s.frame("userlist", "[]")
	if got, want := *find[*events.BotJoined](t, checkItem(t, s.tr, cytube.Joined{At: s.now, Name: "Rosey", Guest: true})), (events.BotJoined{Username: "Rosey", Guest: true}); got != want {
		t.Errorf("joined %+v, want %+v", got, want)
	}
	heard := s.now.Add(3 * time.Second)
	got := *find[*events.BotDisconnected](t, checkItem(t, s.tr, cytube.Disconnected{
		At: s.now.Add(time.Minute), Reason: cytube.ReasonConnectionLost, Detail: "read tcp 10.0.0.1:999->10.0.0.2:80: reset", LastFrame: heard,
	}))
	want := events.BotDisconnected{
		Reason: cytube.ReasonConnectionLost, Detail: "read tcp [redacted]->[redacted]: reset", ObservedMS: heard.UnixMilli(),
	}
	if got != want {
		t.Errorf("disconnected %+v, want %+v", got, want)
	}
	stopped := s.tr.Stopped(s.now.Add(time.Hour))
	if last := stopped[len(stopped)-1]; last.Kind != events.KindBotStopped {
		t.Errorf("the last event is %s", last.Kind)
	}
}

func TestTranslator_PreviousRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		previous PreviousRun
		want     string
	}{
		{PreviousRun{Known: true}, ""},
		{PreviousRun{}, events.PreviousUnknown},
		{PreviousRun{Producer: "p", LastSeq: 1, Known: true}, "p"},
	} {
		if got := find[*events.BotStarted](t, newTestTranslator().Started(t0, tt.previous)).Previous; got != tt.want {
			t.Errorf("%+v: previous %q, want %q", tt.previous, got, tt.want)
		}
	}
}

// Who takes the lead in the middle of a session tells all that the projections
// take from the leader alone.
func TestTranslator_RecordingTellsWhatIsTheCase(t *testing.T) {
	t.Parallel()
	tr := newTestTranslator()
	for _, item := range readRecording(t, "playlist") {
		if _, ok := item.(cytube.Disconnected); ok {
			break
		}
		tr.Translate(item)
		if tr.View().NowPlaying != "" {
			break
		}
	}
	out := tr.Recording(t0, 7)
	if got := find[*events.BotRecording](t, out).Term; got != 7 {
		t.Errorf("term %d, want 7", got)
	}
	if got := find[*events.UserRoster](t, out).Users; int64(len(got)) != tr.View().Users || len(got) == 0 {
		t.Errorf("roster %v, want %d users", got, tr.View().Users)
	}
	if got := find[*events.MediaChanged](t, out); !got.Resumed || got.Title != tr.View().NowPlaying || got.Seconds == 0 {
		t.Errorf("media %+v, want what plays", got)
	}
	if got := find[*events.Counts](t, out).Chat; got != tr.View().Users {
		t.Errorf("high-water mark %d, want %d", got, tr.View().Users)
	}
	if got := find[*events.StatusUpdate](t, out).MediaTitle; got == nil || *got != tr.View().NowPlaying {
		t.Errorf("status without what plays")
	}
	for _, e := range out {
		if e.PlatformData != nil {
			t.Errorf("%s carries platform data", e.Kind)
		}
	}
}
