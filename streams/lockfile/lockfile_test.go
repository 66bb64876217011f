package lockfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"rosey/streams/lockfile"
)

// The clock in here moves only while everybody waits: no machine is too slow.
func TestTake_NamesTheHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	synctest.Test(t, func(t *testing.T) {
		lock, err := lockfile.Take(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file has mode %v, %v", info.Mode(), err)
		}
		for _, tt := range []struct {
			text string // in the file, "" for what Take wrote
			want int
		}{
			{"", os.Getpid()},
			{"12", 12},
			{"-5\n", 0},
			{"somebody", 0},
		} {
			if tt.text != "" {
				if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := lockfile.Take(t.Context(), path)
			var held *lockfile.HeldError
			if !errors.As(err, &held) || held.PID != tt.want {
				t.Errorf("with %q in the file: %v, want process %d", tt.text, err, tt.want)
			}
			if pid, is, err := lockfile.Holder(path); pid != tt.want || !is || err != nil {
				t.Errorf("holder with %q in the file: %d, %t, %v", tt.text, pid, is, err)
			}
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		if pid, is, err := lockfile.Holder(path); pid != 0 || is || err != nil {
			t.Errorf("holder of what was given back: %d, %t, %v", pid, is, err)
		}
	})
}

func TestTake_WaitsForAHolderThatEnds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	synctest.Test(t, func(t *testing.T) {
		first, err := lockfile.Take(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		time.AfterFunc(lockfile.Patience-100*time.Millisecond, func() { ended <- first.Unlock() })
		second, err := lockfile.Take(t.Context(), path)
		if err := <-ended; err != nil {
			t.Errorf("unlock: %v", err)
		}
		if err != nil {
			t.Fatalf("beside a holder that ends: %v", err)
		}
		if err := second.Unlock(); err != nil {
			t.Error(err)
		}
	})
}

func TestTake_WhatIsNoMatterOfHolders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	lock, err := lockfile.Take(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var held *lockfile.HeldError
	if _, err := lockfile.Take(ctx, path); !errors.Is(err, context.Canceled) || errors.As(err, &held) {
		t.Errorf("a wait that is cut short: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none", "x.lock")
	if _, err := lockfile.Take(t.Context(), none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	if pid, is, err := lockfile.Holder(none); pid != 0 || is || err != nil {
		t.Errorf("holder of no file: %d, %t, %v", pid, is, err)
	}
}
