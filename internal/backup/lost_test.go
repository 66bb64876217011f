package backup_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/projector"
	"rosey/replay"
	"rosey/streams"
	"rosey/streams/archive"
)

// erase removes messages from the stream, as a person does and as a server shows what
// it has lost.
func (h *house) erase(first, last uint64) {
	h.t.Helper()
	stream, err := h.server.Conn.JetStream().Stream(h.t.Context(), streams.StreamName)
	must(h.t, err)
	for seq := first; seq <= last; seq++ {
		must(h.t, stream.DeleteMsg(h.t.Context(), seq))
	}
}

// A few that were erased are no matter; a run of them is said in the manifest and by a
// restore, and no longer once somebody has said that it was meant.
func TestTake_OfAStreamThatLostMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n := range 60 {
		h.say(fmt.Sprint("line ", n))
	}
	h.drain()
	h.project()
	h.erase(10, 10+streams.ManyAdjacent-1)
	h.erase(40, 41)
	set := h.take()
	if set.Lost != nil || len(set.Notes) > 0 {
		t.Fatalf("so many may be erased on purpose: lost %+v, notes %q", set.Lost, set.Notes)
	}
	var found []string
	must(t, filepath.WalkDir(set.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != backup.ManifestName {
			found = append(found, d.Name())
		}
		return err
	}))
	if len(found) != len(set.Files) {
		t.Errorf("the folder has %q, the manifest names %d files", found, len(set.Files))
	}
	must(t, set.Verify(t.Context(), nil))

	h.erase(10+streams.ManyAdjacent, 10+streams.ManyAdjacent)
	set = h.take()
	if l := set.Lost; l == nil || l.Messages != 19 || l.FirstSeq != 10 || l.LastSeq != 41 || !strings.Contains(l.Detail, "seq=10 to seq=26") || !strings.Contains(l.Next, "rosey doctor") {
		t.Fatalf("one more: lost %+v", l)
	}
	must(t, set.Verify(t.Context(), nil))
	dir, res := restore(t, set)
	if res.Lost == nil || *res.Lost != *set.Lost {
		t.Errorf("the restore says that %+v is lost", res.Lost)
	}
	if got := (&house{t: t, dir: dir}).lines(); len(got) != 60 {
		t.Errorf("the restored tables have %d lines, and they alone had all", len(got))
	}

	must(t, os.Remove(h.dir.Database().Link))
	set = h.take()
	if set.Lost != nil || !slices.ContainsFunc(set.Notes, func(n string) bool { return strings.Contains(n, "seq=10 to seq=26; without tables nobody can tell") }) {
		t.Errorf("without a database: lost %+v, notes %q", set.Lost, set.Notes)
	}
	_, err := replay.Swap(t.Context(), h.dir.Database(), replay.Config{Stream: h.server.Stream})
	must(t, err)
	if set = h.take(); set.Lost != nil || len(set.Notes) > 0 {
		t.Errorf("of tables that were made without them: lost %+v, notes %q", set.Lost, set.Notes)
	}
}

// What the stream lacks at its beginning was trimmed where somebody decided it, or the
// archive is there that the tables were made with. Otherwise the backup says it, and that
// no older one is to be removed.
func TestTake_OfATrimmedStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n := range 60 {
		h.say(fmt.Sprint("line ", n))
	}
	h.drain()
	h.project()
	folder := filepath.Join(t.TempDir(), "archive")
	_, err := archive.Write(t.Context(), folder, h.server.Stream, archive.WriteOptions{})
	must(t, err)
	h.erase(1, 30)
	set := h.take()
	if set.Lost != nil || len(set.Notes) != 1 || !strings.Contains(set.Notes[0], "begins with seq=31, and the tables have 30 messages of before") ||
		!strings.Contains(set.Notes[0], "Remove no older backup") || !strings.Contains(set.Notes[0], "rosey doctor --archive DIR") {
		t.Errorf("lost %+v, notes %q", set.Lost, set.Notes)
	}
	a, err := archive.Open(folder)
	must(t, err)
	_, err = replay.Swap(t.Context(), h.dir.Database(), replay.Config{Stream: h.server.Stream, Archive: a})
	must(t, err)
	if set = h.take(); set.Lost != nil || len(set.Notes) > 0 {
		t.Errorf("with its archive: lost %+v, notes %q", set.Lost, set.Notes)
	}
	must(t, os.Rename(folder, folder+".away"))
	if set = h.take(); set.Lost != nil || len(set.Notes) != 1 || !strings.Contains(set.Notes[0], "does not stand in for them") {
		t.Errorf("its archive is away: lost %+v, notes %q", set.Lost, set.Notes)
	}
	_, err = projector.AcceptGap(t.Context(), h.server.Stream, 0)
	must(t, err)
	if set = h.take(); set.Lost != nil || len(set.Notes) > 0 {
		t.Errorf("given up: lost %+v, notes %q", set.Lost, set.Notes)
	}
}

// A stream that ends before its tables do is not copied: no restore would accept it.
func TestTake_OfAStreamThatLostItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one", "two")
	h.drain()
	older := h.take()
	h.say("three")
	h.drain()
	h.project()
	other, _ := restore(t, older)
	again := enter(t, other)
	dir := filepath.Join(t.TempDir(), "backup")
	_, err := backup.Take(t.Context(), backup.Config{Dir: dir, Stream: again.server.Stream, Data: installation.Dir(h.dir), Program: "test"})
	if !errors.Is(err, backup.ErrLostEnd) {
		t.Errorf("error %v, want ErrLostEnd", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup is left that nobody can restore: %v", err)
	}
}

// Programs that know nothing of it restore such a backup too.
func TestManifest_LostIsLeftOutWhereNothingIs(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(backup.Manifest{})
	if err != nil || strings.Contains(string(text), "lost") {
		t.Errorf("%s, %v", text, err)
	}
}
