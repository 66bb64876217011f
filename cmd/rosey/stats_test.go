package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/streams"
	"rosey/streams/embedded"
)

// What a person is shown has the time of the place; the outputs below are those
// of one place.
func init() { time.Local = time.UTC }

// start is when the evenings of these tests begin.
var start = time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)

// at makes an event that happened some time after the start.
func at(after time.Duration, kind events.Kind, p events.Payload) *events.Event {
	ms := start.Add(after).UnixMilli()
	return &events.Event{Platform: events.PlatformCyTube, Channel: "tv", TimeMS: ms, ReceivedMS: ms, Kind: kind, Payload: p}
}

func said(after time.Duration, name, text string) *events.Event {
	return at(after, events.KindMessageLog, &events.MessageLog{Username: name, Message: text})
}

func joined(after time.Duration, name string) *events.Event {
	return at(after, events.KindUserJoined, &events.UserJoined{User: events.User{Username: name, Rank: 1.5}})
}

// evening is what most of these tests look at. Its names and texts hurt.
func evening() []*events.Event {
	const s, m = time.Second, time.Minute
	return []*events.Event{
		at(0, events.KindBotConnected, &events.BotConnected{Server: "wss://example.org"}),
		at(0, events.KindBotJoined, &events.BotJoined{Username: "rosey"}),
		at(0, events.KindUserRoster, &events.UserRoster{Users: []events.User{{Username: "rosey", Rank: 2}, {Username: "null", Rank: 1}}}),
		joined(1*s, "-"),
		joined(2*s, "__proto__"),
		said(3*s, "null", "pizza & <b>chips</b>?"),
		said(4*s, "-", "emoji 😀, quotes \" and \\"),
		said(5*s, "__proto__", "\x1b[31mred\x07\n\tpizza"),
		said(6*s, "Null", "pizza again"),
		at(7*s, events.KindUserCount, &events.Counts{Chat: 4, Connected: 9}),
		at(8*s, events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: "a-b", Title: "<Paper> Moths\t& others", Seconds: 3661, Duration: "01:01:01", QueuedBy: "-"}),
		at(9*s, events.KindPollOpened, &events.Poll{Title: "Best?", Options: []string{"a", "b"}, Counts: json.RawMessage(`[0,1]`), Initiator: "null", OpenedMS: start.UnixMilli()}),
		at(10*m, events.KindUserLeft, &events.UserLeft{Username: "-"}),
		at(15*m, events.KindUserCount, &events.Counts{Chat: 3, Connected: 20}),
		at(15*m, events.KindMediaChanged, &events.MediaChanged{Type: "vi", MediaID: "2", Title: "Second", Seconds: 59, Duration: "00:59"}),
	}
}

// record puts events into the stream of a data folder, numbered as one
// producer's, and into its tables. Nothing runs there afterwards.
func record(t testing.TB, list ...*events.Event) installation.Dir {
	t.Helper()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	appendAll(t, s.Stream, list...)
	projectAll(t, dir, s.Stream)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serve runs the server of a data folder; the caller stops it.
func serve(t testing.TB, dir installation.Dir) *installation.Server {
	t.Helper()
	s, err := installation.StartServer(t.Context(), installation.ServerConfig{Dir: dir, Port: embedded.AnyPort, NoMonitor: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appendAll(t testing.TB, s *streams.Stream, list ...*events.Event) {
	t.Helper()
	state, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range list {
		e.ID = events.MakeID("run", state.LastSeq+uint64(i)+1)
		data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		store(t, s, events.Subject(e.Kind), data)
	}
}

func store(t testing.TB, s *streams.Stream, subject string, data []byte) uint64 {
	t.Helper()
	ack, err := s.Append(t.Context(), streams.AppendMessage{Subject: subject, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return ack.Seq
}

// projectAll applies the stream as a projector does, with each event's own time
// for the time of storing, so that the tables are the same each time.
func projectAll(t testing.TB, dir installation.Dir, s *streams.Stream) {
	t.Helper()
	ctx := t.Context()
	db, err := projector.OpenDatabase(ctx, dir.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	a, err := projector.NewApplier(ctx, db, projector.ApplierConfig{Identity: s.Identity()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(ctx, streams.ReadOptions{StopAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d := events.NewDecoder()
	for {
		m, err := r.Next(ctx)
		if err != nil {
			return
		}
		it := projector.Decode(d, m)
		if it.Event != nil {
			it.Msg.Time = time.UnixMilli(it.Event.TimeMS)
		}
		if _, err := a.Apply(ctx, []projector.Item{it}); err != nil {
			t.Fatal(err)
		}
	}
}

// result is what a command came to.
type result struct {
	code     int
	out, err string
}

// rosey runs a command line in this process.
func rosey(t testing.TB, args ...string) result {
	t.Helper()
	var out, errs suite.Output
	code := run(args, &out, &errs)
	return result{code, out.String(), errs.String()}
}

var await = suite.Eventually

// same compares an output with what it should be, line by line.
func same(t testing.TB, what, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

// refusal is a command line that comes to nothing, and what is said then.
type refusal struct {
	args string
	code int
	want string
}

// refused runs a command with what each of the list adds to it.
func refused(t testing.TB, command []string, list []refusal) {
	t.Helper()
	for _, tt := range list {
		r := rosey(t, slices.Concat(command, strings.Fields(tt.args))...)
		same(t, tt.args, r.err, tt.want)
		if r.code != tt.code || r.out != "" {
			t.Errorf("%s: exit %d, want %d, %s", tt.args, r.code, tt.code, r.out)
		}
	}
}

var identity = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func TestStats_ForPeople(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	for _, tt := range []struct {
		args string
		want string
	}{
		{"stats", `
events        up to seq=15, stored 2026-03-01T20:15:00Z
dead letters  0
missing       0 inside the recorders' numbering

channel  lines  users  present  joins  polls  media  most users  most connected  last observed
tv       4      4      3        2      1      2      4           20              2026-03-01T20:15:00Z
`},
		{"stats user null", `
username        Null
channel         tv
first seen      2026-03-01T20:00:00Z
last seen       2026-03-01T20:00:06Z
chat lines      2
joins           0
sessions        1
time connected  0s in finished sessions
so far          15m0s up to 2026-03-01T20:15:00Z, when the channel was last observed
present since   2026-03-01T20:00:00Z
away            0s in finished sessions
rank            1
`},
		{"stats user -- -", `
username        -
channel         tv
first seen      2026-03-01T20:00:01Z
last seen       2026-03-01T20:10:00Z
chat lines      1
joins           1
sessions        1
time connected  9m59s in finished sessions
away            0s in finished sessions
rank            1.5
`},
		{"stats top", `
   user       lines  joins  connected  last seen
1  Null       2      0      0s         2026-03-01T20:00:06Z
2  -          1      1      9m59s      2026-03-01T20:10:00Z
3  __proto__  1      1      0s         2026-03-01T20:00:05Z
`},
		{"stats channel", `
channel         tv
chat lines      4
users           4, 3 of them present
joins           2
polls           1
media           2
most users      4 at 2026-03-01T20:00:07Z
most connected  20 at 2026-03-01T20:15:00Z
last observed   2026-03-01T20:15:00Z
last status     2026-03-01T20:00:00Z
bot             rosey
`},
		{"stats history", `
time                  users  connected
2026-03-01T20:00:07Z  4      9
2026-03-01T20:15:00Z  3      20
`},
		{"stats media", `
started               ended  length  media   queued by  title
2026-03-01T20:15:00Z  plays  59s     vi:2               Second
2026-03-01T20:00:08Z  next   1h1m1s  yt:a-b  -          <Paper> Moths�& others
`},
		{"stats search pizza", `
2026-03-01T20:00:06Z  tv  Null       pizza again
2026-03-01T20:00:05Z  tv  __proto__  �[31mred���pizza
2026-03-01T20:00:03Z  tv  null       pizza & <b>chips</b>?
`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(tt.args)
			r := rosey(t, append([]string{args[0], "--data", dir}, args[1:]...)...)
			same(t, "output", r.out, tt.want)
			if r.code != 0 || r.err != "" {
				t.Errorf("exit %d, stderr %s", r.code, r.err)
			}
		})
	}
}

func TestStats_ForMachines(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	for _, tt := range []struct {
		args string
		want string
	}{
		{"stats", `
{"seq":15,"stream_time_ms":1772396100000,"stream_id":"IDENTITY","dead_letters":0,"missing_events":0,"channels":[{"channel":"tv","chat_lines":4,"users":4,"present":3,"joins":2,"polls":1,"media":2,"max_users":4,"max_users_timestamp":1772395207,"max_connected":20,"max_connected_timestamp":1772396100,"last_observed_ms":1772396100000,"current_status":{"last_updated":1772395200,"bot_name":"rosey","bot_rank":null,"bot_afk":null,"channel_name":null,"current_chat_users":null,"current_connected_users":null,"playlist_items":null,"current_media_title":null,"current_media_duration":null,"bot_start_time":null,"bot_connected":1,"disconnect_reason":""}}]}
`},
		{"stats user NULL", `
{"channel":"tv","username":"Null","first_seen":1772395200,"last_seen":1772395206,"total_chat_lines":2,"joins":0,"sessions":1,"total_time_connected":0,"time_connected_so_far":900,"last_observed_ms":1772396100000,"afk_ms":0,"current_session_start":1772395200,"rank":1}
`},
		{"stats top --period 24h --limit 2", `
{"channel":"tv","period":"24h","since_ms":1772309700000,"until_ms":1772396100000,"users":[{"username":"Null","chat_lines":2,"total_chat_lines":2,"joins":0,"total_time_connected":0,"last_seen":1772395206},{"username":"-","chat_lines":1,"total_chat_lines":1,"joins":1,"total_time_connected":599,"last_seen":1772395800}]}
`},
		{"stats channel --channel TV", `
{"channel":"tv","chat_lines":4,"users":4,"present":3,"joins":2,"polls":1,"media":2,"max_users":4,"max_users_timestamp":1772395207,"max_connected":20,"max_connected_timestamp":1772396100,"last_observed_ms":1772396100000,"current_status":{"last_updated":1772395200,"bot_name":"rosey","bot_rank":null,"bot_afk":null,"channel_name":null,"current_chat_users":null,"current_connected_users":null,"playlist_items":null,"current_media_title":null,"current_media_duration":null,"bot_start_time":null,"bot_connected":1,"disconnect_reason":""}}
`},
		{"stats history --limit 1", `
{"channel":"tv","period":"all","since_ms":0,"until_ms":1772396100000,"counts":[{"seq":14,"timestamp":1772396100,"chat_users":3,"connected_users":20}],"before":14}
`},
		{"stats media", `
{"channel":"tv","period":"all","since_ms":0,"until_ms":1772396100000,"media":[{"seq":15,"started_ms":1772396100000,"ended_ms":null,"ended_by":null,"media_type":"vi","media_id":"2","title":"Second","seconds":59,"queued_by":"","resumed":0},{"seq":11,"started_ms":1772395208000,"ended_ms":1772396100000,"ended_by":"next","media_type":"yt","media_id":"a-b","title":"<Paper> Moths\t& others","seconds":3661,"queued_by":"-","resumed":0}],"before":0}
`},
		{"stats search pizza --limit 2", `
{"messages":[{"seq":9,"channel":"tv","timestamp":1772395206,"time_ms":1772395206000,"username":"Null","message":"pizza again","notice":"","style":""},{"seq":8,"channel":"tv","timestamp":1772395205,"time_ms":1772395205000,"username":"__proto__","message":"\u001b[31mred\u0007\n\tpizza","notice":"","style":""}],"before":8}
`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(tt.args), "--json", "--db", filepath.Join(dir, "rosey.db"))
			r := rosey(t, args...)
			same(t, "output", identity.ReplaceAllString(r.out, "IDENTITY"), tt.want)
			if r.code != 0 || r.err != "" {
				t.Errorf("exit %d, stderr %s", r.code, r.err)
			}
		})
	}
}

func TestStats_NamesThatHurtComeOutExactly(t *testing.T) {
	t.Parallel()
	names := []string{"null", "__proto__", "-", "--json", "MixedCase", "😀", "a\x01\x1b[2Jb", `"\`, "\u202egnp", "<i>&amp;", strings.Repeat("y", 320)}
	var list []*events.Event
	for i, n := range names {
		list = append(list, said(time.Duration(i)*time.Second, n, "text of "+n))
	}
	dir := string(record(t, list...))
	for _, n := range names {
		r := rosey(t, "stats", "user", "--json", "--data", dir, "--", n)
		var got struct {
			Username string `json:"username"`
			Lines    int    `json:"total_chat_lines"`
		}
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Username != n || got.Lines != 1 {
			t.Errorf("%q: exit %d, %s%s, %v", n, r.code, r.out, r.err, err)
		}
		if r := rosey(t, "stats", "user", "--data", dir, "--", n); strings.ContainsAny(r.out, "\x01\x1b\u202e") {
			t.Errorf("%q reaches the terminal as it is: %q", n, r.out)
		}
	}
	var top struct {
		Users []struct {
			Username string `json:"username"`
		} `json:"users"`
	}
	r := rosey(t, "stats", "top", "--json", "--data", dir)
	if err := json.Unmarshal([]byte(r.out), &top); err != nil || len(top.Users) != len(names) {
		t.Errorf("top: %s%s, %v", r.out, r.err, err)
	}
	seen := map[string]bool{}
	for _, u := range top.Users {
		seen[u.Username] = true
	}
	for _, n := range names {
		if !seen[n] {
			t.Errorf("%q is not among the top", n)
		}
	}
	if r := rosey(t, "stats", "search", "text", "--data", dir); strings.ContainsAny(r.out, "\x01\x1b\u202e") || r.code != 0 {
		t.Errorf("search: exit %d, %q", r.code, r.out)
	}
}

func TestStats_SeveralChannels(t *testing.T) {
	t.Parallel()
	radio := joined(time.Hour, "zoe")
	radio.Channel = "Radio"
	dir := string(record(t, joined(0, "ann"), said(time.Second, "ann", "hi"), radio))
	r := rosey(t, "stats", "top", "--data", dir)
	if want := "channel Radio, the one observed last; --channel for another: tv\n"; r.code != 0 || r.err != want {
		t.Errorf("exit %d, %q, want %q", r.code, r.err, want)
	}
	if r := rosey(t, "stats", "top", "--data", dir, "--channel", "tv", "--json"); r.code != 0 || r.err != "" || !strings.Contains(r.out, `"ann"`) {
		t.Errorf("tv: %+v", r)
	}
	if r := rosey(t, "stats", "channel", "--data", dir, "--json"); strings.Count(r.out, "\n") != 2 {
		t.Errorf("both: %+v", r)
	}
	if r := rosey(t, "stats", "--data", dir); !strings.Contains(r.out, "Radio ") || !strings.Contains(r.out, "tv ") {
		t.Errorf("overview: %+v", r)
	}
}

func TestStats_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	empty := string(record(t))
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"stats", "user", "nobody", "--data", dir}, 1, "rosey: no user \"nobody\" in the database\ntry:   rosey stats top   (names compare without case, but whole)\n"},
		{[]string{"stats", "top", "--channel", "lounge", "--data", dir}, 1, "rosey: no channel \"lounge\" in the database\ntry:   --channel NAME with one of: tv\n"},
		{[]string{"stats", "top", "--data", empty}, 1, "rosey: no channel is in the database yet\ntry:   rosey tail   (what the stream holds)\n"},
		{[]string{"stats", "search", " ", "--data", dir}, 2, "rosey: query: search chat: invalid question: no words to look for\ntry:   rosey stats --help\n"},
		{[]string{"stats", "--db", text}, 1, "rosey: schema: open " + text + ": not a SQLite database\ntry:   move the file away and start again; the tables are rebuilt from the stream\n"},
	} {
		r := rosey(t, tt.args...)
		same(t, strings.Join(tt.args, " "), r.err, tt.want)
		if r.code != tt.code || r.out != "" {
			t.Errorf("%v: exit %d, want %d, out %s", tt.args, r.code, tt.code, r.out)
		}
	}
	for _, args := range [][]string{
		{"stats", "top", "--period", "1h", "--data", dir}, {"stats", "user", "--data", dir}, {"stats", "nonsense"},
	} {
		if r := rosey(t, args...); r.code != 2 || r.out != "" || strings.Count(r.err, "\n") != 2 {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := rosey(t, "stats", "--data", filepath.Join(dir, "nothing")); r.code != 1 || !strings.Contains(r.err, "no database yet\ntry:   rosey up") {
		t.Errorf("no folder: %+v", r)
	}
	if r := rosey(t, "stats", "--data", empty); r.code != 0 || !strings.HasPrefix(r.out, "events ") {
		t.Errorf("an empty database: %+v", r)
	}
}

func TestStats_OlderPagesAreTold(t *testing.T) {
	t.Parallel()
	dir := string(record(t, said(0, "ann", "pizza"), said(1, "ann", "no pizza"), said(time.Second, "ann", "pizza 3")))
	r := rosey(t, "stats", "search", "pizza", "--limit", "1", "--data", dir)
	if r.code != 0 || !strings.Contains(r.out, "pizza 3") || r.err != "older: --before 3\n" {
		t.Errorf("first page: %+v", r)
	}
	r = rosey(t, "stats", "search", "pizza", "--limit", "1", "--before", "3", "--data", dir)
	if r.code != 0 || !strings.Contains(r.out, "no pizza") || r.err != "older: --before 2\n" {
		t.Errorf("second page: %+v", r)
	}
}

func TestStats_TheReaderMayGoAway(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	for _, args := range [][]string{{"stats"}, {"stats", "--json"}, {"stats", "top"}, {"export", "user_stats"}, {"export", "events"}, {"tail"}, {"tail", "--json"}} {
		if r := intoClosedPipe(t, append(args, "--data", dir)...); r.code != 0 || r.err != "" {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
}

// intoClosedPipe runs a command whose output nobody reads.
func intoClosedPipe(t *testing.T, args ...string) result {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	var errs suite.Output
	code := run(args, w, &errs)
	return result{code: code, err: errs.String()}
}

// A limit that the service would refuse is refused, whoever answers.
func TestStats_LimitsAreThoseOfTheService(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	for _, command := range [][]string{{"top"}, {"history"}, {"media"}, {"search", "pizza"}} {
		for _, limit := range []string{"0", "-1", "1001"} {
			r := rosey(t, append(append([]string{"stats"}, command...), "--limit="+limit, "--data", dir)...)
			if want := "--limit: " + limit + " is not between 1 and 1000\ntry:   "; r.code != 2 || r.out != "" || !strings.Contains(r.err, want) {
				t.Errorf("%s --limit %s: %+v, want %q", command, limit, r, want)
			}
		}
	}
}
