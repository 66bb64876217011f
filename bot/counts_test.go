package bot

import (
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

func TestTranslator_UserCountEvery300Seconds(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("userlist", `[{"name":"rosey","rank":1},{"name":"Ann","rank":1}]`)
	s.join()
	out := s.frame("usercount", "5")
	if got, want := kindsOf(out), "cytube.usercount stats.user_count stats.high_water"; got != want {
		t.Fatalf("first count: %s, want %s", got, want)
	}
	if got := *find[*events.Counts](t, out); got != (events.Counts{Chat: 2, Connected: 5}) {
		t.Errorf("got %+v", got)
	}
	if got := kindsOf(s.frame("usercount", "4")); got != "cytube.usercount" {
		t.Errorf("second count: %s", got)
	}
	counts := 0
	for range 1000 {
		for _, e := range s.wait(time.Second) {
			if e.Kind == events.KindUserCount {
				counts++
			}
		}
	}
	if counts != 3 {
		t.Errorf("%d counts in 1000 s, want 3", counts)
	}
	if got := kindsOf(s.wait(time.Hour)); got != "stats.user_count" {
		t.Errorf("after a long sleep: %q, want one count", got)
	}
	s.now = s.now.Add(-24 * time.Hour)
	if got := kindsOf(s.wait(0)); got != "" {
		t.Errorf("after the clock went back: %q", got)
	}
	if got := kindsOf(s.wait(countEvery)); got != "stats.user_count" {
		t.Errorf("300 s later: %q, want a count", got)
	}
	checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonKicked})
	if got := kindsOf(s.wait(time.Hour)); got != "status.update" {
		t.Errorf("while away: %q, want no count", got)
	}
}

func TestTranslator_UserCountKnownBeforeTheLogin(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("userlist", `[]`)
	s.frame("usercount", "3")
	if got, want := kindsOf(s.join()), "bot.joined stats.user_count"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTranslator_UserCountThatNeverComes(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	s.frame("userlist", `[{"name":"rosey","rank":1}]`)
	s.join()
	if got := *find[*events.Counts](t, s.wait(countEvery)); got != (events.Counts{Chat: 1, Connected: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestTranslator_HighWater(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.connect()
	high := func(event, arg string) *events.Counts {
		for _, e := range s.frame(event, arg) {
			if e.Kind == events.KindHighWater {
				return e.Payload.(*events.Counts)
			}
		}
		return nil
	}
	for i, step := range []struct {
		event, arg string
		want       *events.Counts
	}{
		{"userlist", `[{"name":"rosey","rank":1},{"name":"Ann","rank":1}]`, &events.Counts{Chat: 2}},
		{"addUser", `{"name":"ANN","rank":1}`, nil}, // the same person in other letters
		{"addUser", `{"name":"bob","rank":1}`, &events.Counts{Chat: 3}},
		{"usercount", `7`, &events.Counts{Chat: 3, Connected: 7}},
		{"usercount", `6`, nil},
		{"userLeave", `{"name":"BOB"}`, nil},
		{"addUser", `{"name":"carl","rank":1}`, nil},
		{"usercount", `8`, &events.Counts{Chat: 3, Connected: 8}},
		{"userlist", `[]`, nil},
	} {
		got := high(step.event, step.arg)
		if (got == nil) != (step.want == nil) || got != nil && *got != *step.want {
			t.Errorf("step %d: %+v, want %+v", i+1, got, step.want)
		}
	}
	checkItem(t, s.tr, cytube.Disconnected{At: s.now, Reason: cytube.ReasonSilence})
	s.connect()
	if got := high("userlist", `[{"name":"a","rank":1},{"name":"b","rank":1},{"name":"c","rank":1}]`); got != nil {
		t.Errorf("a high of this run was told again: %+v", got)
	}
	if got := high("addUser", `{"name":"d","rank":1}`); got == nil || *got != (events.Counts{Chat: 4, Connected: 8}) {
		t.Errorf("got %+v", got)
	}
}
