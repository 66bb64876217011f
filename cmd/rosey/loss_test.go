package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/streams"
)

// talked is a stopped installation with sixty lines in its tables.
func talked(t *testing.T) installation.Dir {
	t.Helper()
	dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
	s := serve(t, dir)
	var list []*events.Event
	for n := range 60 {
		list = append(list, said(time.Duration(n)*time.Second, "ann", fmt.Sprint("line ", n)))
	}
	appendAll(t, s.Stream, list...)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	succeeds(t, "replay", "--data", string(dir))
	return dir
}

// eraseRun makes the server list messages as erased, as it does with what it has lost.
func eraseRun(t *testing.T, dir installation.Dir, first, last uint64) {
	t.Helper()
	s := serve(t, dir)
	stream, err := s.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	for seq := first; err == nil && seq <= last; seq++ {
		err = stream.DeleteMsg(t.Context(), seq)
	}
	if err := errors.Join(err, s.Stop()); err != nil {
		t.Fatal(err)
	}
}

// What an export leaves out because the store has lost it is said, and what people erase
// is not.
func TestExport_SaysWhatTheStreamHasLost(t *testing.T) {
	t.Parallel()
	dir := talked(t)
	data, before := string(dir), filepath.Join(t.TempDir(), "before")
	succeeds(t, "export", "events", "--archive", before, "--data", data)
	eraseRun(t, dir, 10, 10+streams.ManyAdjacent-1)
	fresh := filepath.Join(t.TempDir(), "fresh")
	if out := succeeds(t, "export", "events", "--archive", fresh, "--data", data); strings.Contains(out, "lost") {
		t.Errorf("so many may be erased on purpose: %s", out)
	}
	if r := rosey(t, "export", "events", "--data", data); r.code != 0 || r.err != "" {
		t.Errorf("of lines: exit %d, %s", r.code, r.err)
	}
	eraseRun(t, dir, 10+streams.ManyAdjacent, 10+streams.ManyAdjacent)

	const said = "the server lists many messages as erased that the tables have: 17, of which one after the other seq=10 to seq=26."
	fresh = filepath.Join(t.TempDir(), "fresh")
	r := rosey(t, "export", "events", "--archive", fresh, "--data", data)
	if r.code != 1 || !strings.Contains(r.out, "\nlost       17 messages, from seq=10 to seq=26") || !strings.Contains(r.err, "export: archived, but do not take it for all there was: "+said) ||
		!strings.Contains(r.err, "\ntry:   ") || !strings.Contains(r.err, "rosey doctor") {
		t.Errorf("a new archive: exit %d\n%s%s", r.code, r.out, r.err)
	}
	r = rosey(t, "export", "events", "--archive", fresh, "--data", data, "--json")
	var res archived
	if err := json.Unmarshal([]byte(r.out), &res); err != nil || r.code != 1 || res.Messages != 43 || res.Lost == nil || res.Lost.Messages != 17 {
		t.Errorf("the same archive, --json: exit %d, %v\n%s", r.code, err, r.out)
	}
	// One that has them holds them, and somebody may say that they were erased on purpose.
	succeeds(t, "export", "events", "--archive", before, "--data", data, "--keep-erased")
	succeeds(t, "export", "events", "--archive", before, "--data", data, "--forget-erased")

	if r := rosey(t, "export", "events", "--data", data); r.code != 0 || !strings.Contains(r.err, "rosey: not all there was: "+said) || strings.Count(r.out, "\n") != 43 {
		t.Errorf("of lines: exit %d, %s", r.code, r.err)
	}
	if r := rosey(t, "export", "events", "--from", "30", "--data", data); r.code != 0 || r.err != "" {
		t.Errorf("of lines behind it: exit %d, %s", r.code, r.err)
	}
	succeeds(t, "replay", "--accept-erased", "--data", data)
	if out := succeeds(t, "export", "events", "--archive", fresh, "--data", data); strings.Contains(out, "lost") {
		t.Errorf("of tables that were made without them: %s", out)
	}
}

// A store that lost its first files and a trimmed one look the same: an archive that
// begins there, a start and the check of a backup say so, unless an archive or a decision
// accounts for it.
func TestExport_SaysWhatTheArchiveLacksAtItsBeginning(t *testing.T) {
	t.Parallel()
	dir := talked(t)
	data, before, fresh := string(dir), filepath.Join(t.TempDir(), "before"), filepath.Join(t.TempDir(), "fresh")
	succeeds(t, "export", "events", "--archive", before, "--data", data)
	eraseRun(t, dir, 1, 30)
	const said = "the stream begins with seq=31, and the tables have 30 messages of before that neither the stream holds nor an operator gave up"
	if r := rosey(t, "export", "events", "--archive", before, "--data", data); r.code != 0 || r.err != "" {
		t.Errorf("the archive that has them: exit %d, %s", r.code, r.err)
	}
	r := rosey(t, "export", "events", "--archive", fresh, "--data", data)
	if r.code != 0 || !strings.Contains(r.err, said+"; the archive "+fresh+" does not hold them") || !strings.Contains(r.err, "\ntry:   ") || !strings.Contains(r.err, "rosey doctor --archive DIR") {
		t.Errorf("a new one: exit %d, %s", r.code, r.err)
	}
	r = rosey(t, "export", "events", "--archive", fresh, "--data", data, "--json")
	var res archived
	if err := json.Unmarshal([]byte(r.out), &res); err != nil || !strings.HasPrefix(res.Before, said) {
		t.Errorf("--json: %v\n%s", err, r.out)
	}
	started := func(archive string) string {
		t.Helper()
		var text bytes.Buffer
		s := serve(t, dir)
		logLost(t.Context(), s.Stream, dir.Database(), archive, slog.New(slog.NewTextHandler(&text, nil)))
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	if text := started(""); !strings.Contains(text, "level=WARN") || !strings.Contains(text, said+", and no archive of them is noted") {
		t.Errorf("a start says %s", text)
	}
	if text := started(before); text != "" {
		t.Errorf("a start with the archive says %s", text)
	}
	copied := filepath.Join(t.TempDir(), "backup")
	succeeds(t, "backup", copied, "--data", data)
	if out := succeeds(t, "restore", copied, "--check", "--data", t.TempDir()); !strings.Contains(out, "\nnote: "+said) || !strings.Contains(out, "Remove no older backup") {
		t.Errorf("the check of a backup: %s", out)
	}
	succeeds(t, "replay", "--from-archive", before, "--data", data)
	if r := rosey(t, "export", "events", "--archive", fresh, "--data", data); r.code != 0 || r.err != "" {
		t.Errorf("of tables that were made with an archive: exit %d, %s", r.code, r.err)
	}
	if text := started(""); text != "" {
		t.Errorf("a start with tables that were made with an archive says %s", text)
	}
}
