package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rosey/streams/streamstest"
)

// moments are how long after its start a command is killed: all along, and beyond its
// end.
func moments(took time.Duration, n int) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = took * time.Duration(i+1) / time.Duration(n) * 11 / 10
	}
	return list
}

// killedAfter runs rosey and kills it after a while, unless it has ended by then.
func killedAfter(t *testing.T, after time.Duration, args ...string) *program {
	t.Helper()
	p := start(t, args...)
	select {
	case <-p.done:
	case <-time.After(after):
		p.kill()
	}
	return p
}

// dropCreated leaves out when the stream was made, which a restore does again.
func dropCreated(dump string) string {
	return regexp.MustCompile(`"stream_created_ms":\d+`).ReplaceAllString(dump, "")
}

// stands is an installation with an evening in it: lines, tables, a spool and a message
// that waits. It does not run.
func stands(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	inject(t, data, lines("said", 300)...)
	until(t, "the tables have caught up", func() bool { return checkpoint(t, data) == streamEnd(t, data) })
	up.stop()
	return data
}

func kills() int {
	if *long {
		return 60
	}
	return 5
}

// A backup is killed at many moments: what is there is called cut off or is whole, and
// the same command makes it again.
func TestBackup_KilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	data := stands(t)
	first := filepath.Join(t.TempDir(), "backup")
	begun := time.Now()
	must(t, "backup", "--data", data, first)
	took := time.Since(begun)
	cut := 0
	for i, after := range moments(took, kills()) {
		dir := filepath.Join(t.TempDir(), "backup")
		killedAfter(t, after, "backup", "--data", data, dir)
		_, err := os.Stat(filepath.Join(dir, "manifest.json"))
		finished := err == nil
		if !finished {
			cut++
		}
		if code, _, errs := run(t, "restore", dir, "--check", "--data", t.TempDir()); (code == 0) != finished || !finished && !strings.Contains(errs, "try: ") {
			t.Errorf("kill %d: finished %t, a restore ends with %d: %s", i, finished, code, errs)
		}
		code, _, errs := run(t, "backup", "--data", data, dir)
		if (code == 0) == finished || code != 0 && !strings.Contains(errs, "try: ") {
			t.Errorf("kill %d: finished %t, the same command ends with %d: %s", i, finished, code, errs)
		}
		must(t, "restore", dir, "--check", "--data", t.TempDir())
	}
	t.Logf("%d were cut off", cut)
}

// A restore into a folder is killed at many moments: there is no installation before it
// is whole, and the same command makes it so.
func TestRestore_KilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	data := stands(t)
	dir := filepath.Join(t.TempDir(), "backup")
	must(t, "backup", "--data", data, dir)
	want := must(t, "export", "events", "--data", data)
	tables := dump(t, filepath.Join(data, "rosey.db"))
	begun := time.Now()
	must(t, "restore", dir, "--data", filepath.Join(t.TempDir(), "first"))
	took := time.Since(begun)
	for i, after := range moments(took, kills()) {
		to := filepath.Join(t.TempDir(), "data")
		killedAfter(t, after, "restore", dir, "--data", to)
		_, storeErr := os.Stat(filepath.Join(to, "jetstream"))
		_, tablesErr := os.Stat(filepath.Join(to, "rosey.db"))
		spools, _ := filepath.Glob(filepath.Join(to, "spool", "*.db"))
		if storeErr == nil && (tablesErr != nil || len(spools) != 1) {
			t.Errorf("kill %d: the store is there, and of the tables %v, of the spools %q", i, tablesErr, spools)
		}
		if code, _, errs := run(t, "stream", "show", "--data", to); (code == 0) != (storeErr == nil) {
			t.Errorf("kill %d: the store is there: %v; stream show ends with %d: %s", i, storeErr, code, errs)
		}
		code, _, errs := run(t, "restore", dir, "--data", to)
		if code != 0 && (storeErr != nil || !strings.Contains(errs, "try: ")) {
			t.Errorf("kill %d: the same command ends with %d: %s", i, code, errs)
		}
		if got := must(t, "export", "events", "--data", to); got != want {
			t.Errorf("kill %d: the events: %s", i, firstDifference(got, want))
		}
		if got := dump(t, filepath.Join(to, "rosey.db")); dropCreated(got) != dropCreated(tables) {
			t.Errorf("kill %d: the tables: %s", i, firstDifference(got, tables))
		}
	}
}

// A restore onto a server of its own is killed at many moments.
func TestRestore_KilledOntoAnotherServer(t *testing.T) {
	t.Parallel()
	data := stands(t)
	dir := filepath.Join(t.TempDir(), "backup")
	must(t, "backup", "--data", data, dir)
	want := must(t, "export", "events", "--data", data)
	took := time.Second
	for i := range kills() + 1 {
		server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
		to := filepath.Join(t.TempDir(), "data")
		at := []string{"--nats", server.URL()}
		args := append([]string{"restore", dir, "--max-bytes", "1GiB", "--data", to}, at...)
		if i == 0 {
			begun := time.Now()
			must(t, args...)
			took = time.Since(begun)
			continue
		}
		killedAfter(t, moments(took, kills())[i-1], args...)
		_, tablesErr := os.Stat(filepath.Join(to, "rosey.db"))
		code, _, errs := run(t, append([]string{"export", "events", "--to", "1"}, at...)...)
		usable := code == 0
		if usable && tablesErr != nil || !usable && !strings.Contains(errs, "try: ") {
			t.Errorf("kill %d: the stream can be used: %t, tables %v: %s", i, usable, tablesErr, errs)
		}
		code, _, errs = run(t, args...)
		if code != 0 && (tablesErr != nil || !strings.Contains(errs, "try: ")) {
			t.Errorf("kill %d: the same command ends with %d: %s", i, code, errs)
		}
		if got := must(t, append([]string{"export", "events"}, at...)...); got != want {
			t.Errorf("kill %d: the events: %s", i, firstDifference(got, want))
		}
		if code, _, errs := run(t, append([]string{"stream", "setup"}, at...)...); code != 0 {
			t.Errorf("kill %d: it is not usable: %s", i, errs)
		}
		must(t, append([]string{"replay", "--verify", "--data", to}, at...)...)
	}
}
