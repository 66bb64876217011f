package model_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/campaign/model"
	"rosey/projector"
	"rosey/schema"
	"rosey/schema/schematest"
)

// notCompared are the columns that the package's doc leaves out, the parts of a
// key that are tested as rows, and what SQLite generates of the rest.
var notCompared = map[string]bool{
	"chat_messages.text_hash": true, "playlist_items.sort_key": true, "projection_state.stream_id": true, "projection_state.stream_created_ms": true,
	"projection_state.fingerprint": true, "projection_state.id": true, "dead_letters.reason": true,
	"chat_messages.timestamp": true, "user_stats.total_time_connected": true, "user_sessions.afk_ms": true, "user_sessions.connected_ms": true,
}

// evening is a short one that leaves a row in every table.
func evening() *history {
	h, w := newHistory(), who{"A", mainChannel}
	h.store("rosey.db.message.log", "", []byte("{"))
	h.say(w, events.KindBotStarted, &events.BotStarted{Producer: "A", Previous: "Z", PreviousSeq: 3})
	h.say(w, events.KindBotRecording, &events.BotRecording{Producer: "A", Term: 2})
	h.say(w, events.KindBotConnected, &events.BotConnected{Server: "cytu.example"})
	h.say(w, events.KindBotJoined, &events.BotJoined{Username: "rosey"})
	h.say(w, events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: wireList([]int64{1, 2, 3})})
	h.say(w, events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: 2})
	h.say(w, events.KindPlaylistLocked, &events.PlaylistLocked{Locked: true})
	h.say(w, events.KindUserRoster, &events.UserRoster{Users: []events.User{{Username: "Ann", Rank: 1, AFK: true}}})
	h.now += 5000
	h.say(w, events.KindUserUpdated, &events.UserUpdated{Username: "ann", AFK: ptr(false)})
	h.say(w, events.KindUserJoined, &events.UserJoined{User: events.User{Username: "bob", AFK: true}})
	h.say(w, events.KindMessageLog, &events.MessageLog{Username: "bob", Message: "good evening", Style: "action"})
	h.say(w, events.KindUserCount, &events.Counts{Chat: 2, Connected: 5})
	h.say(w, events.KindStatusUpdate, &events.StatusUpdate{
		BotName: ptr("rosey"), BotRank: ptr(2.5), BotAFK: ptr(true), ChannelName: ptr("tv"), ChatUsers: ptr(int64(2)), ConnectedUsers: ptr(int64(5)),
		PlaylistItems: ptr(int64(3)), MediaTitle: ptr("x"), MediaDuration: ptr("05:00"), BotStartTime: ptr(int64(5)),
	})
	h.say(w, events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "x", Title: "title", Seconds: 300, QueuedBy: "ann"})
	h.say(w, events.KindPollOpened, &events.Poll{Title: "which?", Options: []string{"this"}, Counts: []byte("[0]"), Initiator: "ann", OpenedMS: h.now})
	h.say(w, events.KindMarkSent, &events.OutboundMark{MessageID: 7, Message: "hello", QueuedMS: 1, SentMS: 2, Attempts: 1, Reason: "because", Recipient: "ann"})
	h.now += 5000
	h.say(w, events.KindUserLeft, &events.UserLeft{Username: "bob"})
	h.say(w, events.KindPollClosed, &events.PollClosed{})
	h.say(w, events.KindMediaEnded, &events.MediaEnded{})
	h.numbers["A"] += 2
	h.say(w, events.KindBotPart, &events.BotPart{Of: "A-99", Whole: events.KindMessageLog, Part: 1, Parts: 2, Data: "{"})
	decidedStep(true, 1).play(h)
	decidedStep(false, 2).play(h)
	h.say(w, events.KindUserCount, &events.Counts{})
	h.erase()
	h.say(w, events.KindBotDisconnected, &events.BotDisconnected{Reason: "connection_lost"})
	return h
}

// A comparison that cannot fail proves nothing: every column of every row,
// changed by itself, is found, and so is every row that is gone.
func TestCompare_FindsEveryChange(t *testing.T) {
	t.Parallel()
	h := evening()
	db, err := schematest.Create(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a, err := projector.NewApplier(t.Context(), db, projector.ApplierConfig{DefaultChannel: mainChannel, Identity: identity})
	if err == nil {
		_, err = a.Apply(t.Context(), h.items())
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.modelled()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences(t, m, db.DB) {
		t.Errorf("before any change: %s", d)
	}
	list, err := schema.Tables(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range list {
		var rows int64
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table.Name).Scan(&rows); err != nil || rows == 0 {
			t.Errorf("%s: %d rows to change, %v", table.Name, rows, err)
		}
		for _, column := range table.Columns {
			if notCompared[table.Name+"."+column] {
				continue
			}
			// Another value of the same kind, in every row at once.
			changed(t, m, db.DB, table.Name, column, fmt.Sprintf(
				`UPDATE OR IGNORE %s SET %s = CASE typeof(%s) WHEN 'null' THEN 77 WHEN 'text' THEN %s || 'x' WHEN 'blob' THEN x'00' ELSE 1 - %s END`,
				table.Name, column, column, column, column))
		}
		if table.Name == "dead_letters" {
			changed(t, m, db.DB, table.Name, "reason", "UPDATE dead_letters SET reason = ''")
		}
		changed(t, m, db.DB, table.Name, "", "DELETE FROM "+table.Name)
	}
}

// changed makes one change, which must be found, and takes it back.
func changed(t *testing.T, m *model.Model, db *sql.DB, table, column, change string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	path := filepath.Join(t.TempDir(), "copy.db")
	if _, err := conn.ExecContext(t.Context(), "VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
	copied, err := sql.Open("sqlite", "file:"+path+"?_pragma=ignore_check_constraints(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = copied.Close() }()
	res, err := copied.ExecContext(t.Context(), change)
	if err != nil {
		t.Fatalf("%s: %v", change, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: changed %d rows, %v", change, n, err)
	}
	view := map[string]string{"playlist_items": "playlist"}[table]
	for _, d := range differences(t, m, copied) {
		if d.Table == table || d.Table == view {
			if text := d.String(); strings.Contains(text, "good evening") || strings.Contains(text, "hello") {
				t.Errorf("a difference shows a text: %s", text)
			}
			return
		}
	}
	t.Errorf("%s.%s changed, and no difference", table, column)
}

func differences(t *testing.T, m *model.Model, db *sql.DB) []model.Difference {
	t.Helper()
	diffs, err := m.Compare(context.WithoutCancel(t.Context()), db)
	if err != nil {
		t.Fatal(err)
	}
	return diffs
}

func TestAdd_RefusesWhatIsNoExport(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{""}, {"{}"}, {"[]"}, {`{"seq":0,"subject":"rosey.db.user.left","time":"2026-01-01T00:00:00Z","data":{}}`},
		{`{"seq":1,"subject":"s","time":"2026-01-01T00:00:00Z","data":{}}`, `{"seq":1,"subject":"s","time":"2026-01-01T00:00:00Z","data":{}}`},
	} {
		m := model.New(model.Config{})
		var err error
		for _, l := range lines {
			err = m.Add([]byte(l))
		}
		if err == nil {
			t.Errorf("%q: no error", lines)
		}
	}
}

// FuzzAdd_NoEventStopsIt holds one model through all inputs.
func FuzzAdd_NoEventStopsIt(f *testing.F) {
	for _, msg := range evening().messages {
		f.Add(msg.Subject, msg.MsgID, msg.Data)
	}
	m, seq := model.New(model.Config{}), uint64(0)
	f.Fuzz(func(t *testing.T, subject, id string, data []byte) {
		if subject == "" {
			return
		}
		for range 2 {
			seq++
			msg := evening().messages[0]
			msg.Seq, msg.Subject, msg.MsgID, msg.Data = seq, subject, id, data
			if err := m.Add(line(msg)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
