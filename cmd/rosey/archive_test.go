package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/internal/doctor"
	"rosey/internal/installation"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/archive"
)

// recorded is a stopped installation with an evening in it, tables included.
func recorded(t *testing.T) installation.Dir {
	t.Helper()
	dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
	s := serve(t, dir)
	appendAll(t, s.Stream, evening()...)
	store(t, s.Stream, "rosey.db.message.log", []byte(`{"username":"zoe","msg":"from an old publisher"}`))
	store(t, s.Stream, "rosey.db.message.log", []byte(`no json`))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	succeeds(t, "replay", "--data", string(dir))
	return dir
}

func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	r := rosey(t, args...)
	if r.code != 0 {
		t.Fatalf("rosey %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// examined is what the doctor says of each check.
func examined(t *testing.T, data string) map[string]doctor.State {
	t.Helper()
	var report doctor.Report
	if err := json.Unmarshal([]byte(rosey(t, "doctor", "--json", "--data", data).out), &report); err != nil {
		t.Fatal(err)
	}
	states := map[string]doctor.State{}
	for _, c := range report.Checks {
		states[c.Name] = c.State
	}
	return states
}

// TestArchive_ThereAndBack takes the operator's way: archive, another machine,
// restore, tables.
func TestArchive_ThereAndBack(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder := filepath.Join(t.TempDir(), "archive")
	if out := succeeds(t, "export", "events", "--archive", folder, "--to", "9", "--data", string(dir)); !strings.Contains(out, "9, seq=1 to seq=9; 9 of them new") {
		t.Errorf("export: %s", out)
	}
	if out := succeeds(t, "export", "events", "--archive", folder, "--verify", "--data", string(dir)); !strings.Contains(out, "17, seq=1 to seq=17; 8 of them new") || !strings.Contains(out, "verified") {
		t.Errorf("export again: %s", out)
	}
	var written archive.Written
	if err := json.Unmarshal([]byte(succeeds(t, "export", "events", "--archive", folder, "--json", "--data", string(dir))), &written); err != nil || written.Messages != 17 || written.Added != 0 {
		t.Errorf("export --json: %+v, %v", written, err)
	}

	copied := filepath.Join(t.TempDir(), "elsewhere")
	if out := succeeds(t, "import", "events", folder, "--data", copied); !strings.Contains(out, "imported   17 messages, seq=1 to seq=17") {
		t.Errorf("import: %s", out)
	}
	succeeds(t, "replay", "--on-error", "dead-letter", "--data", copied)
	if got, want := schematest.Read(t, installation.Dir(copied).Database().Link, schema.Dump), schematest.Read(t, dir.Database().Link, schema.Dump); got != want {
		t.Errorf("tables of the restored stream:\n%s\nwant:\n%s", got, want)
	}
	if got, want := examined(t, copied), examined(t, string(dir)); !maps.Equal(got, want) || got[doctor.StreamUsable] != doctor.OK {
		t.Errorf("the doctor says %v\nof the original %v", got, want)
	}
	if r := rosey(t, "import", "events", folder, "--data", copied); r.code != exitFailed || !strings.Contains(r.err, streams.ErrNotEmpty.Error()) || !strings.Contains(r.err, "try: ") {
		t.Errorf("imported twice: exit %d, %s", r.code, r.err)
	}
	// The folder is alive: it takes new events, and has them after a start.
	s := serve(t, installation.Dir(copied))
	defer func() { _ = s.Stop() }()
	if seq := store(t, s.Stream, "rosey.db.message.log", []byte(`{"username":"zoe","message":"later"}`)); seq != 18 {
		t.Errorf("the next event is seq=%d", seq)
	}
}

func TestReplay_FromAnArchive(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder := filepath.Join(t.TempDir(), "archive")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	s := serve(t, dir)
	js, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.Purge(t.Context(), jetstream.WithPurgeSequence(12))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	before := schematest.Read(t, dir.Database().Link, schema.Dump)
	if r := rosey(t, "replay", "--data", string(dir)); r.code != exitFailed {
		t.Errorf("without the archive: exit %d, %s", r.code, r.out)
	}
	succeeds(t, "replay", "--from-archive", folder, "--data", string(dir))
	if got := schematest.Read(t, dir.Database().Link, schema.Dump); got != before {
		t.Errorf("tables:\n%s\nwant:\n%s", got, before)
	}
	succeeds(t, "replay", "--verify", "--from-archive", folder, "--data", string(dir))
	r := rosey(t, "replay", "--from-archive", t.TempDir(), "--data", string(dir))
	if r.code != exitFailed || !strings.Contains(r.err, archive.ErrNoArchive.Error()) || !strings.Contains(r.err, "try: ") {
		t.Errorf("no archive: exit %d, %s", r.code, r.err)
	}
}

func TestArchive_WhatMakesNoSense(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"export", "events", "--archive", "a", "--from", "3"},
		{"export", "events", "--archive", "a", "--kind", "poll"},
		{"export", "events", "--archive", "a", "--out", "b"},
		{"export", "events", "--archive", "a", "--format", "csv"},
		{"export", "user_stats", "--archive", "a"},
		{"export", "events", "--verify"},
		{"replay", "--undo", "--from-archive", "a"},
		{"import", "tables", "a"},
		{"import", "events", full},
	} {
		r := rosey(t, append(args, "--data", data)...)
		if r.code == 0 || !strings.Contains(r.err, "try: ") && !strings.Contains(r.err, "help") {
			t.Errorf("%s: exit %d, %s", strings.Join(args, " "), r.code, r.err)
		}
	}
	dir := recorded(t)
	if r := rosey(t, "export", "events", "--archive", full, "--data", string(dir)); r.code != exitFailed || !strings.Contains(r.err, "letter.txt") {
		t.Errorf("a folder with other files: exit %d, %s", r.code, r.err)
	}
}

func TestImport_ADamagedArchiveMakesNothing(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder := filepath.Join(t.TempDir(), "archive")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	a, err := archive.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, a.Manifest().Segments[0].Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "to")
	if r := rosey(t, "import", "events", folder, "--data", to); r.code != 1 || !strings.Contains(r.err, "damaged") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("a folder was made for it: %v", err)
	}
}

// TestArchive_Forgets takes the way of an operator who was asked to forget what
// somebody said.
func TestArchive_Forgets(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder := filepath.Join(t.TempDir(), "archive")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	s := serve(t, dir)
	js, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = errors.Join(js.DeleteMsg(t.Context(), 5), js.DeleteMsg(t.Context(), 16))
	}
	if err := errors.Join(err, s.Stop()); err != nil {
		t.Fatal(err)
	}
	if out := succeeds(t, "export", "events", "--archive", folder, "--keep-erased", "--data", string(dir)); !strings.Contains(out, "kept       2 messages") {
		t.Errorf("export --keep-erased: %s", out)
	}
	if out := succeeds(t, "export", "events", "--archive", folder, "--verify", "--data", string(dir)); !strings.Contains(out, "forgotten  2 messages: seq=5, seq=16\n") ||
		!strings.Contains(out, "15, seq=1 to seq=17 without 2 that were erased; 0 of them new") {
		t.Errorf("export: %s", out)
	}
	// Without an installation, what the stream may no longer hold.
	var res archive.Written
	if err := json.Unmarshal([]byte(succeeds(t, "export", "events", "--archive", folder, "--forget", "6", "--verify", "--json")), &res); err != nil || res.Forgotten != 1 || res.Messages != 14 {
		t.Errorf("export --forget: %+v, %v", res, err)
	}
	for _, args := range [][]string{
		{"--archive", folder, "--forget", "18"}, {"--forget", "3"}, {"--archive", folder, "--keep-erased", "--forget-erased"},
		{"--archive", folder, "--forget", "3", "--to", "5"}, {"--archive", t.TempDir(), "--forget", "3"},
	} {
		if r := rosey(t, append([]string{"export", "events", "--data", string(dir)}, args...)...); r.code == 0 || !strings.Contains(r.err, "try: ") {
			t.Errorf("export %q: exit %d, %s", args, r.code, r.err)
		}
	}
	copied := filepath.Join(t.TempDir(), "elsewhere")
	succeeds(t, "import", "events", folder, "--data", copied)
	succeeds(t, "replay", "--on-error", "dead-letter", "--data", copied)
}

// A dead letter that neither stream nor tables hold is shown as the archive has it.
func TestDeadLetters_FromAnArchive(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder := filepath.Join(t.TempDir(), "archive")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	want := succeeds(t, "dead-letters", "show", "17", "--json", "--data", string(dir))
	for _, data := range []string{string(dir), filepath.Join(t.TempDir(), "nothing")} {
		if got := succeeds(t, "dead-letters", "show", "17", "--json", "--from-archive", folder, "--data", data); got != want {
			t.Errorf("from the archive, with %s: %s\nwant %s", data, got, want)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "nothing")
	another := recorded(t)
	for _, tt := range []struct{ seq, data, text string }{
		{"16", nowhere, "is no dead letter"},
		{"18", nowhere, archive.ErrOutside.Error()},
		{"17", string(another), archive.ErrOtherStream.Error()},
	} {
		if r := rosey(t, "dead-letters", "show", tt.seq, "--from-archive", folder, "--data", tt.data); r.code == 0 || !strings.Contains(r.err, tt.text) || !strings.Contains(r.err, "try: ") {
			t.Errorf("seq=%s with %s: exit %d, %s", tt.seq, tt.data, r.code, r.err)
		}
	}
	succeeds(t, "export", "events", "--archive", folder, "--forget", "17")
	if r := rosey(t, "dead-letters", "show", "17", "--from-archive", folder, "--data", nowhere); r.code == 0 || !strings.Contains(r.err, "erased") {
		t.Errorf("one that was forgotten: exit %d, %s", r.code, r.err)
	}
	if got := succeeds(t, "dead-letters", "show", "17", "--json", "--from-archive", folder, "--data", string(dir)); got != want {
		t.Errorf("one that the tables alone hold: %s", got)
	}
	// A retry reads it there too, and says the same of it.
	s := serve(t, dir)
	js, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.Purge(t.Context(), jetstream.WithPurgeSequence(18))
	}
	if err := errors.Join(err, s.Stop()); err != nil {
		t.Fatal(err)
	}
	if r := rosey(t, "dead-letters", "retry", "17", "--from-archive", folder, "--data", string(dir)); r.code == 0 || !strings.Contains(r.err, "seq=17") {
		t.Errorf("retry: exit %d, %s", r.code, r.err)
	}
	// Without an archive there is nothing to try, and that is no failure of the event.
	r := rosey(t, "dead-letters", "retry", "17", "--data", string(dir))
	if r.code == 0 || strings.Contains(r.out+r.err, "cannot apply") || strings.Contains(r.err, "until a version") ||
		!strings.Contains(r.out, "not tried    seq=17: the stream no longer holds it") ||
		!strings.Contains(r.err, "try:   rosey dead-letters retry 17 --data "+shell(string(dir))+" --from-archive DIR ") {
		t.Errorf("retry without the archive: exit %d, %s%s", r.code, r.out, r.err)
	}
}

// TestDoctor_OfAnUnfinishedStreamAdvisesAsSetupDoes looks at what an interrupted restore or
// import leaves on a server.
func TestDoctor_OfAnUnfinishedStreamAdvisesAsSetupDoes(t *testing.T) {
	t.Parallel()
	for mark, next := range map[string]string{"rosey_restoring": "rosey restore DIR ", "rosey_importing": "rosey import events DIR "} {
		dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
		s := serve(t, dir)
		js, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
		if err != nil {
			t.Fatal(err)
		}
		cfg := js.CachedInfo().Config
		cfg.Metadata[mark] = "x"
		_, err = s.Conn.JetStream().UpdateStream(t.Context(), cfg)
		if err := errors.Join(err, s.Stop()); err != nil {
			t.Fatal(err)
		}
		_, setup, _ := strings.Cut(rosey(t, "stream", "setup", "--data", string(dir)).err, "try:   ")
		setup = strings.TrimSpace(setup)
		if r := rosey(t, "doctor", "--data", string(dir)); !strings.HasPrefix(setup, next) || !strings.Contains(r.out, "try: "+setup) {
			t.Errorf("%s: setup says %q, the doctor %s", mark, setup, r.out)
		}
	}
}

func TestDeadLetters_OneIsOne(t *testing.T) {
	t.Parallel()
	if out := succeeds(t, "dead-letters", "list", "--data", string(recorded(t))); !strings.Contains(out, "1 dead letter, seq=17, its message stored ") {
		t.Errorf("it says\n%s", out)
	}
}
