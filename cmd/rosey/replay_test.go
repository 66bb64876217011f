package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rosey/internal/installation"
	"rosey/projector"
	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
)

// A lost stream comes back empty, and the tables are the last copy.
func TestReplay_ALostStreamDoesNotEmptyTheTables(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	good, err := dir.Database().Current()
	if err != nil {
		t.Fatal(err)
	}
	before := schematest.Read(t, good.Path, schema.Dump)
	if err := os.RemoveAll(dir.JetStream()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := rosey(t, "server", "--data", string(dir), "--nats-port", "off", "--monitor-port", "off", "--for", "1s")
		if r.code != 1 || !strings.Contains(r.err, "does not have the stream that the tables were made from") || !strings.Contains(r.err, "rosey restore DIR") {
			t.Fatalf("%+v, want no new stream", r)
		}
		if r := rosey(t, "stream", "show", "--data", string(dir)); r.code == 0 || strings.Contains(r.err, "rosey stream setup") {
			t.Fatalf("%+v, want no advice to make a stream", r)
		}
	}
	if err := serve(t, dir).Stop(); err != nil { // as it was before the server refused
		t.Fatal(err)
	}
	for range 2 {
		r := rosey(t, "replay", "--data", string(dir))
		if r.code != 1 || !strings.Contains(r.err, "another stream") || !strings.Contains(r.err, "rosey replay --force") {
			t.Fatalf("%+v, want a refusal that names --force", r)
		}
		if got := schematest.Read(t, dir.Database().Link, schema.Dump); got != before {
			t.Fatal("the tables changed")
		}
	}
	r := rosey(t, "replay", "--force", "--data", string(dir))
	if r.code != 0 || !strings.Contains(r.out, "kept       "+good.Path) {
		t.Fatalf("%+v, want that %s is kept", r, good.Path)
	}
	for range schema.Keep + 1 {
		if r := rosey(t, "replay", "--data", string(dir)); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	if got := schematest.Read(t, good.Path, schema.Dump); got != before {
		t.Error("the database before is not what it was")
	}
}

func TestReplay_SaysWhereItCannotGo(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	out := t.TempDir()
	if err := os.Symlink(filepath.Join(out, "nowhere.db"), filepath.Join(out, "link.db")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--into", filepath.Join(out, "a.db"), "--until-seq", "15"}, 0, "up to seq=15 (0 duplicates, 0 dead letters)\ntook"},
		{[]string{"--into", filepath.Join(out, "b.db"), "--until-seq", "99"}, 0, "ended      at seq=15, the end of the stream, before --until-seq 99"},
		{[]string{"--into", filepath.Join(out, "c.db"), "--until-time", "2999-01-01T00:00:00Z"}, 0, "before --until-time 2999-01-01T00:00:00Z"},
		{[]string{"--into", filepath.Join(out, "d.db"), "--until-seq", "99", "--json"}, 0, `"stream_ends_before_limit":true`},
		{[]string{"--into", filepath.Join(out, "e.db"), "--until-time", "2020-01-01T00:00:00Z"}, 1, "try:   name a later --until-time"},
		{[]string{"--into", filepath.Join(out, "no", "where", "f.db")}, 1, "there is no such folder"},
		{[]string{"--into", out}, 1, "is a folder\ntry:   name a file in it"},
		{[]string{"--into", filepath.Join(out, "link.db")}, 1, "file already exists"},
		{[]string{"--into", filepath.Join(out, "h.db"), "--channel", ""}, 2, "a name is missing"},
		{[]string{"--into", filepath.Join(out, "i.db"), "--channel", "TV"}, 0, "channel    tv alone"},
		{[]string{"--into", filepath.Join(out, "j.db"), "--channel", "other"}, 1, "nothing up to seq=15 is about other\ntry:   another --channel"},
	} {
		r := rosey(t, append([]string{"replay", "--data", string(dir)}, tt.args...)...)
		if r.code != tt.code || !strings.Contains(r.out+r.err, tt.want) {
			t.Errorf("%v: %+v, want exit code %d and %q", tt.args, r, tt.code, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "no")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was made: %v", err)
	}
}

// The folder that cannot be written to is the file's, not the data folder.
func TestReplay_NamesTheFoldersFault(t *testing.T) {
	t.Parallel()
	c := replayCmd{Into: filepath.Join(t.TempDir(), "x.db")}
	for _, fault := range []error{syscall.EACCES, syscall.EROFS} {
		err := c.explainInto(fmt.Errorf("schema: claim: %w", &os.PathError{Op: "open", Path: c.Into, Err: fault}))
		if got := advice(err); got != "name a file in a folder that can be written to" {
			t.Errorf("%v: %q", fault, got)
		}
	}
}

func TestReplay_VerifyNamesWhatTheIndexesLost(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	// The tables were made with the events' own times, which are not the stream's.
	if r := rosey(t, "replay", "--force", "--data", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := rosey(t, "replay", "--verify", "--data", dir); r.code != 0 || !strings.HasPrefix(r.out, "equal: ") {
		t.Fatalf("before: %+v", r)
	}
	db, err := schema.OpenWriter(t.Context(), filepath.Join(dir, "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages LIMIT 50",
		"DROP INDEX chat_messages_key",
	} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := rosey(t, "replay", "--verify", "--data", dir)
	for _, want := range []string{"different: ", "\nindex chat_messages_key is missing: ", "\nchat_search: row term=", "try:   rosey replay"} {
		if r.code != 1 || !strings.Contains(r.out, want) {
			t.Errorf("%+v, want exit code 1 and %q", r, want)
		}
	}
}

// Tables that hold more than the stream are looked into before they are replaced.
func TestTellDifferent_NextStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		v    replay.Verification
		want []string
	}{
		{"changed rows", replay.Verification{Comparison: schema.Comparison{Different: 2}}, []string{"try:   rosey replay"}},
		{"rows that the stream lacks", replay.Verification{Comparison: schema.Comparison{Different: 2, Extra: 1}}, []string{"try:   rosey doctor"}},
		{"messages that are gone", replay.Verification{Comparison: schema.Comparison{Different: 2}, Erased: 3}, []string{
			"\n3 messages are gone from the stream", "erased on purpose", "try:   rosey doctor",
		}},
	} {
		var out strings.Builder
		tellDifferent(&out, tt.v)
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, out.String())
			}
		}
		if !strings.HasPrefix(out.String(), "different: 2 of ") {
			t.Errorf("%s: it says\n%s", tt.name, out.String())
		}
	}
}

// Who is told to do something again is told the whole of it.
func TestExplainHolder_NamesTheWholeCommand(t *testing.T) {
	t.Parallel()
	where := " --data d" + natsFlags{Nats: []string{"nats://h:4222", "nats://me:secret@h:4222"}, NatsUser: "me", NatsPasswordFile: "p w"}.words()
	again := rebuildCommand(replay.Request{Kind: replay.KindRebuild, AcceptFailures: true, Keep: 3})
	for _, tt := range []struct {
		running replay.Request
		want    string
	}{
		{replay.Request{Kind: replay.KindRebuild, Archive: "a"}, "wait until it is done (rosey replay --from-archive a" + where + " shows how far it is), then " + again + where},
		{replay.Request{Kind: replay.KindUndo}, "wait until it is done, then " + again + where},
	} {
		err := explainHolder(&control.BusyError{Work: replay.Work{Request: tt.running}}, schema.Store{}, 1, again+where, where)
		if got := advice(err); got != tt.want {
			t.Errorf("%+v: try %s, want %s", tt.running, got, tt.want)
		}
	}
	want := " --data d --nats nats://h:4222 --nats URL --nats-user me --nats-password-file 'p w'"
	if where != want || again != "rosey replay --on-error dead-letter --keep 3" {
		t.Errorf("%s and %s, want %s", where, again, want)
	}
}

// Tables without a stream beside them belong to an installation on another server.
func TestReplay_WithoutTheServerThatItBelongsTo(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	if err := os.RemoveAll(dir.JetStream()); err != nil {
		t.Fatal(err)
	}
	r := rosey(t, "replay", "--data", string(dir))
	if r.code != 1 || !strings.Contains(r.err, "external NATS server") || !strings.Contains(r.err, "try:   the same command with --nats URL") {
		t.Errorf("%+v", r)
	}
	if r := rosey(t, "replay", "--data", t.TempDir()); r.code != 1 || strings.Contains(r.err, "--nats") {
		t.Errorf("with nothing there: %+v", r)
	}
}

// A rebuild by another version would not make the tables comparable.
func TestReplay_VerifyBesideAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	db, err := schema.OpenWriter(t.Context(), dir.Database().Link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE projection_state SET fingerprint = 'another'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r := rosey(t, "replay", "--verify", "--data", string(dir)); r.code != 1 || !strings.Contains(r.err, "try:   rosey replay") {
		t.Errorf("with nobody there: %+v", r)
	}
	release, err := dir.Database().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := rosey(t, "replay", "--verify", "--data", string(dir)); r.code != 1 || !strings.Contains(r.err, "try:   compare with the version of the program that keeps the tables") {
		t.Errorf("beside another version: %+v", r)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// A file among the generations would be the next one's to remove.
func TestReplay_IntoTakesNoNameOfTheStore(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	for _, name := range []string{"rosey.db", "rosey.db.g7", "rosey.db.g7.keep", "rosey.db.before", "rosey.db.new", "rosey.db-wal", "rosey.db.verify1"} {
		r := rosey(t, "replay", "--into", filepath.Join(string(dir), ".", name), "--data", string(dir))
		if r.code != 1 || !strings.Contains(r.err, "try:   name a file in another folder") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if left, _ := filepath.Glob(dir.Database().Link + ".g*"); len(left) != 1 {
		t.Errorf("files %v", left)
	}
	if r := rosey(t, "replay", "--into", filepath.Join(string(dir), "rosey-march.db"), "--data", string(dir)); r.code != 0 {
		t.Errorf("another name: %+v", r)
	}
	// Another store's names are no better.
	if r := rosey(t, "replay", "--into", dir.Database().Link+".g7", "--data", string(record(t, evening()...))); r.code != 1 || !strings.Contains(r.err, "try:   ") {
		t.Errorf("beside another store: %+v", r)
	}
}

// What holds the tables and takes no requests is named, with what to do.
func TestReplay_BesideAProcessThatTakesNoRequests(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	// The tables were made with the events' own times, which are not the stream's.
	if r := rosey(t, "replay", "--force", "--data", string(dir)); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	release, err := dir.Database().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.Database().Link+".lock", []byte("4711\n"), 0o600); err != nil { // as an older program
		t.Fatal(err)
	}
	for _, args := range [][]string{{"replay"}, {"replay", "--undo"}} {
		r := rosey(t, append(args, "--data", string(dir))...)
		if r.code != 1 || !strings.Contains(r.err, "in use by process 4711: ") || !strings.Contains(r.err, "\ntry:   ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := rosey(t, "replay", "--force", "--data", string(dir)); r.code != 1 || !strings.Contains(r.err, "stop the running projector") {
		t.Errorf("--force beside it: %+v", r)
	}
	if r := rosey(t, "replay", "--verify", "--data", string(dir)); r.code != 0 || !strings.HasPrefix(r.out, "equal: ") {
		t.Errorf("--verify beside it: %+v", r)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestReplay_UndoAndKeepWithNobodyThere(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	data := string(dir)
	r := rosey(t, "replay", "--undo", "--data", data)
	if r.code != 1 || !strings.Contains(r.err, "try:   ") {
		t.Errorf("with nothing to go back to: %+v", r)
	}
	link := func() string {
		g, err := dir.Database().Current()
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(g.Path)
	}
	began := time.Now()
	for range 3 {
		if r := rosey(t, "replay", "--keep", "3", "--force", "--data", data); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	if r := rosey(t, "replay", "--keep", "3", "--data", data); r.code != 0 || !strings.Contains(r.err, `{"phase":"events",`) || !strings.Contains(r.err, `{"phase":"done",`) {
		t.Fatalf("%+v, want progress as JSON lines", r)
	}
	left, _ := filepath.Glob(dir.Database().Link + ".g?")
	if took := time.Since(began); len(left) < 3 || len(left) != 5 && took < schema.Grace {
		t.Errorf("files %v after %s, want all: each was the current one a moment ago, and may just be opened", left, took)
	}
	last := link()
	if r := rosey(t, "replay", "--undo", "--keep", "3", "--data", data); r.code != 0 || strings.Contains(r.out, last) || link() == last ||
		!strings.HasPrefix(r.out, "went back  to ") || !strings.Contains(r.out, "\ncaught up  0 events up to seq=") || strings.Contains(r.out, "events/s") {
		t.Errorf("undo: %+v; readers see %s after %s", r, link(), last)
	}
	if r := rosey(t, "replay", "--undo", "--keep", "3", "--data", data); r.code != 0 || link() != last {
		t.Errorf("undo of it: %+v; readers see %s, want %s", r, link(), last)
	}
	for _, args := range [][]string{
		{"--undo", "--verify"}, {"--keep", "-1"}, {"--verify", "--into", "x.db"}, {"--until-seq", "4"}, {"--keep", "0"}, {"--until-seq", "0"},
		{"--keep", "1", "--into", "x.db"}, {"--keep", "1", "--verify"}, {"--undo", "--on-error", "dead-letter"}, {"--until-time", "yesterday", "--into", "x.db"},
	} {
		if r := rosey(t, append([]string{"replay", "--data", data}, args...)...); r.code != 2 || !strings.Contains(r.err, "try:   ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// TestReplay_AfterMessagesWereErased takes the way of an operator who erased some, and
// whose store then lists more than anybody erases as gone.
func TestReplay_AfterMessagesWereErased(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
	data := string(dir)
	s := serve(t, dir)
	for n := range 40 {
		store(t, s.Stream, "rosey.db.message.log", fmt.Appendf(nil, `{"username":"zoe","msg":"line %d"}`, n))
	}
	change := func(seqs ...uint64) {
		t.Helper()
		erase(t, s.Conn, seqs...)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	change()
	if out := succeeds(t, "replay", "--data", data); strings.Contains(out, "erased") {
		t.Errorf("nothing was erased: %s", out)
	}
	s = serve(t, dir)
	change(4)
	if out := succeeds(t, "replay", "--data", data); !strings.Contains(out, "\nerased     1 of the messages up to seq=40 are gone from the stream; the database before had 1 of them\n") {
		t.Errorf("one was erased: %s", out)
	}
	s = serve(t, dir)
	var block []uint64
	for seq := uint64(10); seq <= 26; seq++ {
		block = append(block, seq)
	}
	change(block...)
	r := rosey(t, "replay", "--data", data)
	if r.code != 1 || !strings.Contains(r.err, "17, of which one after the other seq=10 to seq=26") || !strings.Contains(r.err, "\ntry:   keep the tables there are") ||
		!strings.Contains(r.err, "rosey doctor") || !strings.Contains(r.err, "rosey replay --accept-erased") {
		t.Errorf("seventeen in a row: %+v, want a refusal with what to do", r)
	}
	if r := rosey(t, "doctor", "--data", data); r.code == 0 || !strings.Contains(r.out, "seq=10 to seq=26") {
		t.Errorf("doctor: %+v", r)
	}
	into := filepath.Join(t.TempDir(), "into.db")
	if out := succeeds(t, "replay", "--into", into, "--data", data); !strings.Contains(out, "\nerased     18 of the messages up to seq=40 are gone from the stream\n") {
		t.Errorf("into a file: %s", out)
	}
	if r := rosey(t, "replay", "--into", into, "--accept-erased", "--data", data); r.code != 2 {
		t.Errorf("--into and --accept-erased: %+v, want exit code 2", r)
	}
	var res replay.Result
	if err := json.Unmarshal([]byte(succeeds(t, "replay", "--accept-erased", "--json", "--data", data)), &res); err != nil || res.Erased != 18 || res.ErasedSince != 17 || filepath.Base(res.Kept) != "rosey.db.g2" {
		t.Errorf("accepted: %+v, %v", res, err)
	}
	if r := rosey(t, "doctor", "--data", data); strings.Contains(r.out, "seq=10 to seq=26") {
		t.Errorf("doctor of the tables without them: %+v", r)
	}
}

// A server that begins on a damaged store cuts its end off. The tables know more than
// the stream then, and nobody is told first to throw them away.
func TestReplay_AStreamThatLostItsEnd(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	msgs := filepath.Join(dir.JetStream(), "jetstream", "*", "streams", streams.StreamName, "msgs")
	for _, index := range found(t, filepath.Join(msgs, "index.db")) {
		if err := os.Remove(index); err != nil { // as after a loss of power
			t.Fatal(err)
		}
	}
	blocks := found(t, filepath.Join(msgs, "*.blk"))
	data, err := os.ReadFile(blocks[len(blocks)-1])
	if err == nil {
		copy(data[len(data)/2:], bytes.Repeat([]byte{0xa5}, len(data))) // with a whole record after it the start would be refused
		err = os.WriteFile(blocks[len(blocks)-1], data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"replay"}, {"doctor"}} {
		r := rosey(t, append(command, "--data", string(dir))...)
		said := r.err
		if command[0] == "doctor" {
			said = r.out
		}
		at := strings.Index(said, "has lost its end")
		restore, force := strings.Index(said, "rosey restore DIR"), strings.Index(said, "--force")
		if r.code != exitFailed || at < 0 || restore < at || force < restore || !strings.Contains(said, projector.ErrAhead.Error()) {
			t.Errorf("rosey %s: exit %d\n%s", command[0], r.code, said)
		}
		if strings.Contains(said, "rosey doctor") == (command[0] == "doctor") {
			t.Errorf("rosey %s on rosey doctor:\n%s", command[0], said)
		}
	}
}

// found are the files that a pattern finds, of which there is one.
func found(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return list
}
