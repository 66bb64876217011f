package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestExport_EventsComeEachOnceAndVerbatim(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	list := evening()
	appendAll(t, s.Stream, list...)
	check := func(t *testing.T, what string) {
		r := rosey(t, "export", "events", "--data", string(dir))
		got := lines(t, r.out)
		if r.code != 0 || r.err != "" || len(got) != len(list) {
			t.Fatalf("%s: exit %d, %d events of %d, %s", what, r.code, len(got), len(list), r.err)
		}
		for i, e := range list {
			want, err := events.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			if l := got[i]; l.Seq != uint64(i+1) || l.Subject != events.Subject(e.Kind) || string(l.Data) != string(want) {
				t.Errorf("%s: got %+v, want %s", what, l, want)
			}
		}
	}
	check(t, "running")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	check(t, "not running")
	for args, want := range map[string]string{
		"--from 14":                    "14 15",
		"--to 2":                       "1 2",
		"--from 3 --to 4":              "3 4",
		"--from 16":                    "",
		"--to 99 --from 15":            "15",
		"--kind message --to 7":        "6 7",
		"--kind media.changed,poll":    "11 12 15",
		"--kind cytube":                "",
		"--parts --kind user.roster":   "3",
		"--kind bot.connected --parts": "1",
	} {
		r := rosey(t, append([]string{"export", "events", "--data", string(dir)}, strings.Fields(args)...)...)
		if got := sequences(lines(t, r.out)); r.code != 0 || got != want || r.err != "" {
			t.Errorf("%s: exit %d, %q, want %q, %s", args, r.code, got, want, r.err)
		}
	}
}

// partsOf cuts an event as the spool does.
func partsOf(t testing.TB, e *events.Event, first uint64, n int) (whole []byte, parts [][]byte) {
	t.Helper()
	e.ID = events.MakeID("run", first)
	whole, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	chunks := events.SplitData(whole, (len(whole)+n-1)/n)
	if len(chunks) != n {
		t.Fatalf("%d parts, want %d", len(chunks), n)
	}
	for i, c := range chunks {
		data, err := events.Encode(&events.Event{
			ID: events.MakeID("run", first+uint64(i)), Platform: e.Platform, Channel: e.Channel, TimeMS: e.TimeMS, Kind: events.KindBotPart,
			Payload: &events.BotPart{Of: e.ID, Whole: e.Kind, Part: int64(i + 1), Parts: int64(n), Data: c},
		})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, data)
	}
	return whole, parts
}

func playlist() *events.Event {
	return at(0, events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: json.RawMessage(`[{"media":{"title":"😀😀😀😀 ünï"}},1.50, null]`)})
}

func TestExport_PartsBecomeWholeAtTheirLastOne(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	part := events.Subject(events.KindBotPart)
	filler := func() { appendAll(t, env.Stream, said(0, "ann", "between")) }

	whole, parts := partsOf(t, playlist(), 1, 3)
	filler()                             // 1
	store(t, env.Stream, part, parts[0]) // 2
	filler()                             // 3
	store(t, env.Stream, part, parts[1]) // 4
	store(t, env.Stream, part, parts[1]) // 5, the same again
	store(t, env.Stream, part, parts[2]) // 6
	filler()                             // 7
	perChannel, more := partsOf(t, playlist(), 100, 2)
	for _, p := range more {
		store(t, env.Stream, events.SubjectFor(events.KindBotPart, "tv"), p) // 8 9
	}
	_, orphan := partsOf(t, playlist(), 200, 3)
	store(t, env.Stream, part, orphan[1]) // 10: its first part is nowhere
	_, open := partsOf(t, playlist(), 300, 2)
	store(t, env.Stream, part, open[0]) // 11: its last part has not come

	kind := func(k ...string) kindFlag { return kindFlag{k} }
	for _, tt := range []struct {
		name       string
		r          eventRange
		want, lost string
	}{
		{"everything", eventRange{}, "1 3 6* 7 9* 10", "1 parts belong to no whole event and are written as they are, the first at seq=10 (part 2 of 3 of \"run-200\"); " +
			"1 events in parts do not end within the range, the first begins at seq=11; --parts writes the parts"},
		{"up to within the parts", eventRange{To: 5}, "1 3", "1 events in parts do not end within the range, the first begins at seq=2; --parts writes the parts"},
		{"from within the parts", eventRange{From: 6, To: 9}, "6* 7 9*", ""},
		{"from the second part", eventRange{From: 4, To: 6}, "6*", ""},
		{"of the kind", eventRange{kindFlag: kind("playlist"), To: 9}, "6* 9*", ""},
		{"of the kind, from within", eventRange{kindFlag: kind("playlist.replaced"), From: 9, To: 9}, "9*", ""},
		{"of another kind", eventRange{kindFlag: kind("message"), To: 9}, "1 3 7", ""},
		{"the parts", eventRange{Parts: true, From: 2, To: 6}, "2 3 4 5 6", ""},
		{"the parts by kind", eventRange{kindFlag: kind("bot.part"), To: 9}, "2 4 5 6 8 9", ""},
		{"the parts by family", eventRange{kindFlag: kind("bot"), To: 9}, "2 4 5 6 8 9", ""},
	} {
		var out bytes.Buffer
		x := eventExport{eventRange: tt.r, stream: env.Stream, out: bufio.NewWriter(&out)}
		if err := errors.Join(x.run(t.Context()), x.out.Flush()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, l := range lines(t, out.String()) {
			text := fmt.Sprint(l.Seq)
			switch string(l.Data) {
			case string(whole):
				text += "*"
				if l.Subject != "rosey.db.playlist.replaced" {
					t.Errorf("%s: whole event on %s", tt.name, l.Subject)
				}
			case string(perChannel):
				text += "*"
				if l.Subject != "rosey.db.playlist.replaced.tv" {
					t.Errorf("%s: whole event on %s", tt.name, l.Subject)
				}
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != tt.want || x.incomplete() != tt.lost {
			t.Errorf("%s: got %v, want %s; lost %q, want %q", tt.name, got, tt.want, x.incomplete(), tt.lost)
		}
		if int(x.written) != len(got) {
			t.Errorf("%s: counted %d", tt.name, x.written)
		}
	}
}

func TestExport_TablesInBothFormats(t *testing.T) {
	t.Parallel()
	dir := record(t, said(0, "__proto__", ""), said(time.Millisecond, "a,\"b\"\r\n", " x\x1b"))
	for _, tt := range []struct {
		args string
		want string
	}{
		{"user_stats", `
{"channel":"tv","username":"__proto__","first_seen":1772395200,"last_seen":1772395200,"total_chat_lines":1,"total_time_connected":0,"current_session_start":null,"joins":0,"connected_ms":0,"afk_ms":0,"rank":null}
{"channel":"tv","username":"a,\"b\"\r\n","first_seen":1772395200,"last_seen":1772395200,"total_chat_lines":1,"total_time_connected":0,"current_session_start":null,"joins":0,"connected_ms":0,"afk_ms":0,"rank":null}
`},
		{"user_stats --format csv", "channel,username,first_seen,last_seen,total_chat_lines,total_time_connected,current_session_start,joins,connected_ms,afk_ms,rank\n" +
			"tv,__proto__,1772395200,1772395200,1,0,,0,0,0,\n" +
			"tv,\"a,\"\"b\"\"\r\n\",1772395200,1772395200,1,0,,0,0,0,\n"},
		{"recent_chat --format csv", "channel,timestamp,username,message,time_ms,seq\n" +
			"tv,1772395200,__proto__,\"\",1772395200000,1\n" +
			"tv,1772395200,\"a,\"\"b\"\"\r\n\",\" x\x1b\",1772395200001,2\n"},
		{"polls --json", ""},
		{"polls --format csv", "channel,opened_ms,initiator,title,options,counts,closed_ms,closed_by,first_seq,last_seq\n"},
	} {
		args := strings.Fields(tt.args)
		r := rosey(t, append([]string{"export", "--data", string(dir)}, args...)...)
		same(t, tt.args, r.out, tt.want)
		if r.code != 0 || r.err != "" {
			t.Errorf("%s: exit %d, %s", tt.args, r.code, r.err)
		}
		if strings.Contains(tt.args, "csv") {
			if _, err := csv.NewReader(strings.NewReader(r.out)).ReadAll(); err != nil {
				t.Errorf("%s: %v", tt.args, err)
			}
		}
	}
}

// What was told of an outcome, and what was not.
func TestExport_OutboundMessages(t *testing.T) {
	t.Parallel()
	dir := record(t, at(0, events.KindMarkFailed, &events.OutboundMark{
		MessageID: 9007199254740991, Message: "psst, \"you\"", Recipient: "Ann", QueuedMS: 1, Attempts: 2, Reason: "no_echo", State: events.OutcomeUnknown,
	}), at(0, events.KindMarkSent, &events.OutboundMark{MessageID: 7}))
	r := rosey(t, "export", "outbound_messages", "--data", string(dir))
	same(t, "NDJSON", r.out, `
{"channel":"tv","message_id":7,"status":"sent","message":"","recipient":"","queued_ms":null,"sent_ms":null,"attempts":0,"reason":"","seq":2}
{"channel":"tv","message_id":9007199254740991,"status":"unknown","message":"psst, \"you\"","recipient":"Ann","queued_ms":1,"sent_ms":null,"attempts":2,"reason":"no_echo","seq":1}
`)
	r = rosey(t, "export", "outbound_messages", "--format", "csv", "--data", string(dir))
	same(t, "CSV", r.out, "channel,message_id,status,message,recipient,queued_ms,sent_ms,attempts,reason,seq\n"+
		"tv,7,sent,\"\",\"\",,,0,\"\",2\n"+
		"tv,9007199254740991,unknown,\"psst, \"\"you\"\"\",Ann,1,,2,no_echo,1\n")
}

func TestExport_BlobsAreBase64(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	store(t, s.Stream, "rosey.db.message.log", []byte("\xff not JSON"))
	projectAll(t, dir, s.Stream)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	r := rosey(t, "export", "dead_letters", "--data", string(dir))
	var dead struct {
		Payload []byte `json:"payload"`
	}
	if err := json.Unmarshal([]byte(r.out), &dead); err != nil || string(dead.Payload) != "\xff not JSON" {
		t.Errorf("dead letter: %s%s, %v", r.out, r.err, err)
	}
}

func TestExport_EveryTableThereIs(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	var names []string
	if r := rosey(t, "export", "nope", "--data", string(dir)); r.code == 2 {
		_, list, _ := strings.Cut(r.err, "one of: events, ")
		names = strings.Split(strings.TrimSpace(list), ", ")
	}
	if len(names) < 15 {
		t.Fatalf("tables: %v", names)
	}
	for _, name := range names {
		for _, format := range []string{"ndjson", "csv"} {
			if r := rosey(t, "export", strings.ToUpper(name), "--format", format, "--db", dir.Database().Link); r.code != 0 || r.err != "" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

func TestExport_ValuesThatHurt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v         any
		json, csv string
	}{
		{nil, "null", ""},
		{"", `""`, `""`},
		{"NULL", `"NULL"`, "NULL"},
		{int64(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{1.5, "1.5", "1.5"},
		{1e21, "1e+21", "1e+21"},
		{math.Inf(-1), "-1.7976931348623157e+3080", "-Inf"},
		{[]byte{0xff}, `"/w=="`, "/w=="},
		{"a\x00\x01<>&😀", `"a\u0000\u0001<>&😀"`, "a\x00\x01<>&😀"},
		{"=1+1", `"=1+1"`, "=1+1"},
		{" a", `" a"`, `" a"`},
		{"a\nb", `"a\nb"`, "\"a\nb\""},
	} {
		if got := string(appendValue(nil, tt.v)); got != tt.json || !json.Valid([]byte(got)) {
			t.Errorf("%#v as JSON: %s, want %s", tt.v, got, tt.json)
		}
		if got := string(appendCSV(nil, tt.v)); got != tt.csv {
			t.Errorf("%#v as CSV: %q, want %q", tt.v, got, tt.csv)
		}
	}
}

func TestExport_TheFileAppearsWhole(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	out := t.TempDir()
	file := filepath.Join(out, "x.ndjson")
	if err := os.WriteFile(file, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := rosey(t, "export", "events", "--data", dir, "--out", file)
	if want := "wrote      15 events to " + file + "\n"; r.code != 0 || r.err != want || r.out != "" {
		t.Errorf("%+v, want %s", r, want)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || len(lines(t, string(data))) != 15 {
		t.Errorf("%d bytes, %v", len(data), err)
	}

	// A link stays one; a wrong table name and a failure leave everything.
	link := filepath.Join(out, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if r := rosey(t, "export", "nope", "--data", dir, "--out", link); r.code != 2 {
		t.Errorf("a wrong table: %+v", r)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, data) {
		t.Errorf("a wrong table changed the file: %v", err)
	}
	if r := rosey(t, "export", "user_stats", "--data", dir, "--out", link); r.code != 0 {
		t.Errorf("through a link: %+v", r)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link: %v, %v", info, err)
	}
	if r := rosey(t, "export", "polls", "--data", dir, "--out", os.DevNull); r.code != 0 {
		t.Errorf("to %s: %+v", os.DevNull, r)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced: %v, %v", os.DevNull, info, err)
	}
	if r := rosey(t, "export", "polls", "--data", dir, "--out", out); r.code != 1 || !strings.Contains(r.err, "it is a folder\ntry:   --out ") {
		t.Errorf("to a folder: %+v", r)
	}
	if r := rosey(t, "export", "polls", "--data", dir, "--out", filepath.Join(out, "no", "where")); r.code != 1 || strings.Count(r.err, "rosey:") != 1 {
		t.Errorf("to nowhere: %+v", r)
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestExport_AnInterruptedFileIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	out, err := openOutput(nil, file)
	if err != nil {
		t.Fatal(err)
	}
	c := &exportCmd{Out: file}
	wrong := errors.New("wrong")
	err = c.finish(&console{err: &bytes.Buffer{}}, out, "rows", func() (uint64, error) {
		if _, err := out.w.WriteString("half"); err != nil {
			t.Fatal(err)
		}
		return 1, wrong
	})
	entries, readErr := os.ReadDir(dir)
	if !errors.Is(err, wrong) || readErr != nil || len(entries) != 0 {
		t.Errorf("%v; left behind: %v, %v", err, entries, readErr)
	}
}

func TestExport_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	refused(t, []string{"export", "--data", dir}, []refusal{
		{"events --format csv", 2, "rosey: export: events have fields of many kinds and go into NDJSON alone\ntry:   leave --format csv out, or export a table\n"},
		{"events --db x.db", 2, "rosey: export: a database holds no events, the stream does\ntry:   --data DIR or --nats URL\n"},
		{"polls --from 5", 2, "rosey: export: --from, --to, --kind and --parts are about events\ntry:   rosey export events ...\n"},
		{"polls --json --format csv", 2, "rosey: export: --json and --format csv contradict each other\ntry:   give one of them\n"},
		{"events --from 99", 1, "rosey: export: the stream ends with seq=15\ntry:   rosey export events --from 15\n"},
		{"events --kind user.jined", 2, "rosey: no kind of event is called \"user.jined\"\ntry:   --kind with one of: user.joined, user.left, user.roster, user.updated\n"},
	})
	for _, what := range []string{"events", "polls"} {
		if r := rosey(t, "export", what, "--data", dir+"/nothing"); r.code != 1 || r.out != "" || strings.Count(r.err, "\n") != 2 {
			t.Errorf("%s of no folder: %+v", what, r)
		}
	}
}

// Several commands can read a stopped installation: each in its turn.
func TestExport_SeveralAtOnceWaitForEachOther(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	results := make(chan result, 4)
	for range cap(results) {
		go func() { results <- rosey(t, "export", "events", "--data", dir) }()
	}
	for range cap(results) {
		if r := <-results; r.code != 0 || strings.Count(r.out, "\n") != 15 {
			t.Errorf("%+v", r)
		}
	}
}

// Whatever rows hold, an export of them reads back as the same.
func FuzzTableExport(f *testing.F) {
	f.Add("a", "b\n\"", []byte{0}, int64(1))
	f.Add("", " ", []byte{}, int64(-1))
	f.Add("x,y", "\r\n", []byte("\xff"), int64(0))
	f.Fuzz(func(t *testing.T, a, b string, blob []byte, n int64) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?") // JSON has no other text
		row := []any{a, b, blob, n, nil}
		var out bytes.Buffer
		x := tableExport{format: formatNDJSON, out: bufio.NewWriter(&out)}
		if err := errors.Join(x.head([]string{"a", "b", "blob", "n", "none"}), x.row(row), x.out.Flush()); err != nil {
			t.Fatal(err)
		}
		var back struct {
			A, B string
			Blob []byte
			N    int64
			None *int
		}
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.A != a || back.B != b || !bytes.Equal(back.Blob, blob) || back.N != n {
			t.Errorf("as JSON: %q, %v", out.String(), err)
		}
		out.Reset()
		x = tableExport{format: formatCSV, out: bufio.NewWriter(&out)}
		if err := errors.Join(x.row(row), x.out.Flush()); err != nil {
			t.Fatal(err)
		}
		fields, err := csv.NewReader(&out).Read()
		lineEnds := strings.NewReplacer("\r\n", "\n") // a reader's own doing
		if err != nil || len(fields) != 5 || fields[0] != lineEnds.Replace(a) || fields[1] != lineEnds.Replace(b) {
			t.Errorf("as CSV: %q, %v", fields, err)
		}
	})
}

func BenchmarkExport_Events(b *testing.B) {
	env := streamstest.New(b)
	const n = 20_000
	var list []streams.AppendMessage
	for i := range n {
		e := said(time.Duration(i)*time.Second, "ann", "a line of chat of ordinary length, nothing else")
		e.ID = events.MakeID("run", uint64(i+1))
		e.PlatformData = json.RawMessage(`{"event":"chatMsg","args":[{"username":"ann","msg":"a line of chat of ordinary length, nothing else","meta":{},"time":1772395200000}]}`)
		data, err := events.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, streams.AppendMessage{Subject: events.Subject(e.Kind), MsgID: e.ID, Data: data})
	}
	env.Append(b, list...)
	b.ResetTimer()
	for range b.N {
		x := eventExport{stream: env.Stream, out: bufio.NewWriter(io.Discard)}
		if err := x.run(b.Context()); err != nil || x.written != n {
			b.Fatal(x.written, err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
}

func TestMessages_OneIsOne(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0 messages", 1: "1 message", 2: "2 messages"} {
		if got := messages(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
