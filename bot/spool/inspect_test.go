package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rosey/events"
)

// folder is the names and contents of what lies beside a spool, SQLite's shared
// memory aside: that is where readers announce themselves.
func folder(t *testing.T, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		name := filepath.Join(filepath.Dir(path), entry.Name())
		if filepath.Ext(name) == ".db-shm" {
			files[name] = ""
			continue
		}
		files[name] = string(readFile(t, name))
	}
	return files
}

func checkUnchanged(t *testing.T, path string, before map[string]string) {
	t.Helper()
	after := folder(t, path)
	for name, data := range after {
		if was, ok := before[name]; !ok || was != data {
			t.Errorf("looking has created or changed %s", filepath.Base(name))
		}
	}
	if len(after) != len(before) {
		t.Errorf("there were %d files, there are %d", len(before), len(after))
	}
}

func checkInspection(t *testing.T, path, producer string, queued int64) {
	t.Helper()
	in, err := Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Producers) != 1 || in.Producers[0].Producer != producer || in.Producers[0].LastSeq != 5 || in.Producers[0].StartedMS == 0 {
		t.Errorf("producers %+v, want %s with 5 events", in.Producers, producer)
	}
	if in.Depth.Events != queued || in.Depth.Bytes == 0 || in.Depth.OldestMS == 0 {
		t.Errorf("depth %+v, want %d events", in.Depth, queued)
	}
	if in.StreamID != "memory" || in.LastStreamSeq != 3 {
		t.Errorf("last acknowledgement is %d of %q, want 3 of memory", in.LastStreamSeq, in.StreamID)
	}
	if len(in.SetAside) != 1 || in.SetAside[0].EventID != events.MakeID(producer, 2) {
		t.Errorf("set aside: %+v", in.SetAside)
	}
	if want := []string{path + damagedInfix + "20260101T000000.000"}; !slices.Equal(in.Damaged, want) {
		t.Errorf("damaged files %v, want %v", in.Damaged, want)
	}
}

func TestInspect_WhileTheBotRunsAndAfterwards(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	put(t, s, said("one"), said("two"), said("three"))
	stream := newMemory()
	stream.refuses[events.MakeID(producer, 2)] = true
	drainAll(t, s, stream)
	put(t, s, said("four"), said("five"))
	for _, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(cfg.Path+damagedInfix+"20260101T000000.000"+suffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	before := folder(t, cfg.Path)
	checkInspection(t, cfg.Path, producer, 2)
	checkUnchanged(t, cfg.Path, before)
	put(t, s, said("the bot goes on"))
	closeSpool(t, s)
	execFile(t, cfg.Path, "DELETE FROM events WHERE seq = 6; UPDATE producers SET last_seq = 5")
	if err := os.Remove(cfg.Path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}

	before = folder(t, cfg.Path)
	checkInspection(t, cfg.Path, producer, 2)
	checkUnchanged(t, cfg.Path, before)
}

func TestInspect_AfterACrash(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	defer closeSpool(t, s)
	begin(t, s)
	put(t, s, said("one"), said("two"))
	crashed := copySpool(t, cfg.Path)
	before := folder(t, crashed)
	in, err := Inspect(t.Context(), crashed)
	if err != nil || in.Depth.Events != 2 {
		t.Errorf("inspection %+v, %v, want the 2 events of the log", in, err)
	}
	checkUnchanged(t, crashed, before)
}

func TestInspect_Refuses(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	closeSpool(t, openSpool(t, cfg))
	if _, err := Inspect(t.Context(), cfg.Path+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
	other := filepath.Join(filepath.Dir(cfg.Path), "other.db")
	execFile(t, other, "CREATE TABLE notes (text)")
	if _, err := Inspect(t.Context(), other); !errors.Is(err, ErrNotASpool) {
		t.Errorf("another database: %v, want ErrNotASpool", err)
	}
	execFile(t, cfg.Path, "PRAGMA user_version = 99")
	if _, err := Inspect(t.Context(), cfg.Path); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("newer schema: %v, want ErrNewerSchema", err)
	}
}
