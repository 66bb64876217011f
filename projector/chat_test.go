package projector

import (
	"strings"
	"testing"
	"time"

	"rosey/events"
)

func TestChat_Situations(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string // channel, name, text
		lines []string // name, lines counted
	}{
		{"a line", []step{posted("ann", "hi")}, []string{"tv ann hi"}, []string{"ann 1"}},
		{
			"history after a reconnect",
			[]step{arrived("ann"), posted("ann", "hi"), after(9 * s), connected(), resent("ANN", "hi", 9*s), roster("ann")},
			[]string{"tv ann hi"},
			[]string{"ann 1"},
		},
		{
			"history first, then the line itself",
			[]step{after(9 * s), resent("ann", "hi", 9*s), after(-9 * s), posted("ann", "hi")},
			[]string{"tv ann hi"},
			[]string{"ann 1"},
		},
		{
			"missed live, found in the history",
			[]step{posted("ann", "hi"), after(9 * s), resent("ann", "hi", 9*s), resent("bob", "ho", 4*s)},
			[]string{"tv ann hi", "tv bob ho"},
			[]string{"ann 1", "bob 1"},
		},
		{"an older line found late does not make the newest one new", []step{
			after(9 * s), posted("ann", "hi"), resent("bob", "ho", 5*s), resent("ann", "hi", 0),
		}, []string{"tv ann hi", "tv bob ho"}, []string{"ann 1", "bob 1"}},
		{
			"history before anything else counts",
			[]step{resent("ann", "hi", 9*s), posted("ann", "ho")},
			[]string{"tv ann hi", "tv ann ho"},
			[]string{"ann 2"},
		},
		{"one millisecond, two texts", []step{posted("ann", "hi"), posted("ann", "ho")}, []string{"tv ann hi", "tv ann ho"}, []string{"ann 2"}},
		{"one millisecond, two people", []step{posted("ann", "hi"), posted("bob", "hi")}, []string{"tv ann hi", "tv bob hi"}, []string{"ann 1", "bob 1"}},
		{"the same words later", []step{posted("ann", "hi"), after(time.Millisecond), posted("ann", "hi")}, []string{"tv ann hi", "tv ann hi"}, []string{"ann 2"}},
		{
			"notices are kept and are nobody's",
			[]step{notice("[server]", "ann joined", "server"), notice("[voteskip]", "1/2", "voteskip")},
			[]string{"tv [server] ann joined", "tv [voteskip] 1/2"},
			nil,
		},
		{"two channels", []step{posted("ann", "hi"), in("radio", posted("ann", "hi"))}, []string{"tv ann hi", "radio ann hi"}, []string{"ann 1", "ann 1"}},
		{
			"two recorders",
			[]step{recording(), posted("ann", "hi"), by("B", posted("ann", "hi")), by("B", posted("ann", "only B saw this"))},
			[]string{"tv ann hi", "tv ann only B saw this"},
			[]string{"ann 2"},
		},
		{
			"appended again with its id",
			[]step{posted("ann", "hi"), after(3600 * s), posted("bob", "ho"), again(2)},
			[]string{"tv ann hi", "tv bob ho"},
			[]string{"ann 1", "bob 1"},
		},
		{"private messages are no chat", []step{whispered("ann", "rosey", "psst")}, nil, []string{"ann 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := projected(t, tt.steps...)
			wantRows(t, db, "chat", chatRows, tt.want...)
			wantRows(t, db, "lines", "SELECT username, total_chat_lines FROM user_stats WHERE username <> 'rosey' ORDER BY channel, username", tt.lines...)
		})
	}
}

// Whatever lies between: the natural key works at any distance.
func TestChat_ASecondAppendWithAnotherIDAtAnyDistance(t *testing.T) {
	t.Parallel()
	for _, distance := range []int{0, 1, 70, 3000} {
		steps := []step{posted("ann", "hi")}
		for range distance {
			steps = append(steps, after(time.Second), posted("bob", "ho"))
		}
		steps = append(steps, by("C", resent("ann", "hi", time.Duration(distance)*time.Second)))
		db := projectedIn(t, 500, steps...)
		wantRows(t, db, "lines", "SELECT count(*) FROM chat_messages WHERE username = 'ann'", "1")
		wantRows(t, db, "counted", "SELECT total_chat_lines FROM user_stats WHERE username = 'ann'", "1")
	}
}

func TestChat_WhatALineWas(t *testing.T) {
	t.Parallel()
	db := projected(t,
		line("ann", "> so", 0, func(m *events.MessageLog) { m.Style = "greentext" }),
		line("bob", "unseen", 0, func(m *events.MessageLog) { m.Shadow = true }),
		resent("cy", "before", time.Second), notice("[server]", "x", "server"))
	wantRows(t, db, "chat", "SELECT username, notice, style, history, shadow, timestamp - 1700000000 FROM chat_messages ORDER BY seq",
		"ann '' greentext 0 0 0", "bob '' '' 0 1 0", "cy '' '' 1 0 -1", "[server] server '' 0 0 0")
}

func TestChat_IsFoundByItsWords(t *testing.T) {
	t.Parallel()
	db := projected(t, posted("ann", "the quick brown fox"), posted("bob", "lazy dog"), resent("ann", "the quick brown fox", 0))
	wantRows(t, db, "found", "SELECT rowid FROM chat_search WHERE chat_search MATCH 'quick'", "1")
	if _, err := db.ExecContext(t.Context(), "INSERT INTO chat_search (chat_search, rank) VALUES ('integrity-check', 1)"); err != nil {
		t.Errorf("the full-text index does not match the messages: %v", err)
	}
}

func TestChat_RecentIsWhatIsNearTheStreamsEnd(t *testing.T) {
	t.Parallel()
	db := projected(t, posted("ann", "old"), after(time.Second), posted("ann", "just within"), notice("[server]", "x", "server"),
		after(150*time.Hour-time.Millisecond), posted("ann", "new"))
	wantRows(t, db, "recent", "SELECT message FROM recent_chat", "just within", "new")
}

func TestChat_TextSurvives(t *testing.T) {
	t.Parallel()
	texts := []string{"", "a\x00b", "line\nline", "\u0085\u009b", "&amp; <b>", "😀 Größe", strings.Repeat("x", 1<<16)}
	var steps []step
	for _, text := range texts {
		steps = append(steps, posted("ann", text))
	}
	db := projected(t, steps...)
	for i, text := range texts {
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT message FROM chat_messages WHERE seq = ?", i+1).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != text {
			t.Errorf("text %.20q came back as %.20q", text, got)
		}
	}
}

// What publishers that do not number send: their place in the stream is all that
// tells two equal lines apart, unless their time is finer than a second.
func TestChat_LinesWithoutANumber(t *testing.T) {
	t.Parallel()
	line := func(data string) step { return raw(events.KindMessageLog, data) }
	for _, tt := range []struct {
		name string
		data string
		want string
	}{
		{"seconds alone", `{"username":"x","msg":"lol","time":1795281735}`, "3"},
		{"no time at all", `{"username":"x","msg":"lol"}`, "3"},
		{"milliseconds", `{"username":"x","msg":"lol","time_ms":1795281735123}`, "1"},
		{"a fraction of a second", `{"username":"x","msg":"lol","timestamp":1795281735.123}`, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := projected(t, line(tt.data), line(tt.data), line(tt.data))
			wantRows(t, db, "lines", "SELECT total_chat_lines FROM user_stats", tt.want)
			wantRows(t, db, "rows", "SELECT count(*) FROM chat_messages", tt.want)
		})
	}
}
