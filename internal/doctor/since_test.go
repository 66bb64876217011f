package doctor_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/doctor"
	"rosey/streams"
)

// opened is when the n-th poll was opened.
func opened(n int) int64 { return 1_700_000_000_000 + int64(n)*100_000 }

// join tells what a channel tells at a join.
func (r *run) join(media string, poll int, users ...string) {
	r.h.t.Helper()
	r.put(events.KindBotRecording, &events.BotRecording{Producer: r.producer})
	r.put(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
	r.put(events.KindBotJoined, &events.BotJoined{Username: "rosey"})
	r.put(events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: json.RawMessage(`[
		{"uid":1,"temp":false,"queueby":"ann","media":{"id":"one","title":"One","seconds":60,"type":"yt"}},
		{"uid":2,"temp":false,"queueby":"bob","media":{"id":"two","title":"Two","seconds":90,"type":"yt"}},
		{"uid":3,"temp":true,"queueby":"bob","media":{"id":"three","title":"Three","seconds":120,"type":"yt"}}]`)})
	r.put(events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: 1})
	r.put(events.KindPlaylistLocked, &events.PlaylistLocked{Locked: true})
	r.put(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: media, Title: media, Seconds: 60, CurrentTime: 5, Resumed: true})
	r.put(events.KindPollOpened, &events.Poll{Title: "secret?", Options: []string{"a", "b"}, Counts: json.RawMessage("[0,0]"), Initiator: "ann", OpenedMS: opened(poll), Resumed: true})
	roster := &events.UserRoster{}
	for _, u := range users {
		roster.Users = append(roster.Users, events.User{Username: u})
	}
	r.put(events.KindUserRoster, roster)
}

// show is some minutes of a channel, n lines of chat among them, and a poll that ends.
func (r *run) show(n, poll int) {
	r.h.t.Helper()
	r.put(events.KindUserJoined, &events.UserJoined{User: events.User{Username: "Cy", Rank: 1}})
	r.put(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "two", Title: "Two", Seconds: 90})
	r.put(events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: 2})
	r.put(events.KindPollUpdated, &events.Poll{Title: "secret?", Options: []string{"a", "b"}, Counts: json.RawMessage("[1,2]"), Initiator: "ann", OpenedMS: opened(poll)})
	r.put(events.KindPollClosed, &events.PollClosed{Initiator: "ann", OpenedMS: opened(poll)})
	r.put(events.KindPollOpened, &events.Poll{Title: "again?", Options: []string{"c"}, Counts: json.RawMessage("[0]"), Initiator: "ann", OpenedMS: opened(poll + 1)})
	r.say(n)
	r.put(events.KindUserLeft, &events.UserLeft{Username: "cy"})
	r.put(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "three", Title: "Three", Seconds: 120})
	r.put(events.KindPlaylistRemoved, &events.PlaylistRemoved{UID: 1})
	r.put(events.KindPlaylistMoved, &events.PlaylistMoved{UID: 3, After: events.Prepend})
	r.put(events.KindUserJoined, &events.UserJoined{User: events.User{Username: "late"}})
}

// season is two runs of a bot: the first dies without a word, and who was there stays.
func (h *house) season(n int) *run {
	h.t.Helper()
	first := h.begin("a")
	first.join("one", 1, "ann", "bob")
	first.show(3, 1)
	first.drain()
	first.die()
	second := h.begin("a")
	second.join("three", 2, "ann", "dee", "new")
	second.show(n, 2)
	second.drain()
	h.project()
	return second
}

func TestSample_FindsWhatDiffersSinceTheJoin(t *testing.T) {
	t.Parallel()
	const last = "(SELECT max(seq) FROM media_history)"
	for _, tt := range []struct{ name, statement, want string }{
		{"nothing", "SELECT 1", ""},
		{"what played was changed", "UPDATE media_history SET title = 'secret' WHERE seq = " + last, "media_history seq=45 (title)"},
		{"when it ended was changed", "UPDATE media_history SET ended_ms = ended_ms + 1 WHERE media_id = 'two' AND seq > 20", "media_history seq=36 (ended_ms)"},
		{"what played is gone", "DELETE FROM media_history WHERE media_id = 'two' AND seq > 20", "media_history seq=36 is missing"},
		{"what never played", "INSERT INTO media_history SELECT 40, channel, started_ms, ended_ms, ended_by, media_type, 'x', 'x', seconds, queued_by, 0, 40 FROM media_history WHERE seq = " + last, "media_history seq=40 should not be there"},
		{"what went on was ended otherwise", "UPDATE media_history SET ended_by = 'ended' WHERE media_id = 'three' AND ended_ms IS NOT NULL", "(ended_by)"},
		{"a poll was changed", "UPDATE polls SET counts = '[9]' WHERE closed_ms IS NULL", "polls seq=40 (counts)"},
		{"a poll is gone", "DELETE FROM polls WHERE closed_ms IS NULL", "polls seq=40 is missing"},
		{"a poll too many", "INSERT INTO polls VALUES ('test', 1, 'eve', 'secret', '[]', '[]', 2, 'closed', 30, 31)", "polls seq=30 should not be there"},
		{"an item was changed", "UPDATE playlist_items SET title = 'secret' WHERE uid = 2", "playlist_items uid=2 (title)"},
		{"an item is at another place", "UPDATE playlist_items SET sort_key = 99 WHERE uid = 3", "playlist_items uid=3 (sort_key)"},
		{"an item is gone", "DELETE FROM playlist_items WHERE uid = 2", "playlist_items uid=2 is missing"},
		{"an item too many", "INSERT INTO playlist_items VALUES ('test', 9, 9, 'yt', 'x', 'x', 1, 0, 'eve')", "playlist_items uid=9 should not be there"},
		{"another item plays", "UPDATE playlist_state SET current = 3", "playlist_state (current)"},
		{"the list is open", "UPDATE playlist_state SET locked = 0", "playlist_state (locked)"},
		{"a stay was changed", "UPDATE user_sessions SET started_ms = started_ms - 1 WHERE username = 'late' AND ended_ms IS NULL", "user_sessions of \"late\""},
		{"a stay ended otherwise", "UPDATE user_sessions SET ended_by = 'roster' WHERE username = 'cy' AND opened_seq > 20", "user_sessions of \"Cy\" seq=35 (ended_by)"},
		{"a stay is gone", "DELETE FROM user_sessions WHERE username = 'new'", "user_sessions of \"new\" seq=34 is missing"},
		{"a stay that went on has ended", "UPDATE user_sessions SET ended_ms = 5, ended_by = 'leave', ended_seq = 40 WHERE username = 'ann' AND ended_ms IS NULL", "(ended_ms, ended_by, ended_seq)"},
		{"a stay too many", "INSERT INTO user_sessions (channel, username, opened_seq, started_ms, opened_by, afk_finished_ms, rank) VALUES ('test', 'eve', 33, 1, 'join', 0, 0)", "user_sessions of \"eve\" seq=33 should not be there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.season(3)
			h.change(tt.statement)
			c := check(t, h.report(), doctor.TablesSample)
			switch {
			case tt.want == "" && c.State != doctor.OK:
				t.Errorf("%+v, want ok", c)
			case tt.want != "" && (c.State != doctor.Wrong || !strings.Contains(c.Detail, tt.want) || c.Remedy == ""):
				t.Errorf("%+v, want that it names %q", c, tt.want)
			}
			if strings.Contains(c.Detail, "secret") {
				t.Errorf("%q shows what was said", c.Detail)
			}
		})
	}
}

// Whatever comes after the join, the same tables are what the stream says.
func TestSample_RaisesNoFalseAlarmSinceTheJoin(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(h *house, r *run){
		"the bot stopped":  func(_ *house, r *run) { r.stop() },
		"the bot was lost": func(h *house, r *run) { r.die(); h.begin("a").drain() },
		"a line was cut": func(_ *house, r *run) {
			r.put(events.KindBotDisconnected, &events.BotDisconnected{Reason: "network"})
			r.drain()
		},
		"it joined again, and nothing came yet": func(_ *house, r *run) {
			r.put(events.KindBotDisconnected, &events.BotDisconnected{Reason: "network"})
			r.put(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
			r.drain()
		},
		"another bot stands by": func(h *house, _ *run) {
			o := h.begin("b")
			o.put(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
			o.put(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "other", Title: "Other", Seconds: 1})
			o.put(events.KindUserJoined, &events.UserJoined{User: events.User{Username: "zed"}})
			o.put(events.KindPollOpened, &events.Poll{Title: "other?", Options: []string{"c"}, Initiator: "zed", OpenedMS: 1_700_000_200_000})
			o.drain()
		},
		"another bot takes over": func(h *house, r *run) {
			r.put(events.KindBotStopped, &events.BotStopped{Reason: "stopped"})
			r.drain()
			o := h.begin("b")
			o.join("two", 3, "ann", "zed")
			o.show(2, 3)
			o.drain()
		},
		"messages were erased": func(h *house, _ *run) { h.erase(31, 37) },
		"the playlist ran out": func(_ *house, r *run) {
			r.put(events.KindMediaEnded, &events.MediaEnded{})
			r.put(events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: json.RawMessage("[]")})
			r.drain()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			after(h, h.season(3))
			if name != "messages were erased" {
				h.project()
			}
			if c := check(t, h.report(), doctor.TablesSample); c.State != doctor.OK {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Large events since a join: what is read is bounded by what it takes, and what was over
// by then is compared all the same, and the playlist.
func TestSample_OfLargeEventsSinceTheJoin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.season(3)
	text := strings.Repeat("x", 900<<10)
	const large = 40 // the first 36 of them are read
	for range large {
		if _, err := h.Stream.Append(t.Context(), streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), Data: fmt.Appendf(nil, `{"channel":"test","username":"old","message":%q}`, text)}); err != nil {
			t.Fatal(err)
		}
	}
	r.put(events.KindPlaylistTemp, &events.PlaylistTemp{UID: 2, Temp: true})
	r.say(300)
	r.drain()
	h.project()
	c := check(t, h.report(), doctor.TablesSample)
	if n := sinceTheJoin(t, c.Detail); c.State != doctor.OK || n >= 300 {
		t.Errorf("%+v: %d events were read", c, n)
	}
	h.change("UPDATE playlist_items SET temp = 0 WHERE uid = 2", "UPDATE media_history SET title = 'secret' WHERE media_id = 'two' AND seq > 20")
	if c := check(t, h.report(), doctor.TablesSample); c.State != doctor.Wrong || !strings.Contains(c.Detail, "playlist_items uid=2 (temp)") || !strings.Contains(c.Detail, "media_history seq=36 (title)") {
		t.Errorf("%+v", c)
	}
}

// sinceTheJoin is how many events a check says that it compared since the last join.
func sinceTheJoin(t *testing.T, detail string) (n int) {
	t.Helper()
	before, _, _ := strings.Cut(detail, " events since the last join")
	if _, err := fmt.Sscan(before[strings.LastIndex(before, " ")+1:], &n); err != nil {
		t.Fatalf("%q: %v", detail, err)
	}
	return n
}

// A join long ago: what was over soon is compared, and the playlist, which is what all
// has made of it.
func TestSample_OfAJoinLongAgo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.season(3)
	lines := make([]streams.AppendMessage, streams.MaxBatch)
	for i := range 6 * streams.MaxBatch {
		lines[i%len(lines)] = streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), Data: fmt.Appendf(nil, `{"channel":"test","username":"old","message":"plain %d"}`, i)}
		if i%len(lines) == len(lines)-1 {
			if _, err := h.Stream.AppendBatch(t.Context(), lines); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.put(events.KindPlaylistTemp, &events.PlaylistTemp{UID: 2, Temp: true})
	r.put(events.KindUserLeft, &events.UserLeft{Username: "late"})
	r.put(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "four", Title: "Four", Seconds: 120})
	r.put(events.KindPollClosed, &events.PollClosed{Initiator: "ann", OpenedMS: opened(3)})
	r.drain()
	h.project()
	if c := check(t, h.report(), doctor.TablesSample); c.State != doctor.OK {
		t.Errorf("%+v", c)
	}
	h.change("UPDATE playlist_items SET temp = 0 WHERE uid = 2", "UPDATE polls SET closed_by = 'replaced' WHERE closed_by = 'closed'")
	if c := check(t, h.report(), doctor.TablesSample); c.State != doctor.Wrong || !strings.Contains(c.Detail, "playlist_items uid=2 (temp)") || !strings.Contains(c.Detail, "(closed_by)") {
		t.Errorf("%+v", c)
	}
}
