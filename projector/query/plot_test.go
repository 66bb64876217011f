package query_test

import (
	"errors"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector/query"
)

func TestUserCountPoints_SumUpEqualParts(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i := range int64(8) { // two in each of four quarters of an hour, none in the third
		if e.after(7 * time.Minute); i/2 != 2 {
			e.counted(i, 10*i)
		}
	}
	q := e.tables()
	first := start.Add(7 * time.Minute).Unix()
	h, err := query.UserCountPoints(t.Context(), q, query.PageOptions{Channel: "tv"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	length := int64(49*60+4) / 4
	want := []query.CountPoint{
		{Timestamp: first, Counts: 2, ChatUsersMean: 0.5, ChatUsersMax: 1, ConnectedUsersMean: 5, ConnectedUsersMax: 10},
		{Timestamp: first + length, Counts: 2, ChatUsersMean: 2.5, ChatUsersMax: 3, ConnectedUsersMean: 25, ConnectedUsersMax: 30},
		{Timestamp: first + 3*length, Counts: 2, ChatUsersMean: 6.5, ChatUsersMax: 7, ConnectedUsersMean: 65, ConnectedUsersMax: 70},
	}
	if asJSON(t, h.Points) != asJSON(t, want) || len(h.Counts) != 0 {
		t.Errorf("got  %s\nwant %s", asJSON(t, h), asJSON(t, want))
	}
	for _, points := range []int{1, 3, 100, query.MaxPoints} {
		h, err := query.UserCountPoints(t.Context(), q, query.PageOptions{Channel: "tv"}, points)
		if err != nil {
			t.Fatal(err)
		}
		var n, most int64
		for _, p := range h.Points {
			n, most = n+p.Counts, max(most, p.ChatUsersMax)
		}
		if n != 6 || most != 7 || len(h.Points) > points {
			t.Errorf("%d points: got %s", points, asJSON(t, h.Points))
		}
	}
	h, err = query.UserCountPoints(t.Context(), q, query.PageOptions{Channel: "radio"}, 4)
	if err != nil || len(h.Points) != 0 {
		t.Errorf("a channel without counts: %s, %v", asJSON(t, h), err)
	}
	for _, o := range []query.PageOptions{{Before: 3}, {Period: "1h"}} {
		if _, err := query.UserCountPoints(t.Context(), q, o, 4); !errors.Is(err, query.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := query.UserCountPoints(t.Context(), q, query.PageOptions{}, query.MaxPoints+1); !errors.Is(err, query.ErrInvalid) {
		t.Errorf("too many points: %v", err)
	}
}

func TestHistories_BetweenTwoMoments(t *testing.T) {
	t.Parallel()
	e := newEvening(t).counted(1, 1).after(time.Hour).counted(2, 2).played("film").after(time.Hour).counted(3, 3)
	e.happened(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "x", Title: "other", Seconds: 1, QueuedBy: "Ann"})
	q := e.tables()
	at := func(d time.Duration) *int64 { ms := start.Add(d).UnixMilli(); return &ms }
	for _, tt := range []struct {
		since, until *int64
		want         []int64
	}{
		{at(0), at(2 * time.Hour), []int64{1, 2}},
		{at(time.Second), nil, []int64{2, 3}},
		{nil, at(time.Hour), []int64{1}},
		{at(2 * time.Hour), at(3 * time.Hour), []int64{3}},
		{at(3 * time.Hour), nil, nil},
	} {
		h, err := query.UserCountHistory(t.Context(), q, query.PageOptions{Channel: "tv", SinceMS: tt.since, UntilMS: tt.until})
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, c := range h.Counts {
			got = append(got, c.ChatUsers)
		}
		if asJSON(t, got) != asJSON(t, tt.want) || h.Period != "" {
			t.Errorf("%s to %s: got %v, want %v", asJSON(t, tt.since), asJSON(t, tt.until), got, tt.want)
		}
	}
	if _, err := query.MediaHistory(t.Context(), q, query.PageOptions{Channel: "tv", SinceMS: at(2 * time.Second), UntilMS: at(time.Second)}); !errors.Is(err, query.ErrInvalid) {
		t.Errorf("a period that ends before it begins: %v", err)
	}
	m, err := query.MediaHistory(t.Context(), q, query.PageOptions{Channel: "tv", Username: "ANN"})
	if err != nil || len(m.Media) != 1 || m.Media[0].Title != "other" {
		t.Errorf("what one user queued: %s, %v", asJSON(t, m), err)
	}
	m, err = query.MediaHistory(t.Context(), q, query.PageOptions{Channel: "tv", SinceMS: at(time.Hour), UntilMS: at(2 * time.Hour)})
	if err != nil || len(m.Media) != 1 || m.Media[0].Title != "film" {
		t.Errorf("what played in an hour: %s, %v", asJSON(t, m), err)
	}
}

func TestChannelCoverage_CountsEachMomentOnce(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	observed := func(from, to time.Duration) {
		e.now = start.Add(from)
		e.happened(events.KindBotConnected, &events.BotConnected{})
		e.now = start.Add(to)
		e.happened(events.KindBotDisconnected, &events.BotDisconnected{})
	}
	const day = 24 * time.Hour
	observed(0, day) // only the last seven days count
	observed(2*day, 3*day)
	observed(9*day, 10*day)
	q := e.tables()
	// Another bot saw the hour before the last day, and the first one of it.
	_, err := e.db.ExecContext(t.Context(), `INSERT INTO bot_sessions (seq, channel, producer, server, bot_name, connected_ms, last_observed_ms)
		VALUES (1000, 'tv', 'other', '', '', ?, ?)`, start.Add(9*day-time.Hour).UnixMilli(), start.Add(9*day+time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	all, err := query.ChannelCoverage(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := []query.Coverage{{
		Channel: "tv", SinceMS: start.Add(3 * day).UnixMilli(), UntilMS: start.Add(10 * day).UnixMilli(), ObservedMS: (day + time.Hour).Milliseconds(),
	}}
	if asJSON(t, all) != asJSON(t, want) {
		t.Errorf("got  %s\nwant %s", asJSON(t, all), asJSON(t, want))
	}
}

func TestRecentChat_OfAllChannelsInOrder(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i := range 10 {
		e.in([]string{"tv", "radio"}[i%2]).after(time.Second).said("ann", string(rune('a'+i)))
	}
	q := e.tables()
	for _, tt := range []struct {
		channel string
		limit   int
		want    string
	}{
		{"", 0, "abcdefghij"}, {"", 3, "hij"}, {"tv", 2, "gi"}, {"radio", 100, "bdfhj"}, {"nowhere", 5, ""},
	} {
		lines, err := query.RecentChat(t.Context(), q, tt.channel, tt.limit)
		got := ""
		for _, l := range lines {
			got += l.Message
		}
		if err != nil || got != tt.want || lines == nil {
			t.Errorf("%q, %d: got %q, %v; want %q", tt.channel, tt.limit, got, err, tt.want)
		}
	}
}
