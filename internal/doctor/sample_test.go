package doctor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/doctor"
	"rosey/schema"
	"rosey/streams"
)

// evening records what each sampled table has rows of, and projects it.
func (h *house) evening() {
	h.t.Helper()
	r := h.begin("a")
	r.put(events.KindBotRecording, &events.BotRecording{Producer: r.producer})
	r.put(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
	r.put(events.KindUserRoster, &events.UserRoster{Users: []events.User{{Username: "bob"}}})
	r.put(events.KindUserJoined, &events.UserJoined{User: events.User{Username: "ann"}})
	for i := range 20 {
		r.put(events.KindMessageLog, &events.MessageLog{Username: "ann", Message: fmt.Sprintf("whisper %d", i)})
	}
	r.put(events.KindUserCount, &events.Counts{Chat: 2, Connected: 5})
	r.put(events.KindUserLeft, &events.UserLeft{Username: "ann"})
	r.stop()
	line := events.Subject(events.KindMessageLog)
	for _, data := range []string{
		`{"channel":"test","username":"old","message":"plain"}`, // neither id nor time
		`{"username":7}`, "{", "{", // dead letters, equal ones too
	} {
		h.Append(h.t, streams.AppendMessage{Subject: line, Data: []byte(data)})
	}
	// Re-sent, by a recorder that joined later, and in parts.
	resent := func(id, text string) string {
		return fmt.Sprintf(`{"id":%q,"channel":"test","username":"cy","message":%q,"time_ms":1700000000123,"received_ms":1700000000123,"history":true}`, id, text)
	}
	h.Append(h.t, streams.AppendMessage{Subject: line, Data: []byte(resent("q1-1", "again"))}, streams.AppendMessage{Subject: line, Data: []byte(resent("q2-1", "again"))})
	for part := range 2 {
		h.Append(h.t, streams.AppendMessage{Subject: events.Subject(events.KindBotPart), Data: fmt.Appendf(nil,
			`{"of":"x-1","kind":"message.log","part":%d,"parts":2,"data":%q}`, part+1, []string{`{"username":"dee","message":`, `"long","channel":"test","time_ms":1700000000999}`}[part])})
	}
	h.project()
}

func TestSample_FindsTheRowThatDiffers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, statement, want string }{
		{"nothing", "SELECT 1", ""},
		{"a line was changed", "UPDATE chat_messages SET message = 'secret' WHERE message = 'whisper 7'", "chat_messages seq=13 (message)"},
		{"a line is gone", "DELETE FROM chat_messages WHERE message = 'whisper 7'", "chat_messages seq=13 is missing"},
		{"a line is at another place", "UPDATE chat_messages SET seq = 2 WHERE message = 'whisper 7'", "chat_messages seq=2 should not be there"},
		{"a line too many", "INSERT INTO chat_messages VALUES (1, 'test', 5, 'eve', 'secret', 9, '', '', 0, 0)", "chat_messages seq=1 should not be there"},
		{"a re-sent line is gone", "DELETE FROM chat_messages WHERE message = 'again'", "chat_messages seq=33 is missing"},
		{"a plain line was changed", "UPDATE chat_messages SET time_ms = time_ms + 1 WHERE message = 'plain'", "(time_ms)"},
		{"a number was changed", "UPDATE user_count_history SET chat_users = 99", "user_count_history seq=26 (chat_users)"},
		{"a dead letter was changed", "UPDATE dead_letters SET payload = x'00' WHERE seq = 31", "dead_letters seq=31 (payload)"},
		{"a dead letter is gone", "DELETE FROM dead_letters WHERE seq = 30", "dead_letters seq=30 is missing"},
		{"a total was changed", "UPDATE user_stats SET total_chat_lines = 21 WHERE username = 'ann'", "user_stats of \"ann\" in \"test\" (total_chat_lines)"},
		{"a total is enormous", "UPDATE user_stats SET total_chat_lines = 9000000000 WHERE username = 'ann'", "user_stats of \"ann\" in \"test\" (total_chat_lines)"},
		{"a time was changed", "UPDATE user_stats SET connected_ms = connected_ms + 1, joins = 5 WHERE username = 'ANN'", "user_stats of \"ann\" in \"test\" (joins, connected_ms)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.evening()
			h.change(tt.statement)
			c := check(t, h.report(), doctor.TablesSample)
			switch {
			case tt.want == "" && c.State != doctor.OK:
				t.Errorf("%+v, want ok", c)
			case tt.want != "" && (c.State != doctor.Wrong || !strings.Contains(c.Detail, tt.want) || c.Remedy == ""):
				t.Errorf("%+v, want that it names %q", c, tt.want)
			}
			if strings.Contains(c.Detail, "secret") || strings.Contains(c.Detail, "whisper") {
				t.Errorf("%q shows what was said", c.Detail)
			}
		})
	}
}

func TestSample_SaysNothingOfWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.evening()
	h.erase(13, 14) // the rows are still there
	h.change("UPDATE chat_messages SET message = 'x' WHERE seq IN (13, 14)")
	if c := check(t, h.report(), doctor.TablesSample); c.State != doctor.OK {
		t.Errorf("%+v, want ok: their messages are gone", c)
	}
}

// A long history takes no longer, and the same database is sampled in the same
// places.
func TestSample_IsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(3000)
	r.drain()
	h.project()
	one := check(t, h.report(), doctor.TablesSample)
	if one.State != doctor.OK {
		t.Errorf("%+v", one)
	}
	var rows, sampled int
	if _, err := fmt.Sscanf(one.Detail, "%d sampled rows, %d events", &rows, &sampled); err != nil || sampled > 400 || rows < 20 {
		t.Errorf("%q, %v: want some hundred events at most", one.Detail, err)
	}
}

// A short stream is looked at as a whole, and not here and there.
func TestSample_AllOfAShortStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(150)
	r.drain()
	h.project()
	report := h.report()
	c := check(t, report, doctor.TablesSample)
	var rows, sampled uint64
	if _, err := fmt.Sscanf(c.Detail, "%d sampled rows, %d events", &rows, &sampled); c.State != doctor.OK || err != nil || sampled != report.Stream.Messages || sampled < 150 {
		t.Errorf("%+v, %v: want that all %d events were looked at", c, err, report.Stream.Messages)
	}
}

func TestSample_HoweverSlowTheStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.evening()
	c := check(t, h.report(func(c *doctor.Config) { c.SampleTime = time.Nanosecond }), doctor.TablesSample)
	var rows, sampled int
	if _, err := fmt.Sscanf(c.Detail, "%d sampled rows, %d events", &rows, &sampled); c.State != doctor.OK || err != nil || sampled < 2 || sampled > 10 {
		t.Errorf("%+v, %v: want a few events", c, err)
	}
}

func TestExamine_ADatabaseOfOneChannel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.evening()
	g, err := h.dir.Database().Current()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.OpenWriter(t.Context(), g.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.WriteOrigin(t.Context(), db, schema.Origin{Channel: "test"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.TablesStream); c.State != doctor.Wrong || !strings.Contains(c.Detail, "one channel") {
		t.Errorf("%+v, want that it is of one channel", c)
	}
}
