package doctor_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/doctor"
	"rosey/internal/installation"
	"rosey/streams/streamstest"
)

// town is a season in which every table gets rows.
func (h *house) town() *run {
	h.t.Helper()
	r := h.season(3)
	afk, rank, name := true, 2.5, "The Channel"
	r.put(events.KindUserUpdated, &events.UserUpdated{Username: "dee", AFK: &afk, Rank: &rank})
	r.put(events.KindUserCount, &events.Counts{Chat: 4, Connected: 9})
	r.put(events.KindUserCount, &events.Counts{Chat: 2, Connected: 11})
	r.put(events.KindHighWater, &events.Counts{Chat: 6, Connected: 9})
	r.put(events.KindUserCount, &events.Counts{Chat: 4, Connected: 11})
	r.put(events.KindMessagePrivate, &events.MessagePrivate{Username: "zoe", Message: "secret"})
	r.put(events.KindStatusUpdate, &events.StatusUpdate{ChannelName: &name})
	r.put(events.KindMarkSent, &events.OutboundMark{MessageID: 7, Message: "secret", QueuedMS: 5, SentMS: 6, Attempts: 1})
	r.put(events.KindMarkFailed, &events.OutboundMark{MessageID: 8, Message: "secret", Reason: "muted", QueuedMS: 5, Attempts: 2})
	r.drain()
	h.project()
	return r
}

// corrupted runs a table of statements, each on tables that were whole.
func corrupted(t *testing.T, name string, list []struct{ name, statement, want string }) {
	t.Helper()
	h := newHouse(t)
	h.town()
	g, err := h.dir.Database().Current()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(g.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range list {
		h.change(tt.statement)
		c := check(t, h.report(), name)
		if c.State != doctor.Wrong || !strings.Contains(c.Detail, tt.want) || c.Remedy == "" {
			t.Errorf("%s: %+v, want that it names %q", tt.name, c, tt.want)
		}
		if strings.Contains(c.Detail, "secret") || strings.Contains(c.Detail, "whisper") {
			t.Errorf("%s: %q shows what was said", tt.name, c.Detail)
		}
		if err := os.WriteFile(g.Path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c := check(t, h.report(), name); c.State != doctor.OK {
		t.Errorf("nothing: %+v", c)
	}
}

func TestAgreement_FindsWhatContradicts(t *testing.T) {
	t.Parallel()
	const far = "999999999"
	corrupted(t, doctor.TablesAgreement, []struct{ name, statement, want string }{
		{"a line beyond the checkpoint", "INSERT INTO chat_messages VALUES (" + far + ", 'test', 5, 'ann', 'secret', 9, '', '', 0, 0)", "chat_messages seq=" + far},
		{"a number beyond it", "INSERT INTO user_count_history VALUES (" + far + ", 'test', 5, 1, 1)", "user_count_history seq=" + far},
		{"a stay beyond it", "UPDATE user_sessions SET ended_seq = " + far + " WHERE username = 'cy' AND opened_seq > 20", "user_sessions seq=" + far},
		{"an action beyond it", "INSERT INTO user_actions VALUES ('test', " + far + ", 'ann', 5, 5000, 'pm', '')", "user_actions seq=" + far},
		{"a poll beyond it", "UPDATE polls SET last_seq = " + far, "polls seq=" + far},
		{"an outcome beyond it", "UPDATE outbound_messages SET seq = " + far + " WHERE message_id = 7", "outbound_messages seq=" + far},
		{"a connection beyond it", "UPDATE bot_sessions SET seq = " + far + " WHERE seq < 20", "bot_sessions seq=" + far},
		{"an observation beyond it", "UPDATE channel_observation SET suspended_seq = " + far, "suspended_seq is beyond"},
		{"a dead letter beyond it", "INSERT INTO dead_letters VALUES (" + far + ", 's', '', 1, 'decode', 'r', x'00')", "dead_letters seq=" + far},
		{"a number of events", "UPDATE producer_positions SET events = events + 1", "(events is not what"},
		{"a first number", "UPDATE producer_positions SET first_seq = 2", "(first_seq is not what"},
		{"a mark too low", "UPDATE channel_stats SET max_connected = 10", "channel_stats of \"test\" (less than was counted)"},
		{"a mark too high", "UPDATE channel_stats SET max_connected = 12", "channel_stats of \"test\" (max_connected)"},
		{"a told mark too high", "UPDATE channel_stats SET max_users = 7", "channel_stats of \"test\" (max_users)"},
		{"a mark at another time", "UPDATE channel_stats SET max_connected_timestamp = max_connected_timestamp + 60", "channel_stats of \"test\" (max_connected)"},
		{"no marks", "DELETE FROM channel_stats", "channel_stats of \"test\" (less than was counted)"},
		{"no status", "DELETE FROM current_status", "current_status of \"test\" (is missing)"},
		{"no observation", "DELETE FROM channel_observation", "channel_observation of \"test\" (is missing)"},
		{"no connection", "DELETE FROM bot_sessions WHERE seq > 20", "(no connection began at connected_seq)"},
		{"two connections that go on", "UPDATE bot_sessions SET reason = NULL, producer = (SELECT producer FROM bot_sessions WHERE reason IS NULL)", "another one of its producer goes on"},
		{"a user that nobody saw", "INSERT INTO user_stats (channel, username, first_seen, last_seen) VALUES ('test', 'eve', 1, 1)", "user_stats of \"eve\" in \"test\" (should not be there)"},
		{"a user who stayed is missing", "DELETE FROM user_stats WHERE username = 'dee'", "user_stats of \"dee\" in \"test\" (is missing)"},
		{"a user who wrote is missing", "DELETE FROM user_stats WHERE username = 'zoe'", "user_stats of \"zoe\" in \"test\" (is missing)"},
		{"seen first too late", "UPDATE user_stats SET first_seen = first_seen + 1", "user_stats of \"ann\" in \"test\" (first_seen is after"},
		{"seen last too early", "UPDATE user_stats SET last_seen = first_seen - 1", "(first_seen is after, or last_seen before"},
		{"another rank", "UPDATE user_stats SET rank = 9 WHERE username = 'dee'", "user_stats of \"dee\" in \"test\" (rank"},
		{"another start", "UPDATE user_stats SET current_session_start = current_session_start + 1", "(current_session_start"},
		{"a start of somebody who left", "UPDATE user_stats SET current_session_start = 5 WHERE username = 'bob'", "user_stats of \"bob\" in \"test\" (current_session_start"},
		{"no start of somebody who is there", "UPDATE user_stats SET current_session_start = NULL WHERE username = 'dee'", "user_stats of \"dee\" in \"test\" (current_session_start"},
	})
}

func TestSample_FindsWhatWasNotTold(t *testing.T) {
	t.Parallel()
	corrupted(t, doctor.TablesSample, []struct{ name, statement, want string }{
		{"the last action was changed", "UPDATE user_actions SET details = 'x' WHERE action = 'pm'", "(details)"},
		{"an action in the middle was changed", "UPDATE user_actions SET details = '3' WHERE action = 'rank'", "(details)"},
		{"an action at another time", "UPDATE user_actions SET time_ms = time_ms + 1 WHERE action = 'leave'", "(timestamp, time_ms)"},
		{"an action too many", "INSERT INTO user_actions VALUES ('test', 17, 'ann', 5, 5000, 'join', '')", "user_actions seq=17 should not be there"},
		{"an action of somebody else", "INSERT INTO user_actions SELECT channel, seq, 'eve', timestamp, time_ms, action, details FROM user_actions WHERE action = 'pm'", "should not be there"},
		{"a private message is missing", "DELETE FROM user_actions WHERE action = 'pm'", "is missing"},
		{"an action is missing", "DELETE FROM user_actions WHERE action = 'afk'", "is missing"},
		{"a number of users is missing", "DELETE FROM user_count_history WHERE connected_users = 9", "user_count_history seq="},
		{"a number too many", "INSERT INTO user_count_history VALUES (17, 'test', 5, 1, 1)", "user_count_history seq=17 should not be there"},
		{"a number at another time", "UPDATE user_count_history SET timestamp = timestamp + 1 WHERE connected_users = 9", "(timestamp)"},
		{"an earlier connection was changed", "UPDATE bot_sessions SET server = 'x' WHERE seq < 20", "bot_sessions seq=3 (server)"},
		{"an earlier connection is missing", "DELETE FROM bot_sessions WHERE seq < 20", "bot_sessions seq=3 is missing"},
		{"a connection too many", "INSERT INTO bot_sessions VALUES (17, 'test', 'x', 's', 'b', 1, 1, 1, 1, 'x')", "bot_sessions seq=17 should not be there"},
		{"the connection was joined at another time", "UPDATE bot_sessions SET joined_ms = 5 WHERE seq > 20", "(joined_ms)"},
		{"the connection has ended", "UPDATE bot_sessions SET disconnected_ms = 5, reason = 'x' WHERE seq > 20", "(disconnected_ms, reason)"},
		{"an outcome was changed", "UPDATE outbound_messages SET status = 'failed', reason = 'x' WHERE message_id = 7", "outbound_messages message_id=7 (status)"},
		{"the text of an outcome was changed", "UPDATE outbound_messages SET message = 'x' WHERE message_id = 8", "outbound_messages message_id=8 (message)"},
		{"an outcome is missing", "DELETE FROM outbound_messages WHERE message_id = 8", "outbound_messages message_id=8 is missing"},
		{"an outcome too many", "INSERT INTO outbound_messages VALUES ('test', 9, 'sent', '', '', 1, 1, 1, '', 17)", "outbound_messages seq=17 should not be there"},
		{"the name of the channel", "UPDATE current_status SET channel_name = 'secret'", "current_status (channel_name)"},
		{"who is connected", "UPDATE current_status SET bot_connected = 0", "current_status (bot_connected)"},
		{"when it was said", "UPDATE current_status SET last_updated = 5", "current_status (last_updated)"},
		{"who observes", "UPDATE channel_observation SET observing = 0", "channel_observation (observing)"},
		{"until when", "UPDATE channel_observation SET last_observed_ms = last_observed_ms + 1", "channel_observation (last_observed_ms)"},
		{"who follows", "UPDATE channel_observation SET ended = 1, successor = 'x'", "channel_observation (ended, successor)"},
		{"when somebody was seen", "UPDATE user_stats SET last_seen = last_seen - 1000 WHERE username = 'dee'", "user_stats of \"dee\" in \"test\" (last_seen)"},
	})
}

func TestSearch_FindsWhatTheIndexLacks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, statement, whole, some string }{
		{"everything", "INSERT INTO chat_search (chat_search) VALUES ('delete-all')", "chat_search (", "chat_search seq=17 (cannot be found)"},
		{"one line", "INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages ORDER BY seq LIMIT 1", "chat_search (", "chat_search seq=17 (cannot be found)"},
		{"a line that is not there", "INSERT INTO chat_search (rowid, message) VALUES (2, 'secret')", "chat_search (", "chat_search seq=2 (is found, and not there)"},
		{"other words", "UPDATE chat_messages SET message = 'secret'", "chat_search (", "chat_search seq=17 cannot be found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.town()
			h.change(tt.statement)
			few := func(c *doctor.Config) { c.SearchLines = 1 }
			for want, change := range map[string]func(*doctor.Config){tt.whole: func(*doctor.Config) {}, tt.some: few} {
				c := check(t, h.report(change), doctor.TablesSearch)
				if c.State != doctor.Wrong || !strings.Contains(c.Detail, want) || c.Remedy == "" || strings.Contains(c.Detail, "secret") || strings.Contains(c.Detail, "whisper") {
					t.Errorf("%+v, want that it names %q", c, want)
				}
			}
		})
	}
}

// Tables that were not touched are as they should be, whatever is done with them, and
// where there is no time for anything it is said what was left.
func TestAgreement_RaisesNoFalseAlarm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.town()
	r.put(events.KindMessageLog, &events.MessageLog{Username: "ann", Message: `"quoted' AND (words* ^`})
	r.put(events.KindMessageLog, &events.MessageLog{Username: "ann", Message: "?!"})
	r.drain()
	h.project()
	look := func(when string, change ...func(*doctor.Config)) {
		t.Helper()
		for _, name := range []string{doctor.TablesAgreement, doctor.TablesSearch, doctor.TablesSample, doctor.ProducersAgreement} {
			if c := check(t, h.report(change...), name); c.State != doctor.OK {
				t.Errorf("%s: %+v", when, c)
			}
		}
	}
	few := func(c *doctor.Config) { c.SearchLines = 1 }
	look("whole")
	look("of many lines", few)
	hurry := func(c *doctor.Config) { c.SampleTime = time.Nanosecond }
	look("in no time", hurry)
	for _, name := range []string{doctor.TablesAgreement, doctor.TablesSearch} {
		if c := check(t, h.report(hurry), name); !strings.Contains(c.Detail, "left to `rosey replay --verify`") {
			t.Errorf("%+v, want that it says what was left", c)
		}
	}
	for limit := time.Microsecond; limit < time.Second; limit *= 4 {
		look(fmt.Sprint("within ", limit), few, func(c *doctor.Config) { c.SampleTime = limit })
	}
	h.erase(10, 44)
	look("erased since")
	h.project()
	look("erased before")
	other := h.begin("b")
	other.say(3)
	other.drain()
	look("behind")
	h.keepUp(false)
	look("live")
}

// Where there is nothing to make tables from, no rebuild is advised.
func TestExamine_OfAnEmptyFolder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]doctor.Config{
		"no server": {Dir: installation.Dir(t.TempDir()), ConnErr: errors.Join(errors.New("one"), errors.New("two"))},
		"no stream": {Dir: installation.Dir(t.TempDir()), Conn: streamstest.New(t, streamstest.WithoutStream()).Conn},
	} {
		r, err := doctor.Examine(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if c := check(t, r, doctor.TablesPresent); c.State != doctor.Unknown || strings.Contains(c.Remedy, "replay") || c.Remedy == "" {
			t.Errorf("%s: %+v", name, c)
		}
		for _, c := range r.Checks {
			if strings.Contains(c.Detail, "\n") {
				t.Errorf("%s: %+v has more than one line", name, c)
			}
		}
	}
}
