package cytubetest_test

import (
	"context"
	"encoding/json"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
)

// TestEvening_LedgerIsWhatTheBotSaw counts the bot's own frames and compares.
func TestEvening_LedgerIsWhatTheBotSaw(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{Ranks: map[string]float64{"rosey": 3}, UserCountEvery: time.Millisecond})
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	evening := cytubetest.NewEvening(srv, cytubetest.EveningConfig{Seed: 7})
	for range 1500 {
		evening.Step()
	}
	srv.Event("end")
	b.saw(t, "end ")

	var got cytubetest.Ledger
	got.ChatByUser, got.JoinsByUser = map[string]int{}, map[string]int{}
	var texts []string
	users := map[string]bool{"rosey": true}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, it := range b.items {
		f, ok := it.(cytube.Frame)
		if !ok {
			continue
		}
		var about struct{ Name, Username, Msg string }
		if len(f.Args) > 0 {
			_ = json.Unmarshal(f.Args[0], &about) // not every payload is an object
		}
		switch f.Event {
		case "chatMsg":
			if about.Username != "[server]" {
				got.ChatLines++
				got.ChatByUser[about.Username]++
				texts = append(texts, html.UnescapeString(about.Msg))
			}
		case "addUser":
			got.JoinsByUser[about.Name]++
			users[about.Name] = true
		case "userLeave":
			got.Leaves++
			delete(users, about.Name)
		case "setAFK":
			got.AFKChanges++
		case "newPoll":
			got.Polls++
		case "changeMedia":
			got.MediaStarts++
		case "usercount":
			var n int
			_ = json.Unmarshal(f.Args[0], &n)
			got.MaxConnected = max(got.MaxConnected, n)
		}
		got.MaxUsers = max(got.MaxUsers, len(users))
	}
	want := evening.Ledger()
	got.Votes = want.Votes // updatePoll comes for leavers too
	if g, w := marshal(t, got), marshal(t, want); g != w {
		t.Errorf("the bot counted\n%s\nthe ledger has\n%s", g, w)
	}
	if want.ChatLines < 800 || want.Polls < 5 || want.MediaStarts < 5 || len(want.ChatByUser) < 25 {
		t.Errorf("a dull evening: %s", marshal(t, want))
	}
	for _, text := range []string{"null", `<script>alert("hi")</script>`, "a b c d", "nul   in the middle"} {
		if !slices.Contains(texts[:min(200, len(texts))], text) {
			t.Errorf("%q is not among the first lines", text)
		}
	}
	for _, name := range []string{"null", "__proto__", "-", "MixedCase", "Guest_of_Honour"} {
		if want.ChatByUser[name] == 0 {
			t.Errorf("%s said nothing", name)
		}
	}
}

func TestEvening_SameSeedSameTalk(t *testing.T) {
	t.Parallel()
	talk := func(seed uint64) string {
		srv := newChannel(t, cytubetest.ChannelConfig{})
		b := connect(t, srv, "", "")
		b.joined(t)
		evening := cytubetest.NewEvening(srv, cytubetest.EveningConfig{Seed: seed})
		for range 400 {
			evening.Step()
		}
		l := evening.Ledger()
		return marshal(t, l.ChatByUser)
	}
	if a, b := talk(1), talk(1); a != b {
		t.Errorf("one seed, two evenings:\n%s\n%s", a, b)
	}
	if talk(1) == talk(2) {
		t.Error("two seeds, one evening")
	}
}

func TestEvening_RunWaitsForAClientAndEnds(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	evening := cytubetest.NewEvening(srv, cytubetest.EveningConfig{Rate: 2000})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- evening.Run(ctx) }()
	b := connect(t, srv, "rosey", "pw")
	b.joined(t)
	eventually(t, "an evening goes on", func() bool { return evening.Ledger().ChatLines > 300 })
	cancel()
	if err := <-result; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	must(t, err)
	return strings.TrimSpace(string(b))
}
