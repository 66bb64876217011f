package query_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"rosey/projector/query"
)

// hurting are names that break what is not careful.
var hurting = []string{
	"null", "__proto__", "constructor", "-", "--help", "0", "MixedCase", "'; DROP TABLE user_stats; --", `"`, "%", "_", "*",
	"ünï", "😀🎬", "\x01\x1b[31m", "a\tb", "<b>&amp;</b>", "\u202egnp", " spaced ", "false", "NaN", strings.Repeat("x", 320),
}

func TestUserStats_SessionInProgressCountsUpToTheLastMomentObserved(t *testing.T) {
	t.Parallel()
	q := newEvening(t).
		joined("ann").after(10*time.Minute).left("ann").
		after(time.Minute).joined("Ann").after(30*time.Second).said("bob", "hi").
		tables()
	got, err := query.UserStats(t.Context(), q, "", "ANN")
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"channel":"tv","username":"Ann","first_seen":1772395200,"last_seen":1772395860,"total_chat_lines":0,"joins":2,"sessions":2,` +
		`"total_time_connected":600,"time_connected_so_far":630,"last_observed_ms":1772395890001,"afk_ms":0,"current_session_start":1772395860,"rank":1}]`
	if asJSON(t, got) != want {
		t.Errorf("got  %s\nwant %s", asJSON(t, got), want)
	}
}

func TestUserStats_NamesThatHurtComeBackExactly(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i, name := range hurting {
		for range i + 1 {
			e.said(name, "hi from "+name)
		}
	}
	q := e.tables()
	for i, name := range hurting {
		for _, asked := range []string{name, strings.ToUpper(name[:1]) + name[1:]} {
			if name == "ünï" || name == "😀🎬" || name[0] < ' ' || strings.HasPrefix(name, "\u202e") {
				asked = name // its first byte is no letter
			}
			got, err := query.UserStats(t.Context(), q, "tv", asked)
			if err != nil {
				t.Errorf("%q: %v", asked, err)
				continue
			}
			if len(got) != 1 || got[0].Username != name || got[0].TotalChatLines != int64(i+1) {
				t.Errorf("%q: got %+v", asked, got)
			}
			var back query.User
			if err := json.Unmarshal([]byte(asJSON(t, got[0])), &back); err != nil || back.Username != name {
				t.Errorf("%q through JSON: %q, %v", name, back.Username, err)
			}
		}
	}
}

func TestUserStats_OfSeveralChannels(t *testing.T) {
	t.Parallel()
	q := newEvening(t).said("ann", "1").in("radio").after(time.Hour).joined("bob").said("ann", "2").said("ann", "3").tables()
	all, err := query.UserStats(t.Context(), q, "", "ann")
	if err != nil || len(all) != 2 || all[0].Channel != "radio" || all[0].TotalChatLines != 2 || all[1].Channel != "tv" {
		t.Errorf("everywhere: %+v, %v", all, err)
	}
	one, err := query.UserStats(t.Context(), q, "tv", "ann")
	if err != nil || len(one) != 1 || one[0].TotalChatLines != 1 {
		t.Errorf("in tv: %+v, %v", one, err)
	}
}

func TestUserStats_UnknownNamesAreNotFound(t *testing.T) {
	t.Parallel()
	q := newEvening(t).said("ann", "hi").in("radio").said("bob", "hi").tables()
	for _, tt := range []struct{ channel, name, text string }{
		{"", "nobody", `no user "nobody" in the database`},
		{"", "", `no user is in the database yet`},
		{"", "an%", `no user "an%" in the database`},
		{"tv", "bob", `no user "bob" in channel "tv"`},
	} {
		_, err := query.UserStats(t.Context(), q, tt.channel, tt.name)
		if !errors.Is(err, query.ErrNotFound) || err.Error() != tt.text {
			t.Errorf("%q in %q: got %v, want %s", tt.name, tt.channel, err, tt.text)
		}
	}
}

func TestChannel_IsFoundWithoutCaseAndExactFirst(t *testing.T) {
	t.Parallel()
	q := newEvening(t).joined("ann").in("TV").after(time.Second).joined("ann").in("Radio").after(time.Second).joined("ann").tables()
	for asked, want := range map[string]string{"tv": "tv", "TV": "TV", "radio": "Radio"} {
		if got, err := query.Channel(t.Context(), q, asked); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", asked, got, err, want)
		}
	}
	_, err := query.Channel(t.Context(), q, "lounge")
	var missing *query.NotFoundError
	if !errors.As(err, &missing) || strings.Join(missing.Known, " ") != "Radio TV tv" {
		t.Errorf("got %v, known %+v", err, missing)
	}
}
