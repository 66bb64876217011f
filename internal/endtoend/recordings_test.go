package endtoend

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

const recordings = "../../bot/cytube/testdata/wire"

// sessions divides a recording into what one run of the program can see: a kick
// makes a bot stay away for a while, so the next run goes on. Connections that
// did not get into the channel are left out, and so is what came after a kick:
// nobody has to read it.
func sessions(rec *cytubetest.Recording) []*cytubetest.Recording {
	var runs []*cytubetest.Recording
	full := true
	for _, conn := range rec.Connections {
		kicked := slices.IndexFunc(conn.Steps, func(s cytubetest.Step) bool { return !s.Out && strings.HasPrefix(s.Frame, `42["kick"`) })
		if kicked >= 0 {
			conn.Steps = conn.Steps[:kicked+1]
		}
		if !slices.ContainsFunc(conn.Steps, func(s cytubetest.Step) bool { return !s.Out && strings.HasPrefix(s.Frame, `42["userlist"`) }) {
			continue
		}
		if full {
			run := *rec
			run.Connections = nil
			runs = append(runs, &run)
		}
		last := runs[len(runs)-1]
		last.Connections = append(last.Connections, conn)
		full = kicked >= 0 || len(last.Connections) == 3 // each reconnection takes longer
	}
	return runs
}

func loadRecording(t *testing.T, name string) *cytubetest.Recording {
	t.Helper()
	rec, err := cytubetest.LoadRecording(filepath.Join(recordings, name+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// watchRecording lets rosey up watch the recording, and counts what it was truly
// sent.
func watchRecording(t *testing.T, data string, rec *cytubetest.Recording, cfg cytubetest.PlayerConfig, s *seen) {
	t.Helper()
	player, err := cytubetest.NewPlayer(rec, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	p := start(t, "up", player.URL()+"/r/"+player.Channel(), "--username", player.User(), "--data", data,
		"--nats-port", "0", "--monitor-port", "off", "--json")
	select {
	case <-player.Done():
	case <-p.done:
		t.Fatalf("rosey ended by itself\n%s", p.err.String())
	case <-time.After(patience):
		t.Fatalf("the recording was not watched to its end: %d frames sent\n%v\n%s", len(player.Sent()), player.Errors(), p.err.String())
	}
	s.watch(player.Sent())
	until(t, "the tables show the connections' ends", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE disconnected_ms IS NOT NULL") == int64(s.Connections)
	})
	p.settle(data, player.Channel())
	s.compareSummary(t, p.out.String())
	for _, err := range player.Errors() {
		t.Error(err)
	}
}

// compareSummary looks at what rosey up says at its end.
func (s *seen) compareSummary(t *testing.T, out string) {
	t.Helper()
	type summary struct {
		ChatLines    int `json:"chat_lines"`
		Joins        int `json:"joins"`
		Polls        int `json:"polls"`
		Media        int `json:"media"`
		MaxUsers     int `json:"max_users"`
		MaxConnected int `json:"max_connected"`
		DeadLetters  int `json:"dead_letters"`
	}
	var got summary
	parse(t, out, &got)
	want := summary{ChatLines: len(s.Said), Polls: len(s.Polls), Media: len(s.Media), MaxUsers: s.MaxUsers, MaxConnected: s.MaxConnected}
	for _, n := range s.Joins {
		want.Joins += n
	}
	if got != want {
		t.Errorf("the closing summary says %+v, want %+v", got, want)
	}
}

func TestUp_TablesEqualFrames(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(recordings, "*.ndjson"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".ndjson")
		rec := loadRecording(t, name)
		runs := sessions(rec)
		if len(runs) == 0 {
			continue // nothing in it joins
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			s := newSeen(t)
			for _, run := range runs {
				watchRecording(t, data, run, cytubetest.PlayerConfig{}, s)
			}
			s.compare(t, data, rec.Channel)
		})
	}
}

// The line breaks in the middle of what a join brings, and in the middle of the
// talk; the same lines come again.
func TestUp_CutLineCountsTheSame(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"join-and-chat", "join-busy-channel", "polls", "playlist", "users-and-presence"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := loadRecording(t, name)
			run := sessions(rec)[0]
			run.Connections = run.Connections[:1]
			var whole int
			for _, step := range run.Connections[0].Steps {
				if !step.Out {
					whole++
				}
			}
			data := filepath.Join(t.TempDir(), "data")
			s := newSeen(t)
			burst := 12
			watchRecording(t, data, run, cytubetest.PlayerConfig{CutAfter: []int{burst, burst + whole*3/4}}, s)
			if s.Connections != 3 {
				t.Errorf("%d connections, want 3", s.Connections)
			}
			s.compare(t, data, rec.Channel)
			once := newSeen(t)
			for _, conn := range run.Connections {
				for _, step := range conn.Steps {
					if !step.Out {
						once.watch([]string{step.Frame})
					}
				}
			}
			if got, want := tablesOf(t, data, rec.Channel).Lines, once.Lines; !maps.Equal(got, want) {
				t.Errorf("lines: %s\nwithout the cuts: %s", text(got), text(want))
			}
		})
	}
}

// compare fails the test where the tables, or the stream, hold anything else
// than was sent.
func (s *seen) compare(t *testing.T, data, channel string) {
	t.Helper()
	got := tablesOf(t, data, channel)
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"lines of each user", got.Lines, s.Lines},
		{"chat_messages", got.Said, s.Said},
		{"joins of each user", got.Joins, s.Joins},
		{"max_users", got.MaxUsers, s.MaxUsers},
		{"max_connected", got.MaxConnected, s.MaxConnected},
		{"polls", got.Polls, s.Polls},
		{"media_history", got.Media, s.Media},
	} {
		if g, w := text(c.got), text(c.want); g != w {
			t.Errorf("%s: %s\nthe frames say: %s", c.what, g, w)
		}
	}
	stored := storedFrames(t, data)
	for frame, n := range s.Events {
		if stored[frame] != n {
			t.Errorf("stored %d times, sent %d times: %s", stored[frame], n, frame)
		}
	}
	for frame, n := range stored {
		if s.Events[frame] == 0 {
			t.Errorf("stored %d times, but never sent: %s", n, frame)
		}
	}
	if n := numberOf(t, data, "SELECT count(*) FROM dead_letters"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	if n := numberOf(t, data, "SELECT count(*) FROM producer_positions WHERE gaps <> '[]'"); n != 0 {
		t.Errorf("%d producers have gaps", n)
	}
	compareModel(t, data)
}

// tablesOf reads from the tables what a seen counts.
func tablesOf(t *testing.T, data, channel string) *seen {
	t.Helper()
	db := openTables(t, data)
	got := newSeen(t)
	got.Lines = counts(t, db, "SELECT lower(username), total_chat_lines FROM user_stats WHERE channel = ? AND total_chat_lines > 0", channel)
	got.Joins = counts(t, db, "SELECT lower(username), joins FROM user_stats WHERE channel = ? AND joins > 0", channel)
	got.MaxUsers = int(number(t, db, "SELECT coalesce(max(max_users), 0) FROM channel_stats WHERE channel = ?", channel))
	got.MaxConnected = int(number(t, db, "SELECT coalesce(max(max_connected), 0) FROM channel_stats WHERE channel = ?", channel))
	each(t, db, func(r *sql.Rows) error {
		var name, message string
		var ms int64
		err := r.Scan(&name, &ms, &message)
		got.Said = append(got.Said, fmt.Sprintf("%s %d %q", name, ms, message))
		return err
	}, "SELECT lower(username), time_ms, message FROM chat_messages WHERE channel = ? AND notice = ''", channel)
	slices.Sort(got.Said)
	each(t, db, func(r *sql.Rows) error {
		var key, counts string
		err := r.Scan(&key, &counts)
		got.Polls[key] = compact(json.RawMessage(counts))
		return err
	}, "SELECT opened_ms || ' ' || lower(initiator), counts FROM polls WHERE channel = ?", channel)
	each(t, db, func(r *sql.Rows) error {
		var item string
		err := r.Scan(&item)
		got.Media = append(got.Media, item)
		return err
	}, "SELECT media_type || ' ' || media_id FROM media_history WHERE channel = ? ORDER BY seq", channel)
	return got
}

// storedFrames are the frames that the exported stream carries, each with its
// number of appearances.
func storedFrames(t *testing.T, data string) map[string]int {
	t.Helper()
	stored := map[string]int{}
	last := int64(0)
	for line := range strings.Lines(must(t, "export", "events", "--data", data, "--json")) {
		var event struct {
			Seq  int64                      `json:"seq"`
			Data map[string]json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if event.Seq != last+1 {
			t.Errorf("seq=%d follows seq=%d", event.Seq, last)
		}
		last = event.Seq
		if event.Data["platform_data"] == nil {
			continue
		}
		var carried struct {
			Event  string            `json:"event"`
			Args   []json.RawMessage `json:"args"`
			ArgsIn string            `json:"args_in"`
		}
		if err := json.Unmarshal(event.Data["platform_data"], &carried); err != nil {
			t.Fatalf("seq=%d: %v", event.Seq, err)
		}
		if carried.ArgsIn != "" {
			carried.Args = []json.RawMessage{event.Data[carried.ArgsIn]}
		}
		stored[canonical(t, carried.Event, carried.Args)]++
	}
	if at := checkpoint(t, data); at != last {
		t.Errorf("the tables end at seq=%d, the stream at seq=%d", at, last)
	}
	return stored
}
