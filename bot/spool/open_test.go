package spool

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rosey/streams/lockfile"
)

func TestOpen_FilesArePrivate(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	defer closeSpool(t, s)
	begin(t, s)
	put(t, s, said("one"))
	for name, want := range map[string]os.FileMode{
		filepath.Dir(cfg.Path): 0o700, cfg.Path: 0o600, cfg.Path + "-wal": 0o600, cfg.Path + ".lock": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatalf("stat: %v", err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(name), got, want)
		}
	}
}

func TestOpen_SyncsEveryCommit(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	for name, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
		var got string
		if err := s.db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestOpen_PathWithOddCharacters(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Path = filepath.Join(filepath.Dir(cfg.Path), "a b?c#d%41.db")
	s := openSpool(t, cfg)
	begin(t, s)
	closeSpool(t, s)
	if _, err := os.Stat(cfg.Path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

func TestOpen_InUseNamesTheHolder(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	_, err := Open(t.Context(), cfg)
	var inUse *InUseError
	if !errors.Is(err, ErrInUse) || !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second open: %v, want ErrInUse naming process %d", err, os.Getpid())
	}
	closeSpool(t, s)
	closeSpool(t, openSpool(t, cfg))
}

// A process that was just killed has its lock until it has ended. The clock in here
// moves only while everybody waits: no machine is too slow.
func TestOpen_WaitsForAHolderThatEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool.db")
	synctest.Test(t, func(t *testing.T) {
		first, err := lockSpool(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		time.AfterFunc(lockfile.Patience-100*time.Millisecond, func() { ended <- first.Unlock() })
		second, err := lockSpool(t.Context(), path)
		if err := <-ended; err != nil {
			t.Errorf("unlock: %v", err)
		}
		if err != nil {
			t.Fatalf("open beside a holder that ends: %v", err)
		}
		if _, err := lockSpool(t.Context(), path); !errors.Is(err, ErrInUse) {
			t.Errorf("beside one that does not: %v, want ErrInUse", err)
		}
		if err := second.Unlock(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_AWaitThatIsCutShort(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	defer closeSpool(t, openSpool(t, cfg))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open: %v, want the context's error", err)
	}
}

func TestOpen_RefusesWhatIsNoSpool(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(t *testing.T, path string){
		"text": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("a diary\n", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another program's database": func(t *testing.T, path string) {
			execFile(t, path, "PRAGMA application_id = 4711; CREATE TABLE notes (text)")
		},
		"a database of nobody": func(t *testing.T, path string) {
			execFile(t, path, "CREATE TABLE notes (text)")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t.TempDir())
			if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
				t.Fatal(err)
			}
			create(t, cfg.Path)
			before := readFile(t, cfg.Path)
			if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrNotASpool) {
				t.Errorf("open: %v, want ErrNotASpool", err)
			}
			if !bytes.Equal(readFile(t, cfg.Path), before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpen_RefusesNewerSchema(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	closeSpool(t, openSpool(t, cfg))
	execFile(t, cfg.Path, "PRAGMA user_version = 99")
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("open: %v, want ErrNewerSchema", err)
	}
}

func TestOpen_EmptyFileOfACrashedCreation(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	if err := createFile(cfg.Path); err != nil {
		t.Fatal(err)
	}
	s := openSpool(t, cfg)
	defer closeSpool(t, s)
	if _, previous, err := s.Begin(t.Context()); err != nil || previous != (Previous{Known: true}) {
		t.Errorf("begin: %+v, %v, want a first run", previous, err)
	}
}

func TestOpen_DamagedFileIsSetAside(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	begin(t, s)
	for i := range 200 {
		put(t, s, said(fmt.Sprint(i, strings.Repeat("x", 500))))
	}
	closeSpool(t, s)
	damaged := readFile(t, cfg.Path)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] ^= 0x5a
	}
	if err := os.WriteFile(cfg.Path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}

	s = openSpool(t, cfg)
	aside, err := filepath.Glob(cfg.Path + ".damaged-*")
	if err != nil || len(aside) == 0 {
		t.Fatalf("no damaged file beside the new one: %v", err)
	}
	if !bytes.Equal(readFile(t, aside[0]), damaged) {
		t.Error("the damaged file was changed")
	}
	// A run that puts nothing vouches for nothing.
	for range 2 {
		if _, previous, err := s.Begin(t.Context()); err != nil || previous != (Previous{}) {
			t.Errorf("begin after damage: %+v, %v, want an unknown previous run", previous, err)
		}
	}
	put(t, s, said("one"))
	if _, previous, err := s.Begin(t.Context()); err != nil || !previous.Known || previous.LastSeq != 1 {
		t.Errorf("begin after the first run of the new file: %+v, %v", previous, err)
	}
	closeSpool(t, s)
}

func TestBegin_PreviousIsTheLastRunThatPutAnything(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.Random = bytes.NewReader([]byte(strings.Repeat("a", producerBytes) + strings.Repeat("b", producerBytes) + strings.Repeat("c", producerBytes)))
	s := openSpool(t, cfg)
	run, previous, err := s.Begin(t.Context())
	if err != nil || previous != (Previous{Known: true}) {
		t.Fatalf("first begin: %+v, %v", previous, err)
	}
	if run.Producer != "mfqwcylbmfqwcylb" {
		t.Errorf("producer %q", run.Producer)
	}
	put(t, s, said("one"), said("two"))
	drainAll(t, s, newMemory()) // what was sent counts too
	closeSpool(t, s)

	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	want := Previous{Producer: run.Producer, LastSeq: 2, Known: true}
	for range 2 {
		if _, previous, err = s.Begin(t.Context()); err != nil || previous != want {
			t.Errorf("begin: %+v, %v, want %+v", previous, err, want)
		}
	}
	if ids := put(t, s, said("three")); !strings.HasSuffix(ids[0], "-1") {
		t.Errorf("a new run starts with %s", ids[0])
	}
}

func TestIsEarlier_RunsOnThisSpoolAndNotTheRunningOne(t *testing.T) {
	t.Parallel()
	s := openSpool(t, testConfig(t.TempDir()))
	defer closeSpool(t, s)
	want := map[string]bool{"another": false, "": false}
	for i := range 3 {
		run, _, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want[run.Producer] = i < 2
	}
	for producer, earlier := range want {
		if got, err := s.IsEarlier(t.Context(), producer); got != earlier || err != nil {
			t.Errorf("IsEarlier(%q) = %t, %v, want %t", producer, got, err, earlier)
		}
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no path":       {},
		"small limit":   {Path: "x", MaxBytes: 10},
		"small events":  {Path: "x", MaxEventBytes: 10},
		"negative size": {Path: "x", MaxBytes: -1},
	} {
		if _, err := Open(t.Context(), cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func execFile(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func FuzzOpen_DamagedFile(f *testing.F) {
	cfg := testConfig(f.TempDir())
	s := openSpool(f, cfg)
	begin(f, s)
	put(f, s, said("one"), said("two"))
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(cfg.Path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	f.Add(uint32(100), []byte{1, 2, 3})
	f.Add(uint32(4096), bytes.Repeat([]byte{0xff}, 4096))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		cfg := testConfig(t.TempDir())
		if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
			t.Fatal(err)
		}
		data := bytes.Clone(whole)
		copy(data[int(at)%len(data):], patch)
		if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), cfg)
		if err != nil {
			// Refused: then the file must be as it was, under its own name.
			if !bytes.Equal(readFile(t, cfg.Path), data) {
				t.Errorf("refused with %v, and the file was changed", err)
			}
			return
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// Between a new file's first page and its tables a crash leaves a database in
// which nothing is: no other program's, and no reason to stop for ever.
func TestOpen_FileWithItsFirstPageAlone(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	execFile(t, cfg.Path, "PRAGMA auto_vacuum = INCREMENTAL")
	if info, err := os.Stat(cfg.Path); err != nil || info.Size() == 0 {
		t.Fatalf("the file is not in the state that is meant: %v, %v", info.Size(), err)
	}
	closeSpool(t, openSpool(t, cfg))
	closeSpool(t, openSpool(t, cfg))
}

func TestOpen_SchemaThatCannotBeIsDamage(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	begin(t, s)
	ids := put(t, s, said("kept"))
	closeSpool(t, s)
	execFile(t, cfg.Path, "PRAGMA user_version = -7")
	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	if n := s.Depth().Events; n != int64(len(ids)) {
		t.Errorf("%d events were taken over", n)
	}
}
