package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams/streamstest"
)

// Two at a time would remove each other's parts, and move them: the first is about to
// move its own when the second comes.
func TestRestore_OneAtATimeInAFolder(t *testing.T) {
	t.Parallel()
	set := full(t)
	for name, to := range map[string]backup.Target{
		"embedded":      {},
		"other servers": {MaxBytes: 1 << 30},
	} {
		to.Data = installation.Dir(filepath.Join(t.TempDir(), "data"))
		two := to
		if to.MaxBytes > 0 {
			to.Conn = streamstest.New(t, streamstest.WithoutStream()).Conn
			two.Conn = streamstest.New(t, streamstest.WithoutStream()).Conn
		}
		goOn, inStream := make(chan struct{}), make(chan struct{})
		second := make(chan error, 1)
		var once sync.Once
		two.Progress = func(p backup.Progress) {
			if p.Phase == backup.PhaseStream {
				once.Do(func() { close(inStream); <-goOn })
			}
		}
		to.Crash = func(point string) {
			if point != "restore.before_moving" {
				return
			}
			go func() { _, err := set.Restore(t.Context(), two); second <- err }()
			select {
			case <-inStream:
			case err := <-second:
				second <- err
			}
		}
		_, err := set.Restore(t.Context(), to)
		close(goOn)
		if err2 := <-second; !errors.Is(err2, backup.ErrRestoring) {
			t.Errorf("%s: a second one meanwhile: %v", name, err2)
		}
		must(t, err)
		if got := namesIn(t, string(to.Data)); slices.ContainsFunc(got, func(name string) bool { return name[0] == '.' }) {
			t.Errorf("%s: it has %v", name, got)
		}
		if to.Conn == nil {
			if got := enter(t, to.Data).ids(); len(got) != int(set.Stream.Messages) {
				t.Errorf("%s: the stream has %d messages, want %d", name, len(got), set.Stream.Messages)
			}
		}
	}
}

func TestRestore_TheClaimLeavesNothing(t *testing.T) {
	t.Parallel()
	set := full(t)
	spoilt := clone(t, set.Dir)
	remark(t, spoilt, func(m map[string]any) { m["stream"].(map[string]any)["last_seq"] = 99 })
	bad, err := backup.Open(spoilt)
	must(t, err)
	top := t.TempDir()
	if _, err := bad.Restore(t.Context(), backup.Target{Data: installation.Dir(filepath.Join(top, "a", "data"))}); err == nil {
		t.Error("a manifest that promises more than there is was believed")
	}
	if got := namesIn(t, top); len(got) > 0 {
		t.Errorf("of a folder that was made for it is left %v", got)
	}
	used := t.TempDir()
	must(t, os.WriteFile(filepath.Join(used, "notes.txt"), nil, 0o600))
	before := time.Now().Add(-time.Hour).Truncate(time.Second)
	must(t, os.Chtimes(used, before, before))
	if _, err := set.Restore(t.Context(), backup.Target{Data: installation.Dir(used)}); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a folder in use: %v", err)
	}
	if info, err := os.Stat(used); err != nil || !info.ModTime().Equal(before) {
		t.Errorf("a folder in use was written to: %v, %v", info, err)
	}
	// Where the process was killed nobody removed the file.
	must(t, os.WriteFile(filepath.Join(top, ".restoring.lock"), nil, 0o600))
	_, err = set.Restore(t.Context(), backup.Target{Data: installation.Dir(top)})
	must(t, err)
	if got := namesIn(t, top); slices.Contains(got, ".restoring.lock") {
		t.Errorf("it has %v", got)
	}
}
