package backup_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rosey/bot/outbound"
	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// clone copies a backup, so that a test may spoil it.
func clone(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "clone")
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// remark changes a manifest.
func remark(t *testing.T, dir string, change func(m map[string]any)) {
	t.Helper()
	name := filepath.Join(dir, backup.ManifestName)
	data, err := os.ReadFile(name)
	must(t, err)
	m := map[string]any{}
	must(t, json.Unmarshal(data, &m))
	change(m)
	data, err = json.Marshal(m)
	must(t, err)
	must(t, os.WriteFile(name, data, 0o600))
}

// full is a backup that has everything in it.
func full(t *testing.T) *backup.Set {
	t.Helper()
	h := newHouse(t)
	h.say("one")
	h.drain()
	h.project()
	h.say("two")
	h.enqueue("three")
	return h.take()
}

func TestRestore_ADamagedBackupIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	set := full(t)
	if len(set.Files) != 4 {
		t.Fatalf("the backup has %+v", set.Files)
	}
	refused := func(name, dir string, want error) {
		t.Helper()
		data := installation.Dir(filepath.Join(t.TempDir(), "data"))
		s, err := backup.Open(dir)
		if err == nil {
			_, err = s.Restore(t.Context(), backup.Target{Data: data})
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if _, err := os.Stat(string(data)); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	for _, f := range set.Files {
		for how, change := range map[string]func(data []byte) []byte{
			"one bit":   func(data []byte) []byte { data[len(data)/2] ^= 4; return data },
			"cut short": func(data []byte) []byte { return data[:len(data)-1] },
			"longer":    func(data []byte) []byte { return append(data, 0) },
		} {
			dir := clone(t, set.Dir)
			name := filepath.Join(dir, f.Path)
			data, err := os.ReadFile(name)
			must(t, err)
			must(t, os.WriteFile(name, change(data), 0o600))
			refused(f.Path+", "+how, dir, backup.ErrDamaged)
		}
		dir := clone(t, set.Dir)
		must(t, os.Remove(filepath.Join(dir, f.Path)))
		refused(f.Path+", missing", dir, backup.ErrDamaged)
	}
	cut := clone(t, set.Dir)
	must(t, os.Remove(filepath.Join(cut, backup.ManifestName)))
	refused("without its manifest", cut, backup.ErrCutOff)
	refused("an empty folder", t.TempDir(), backup.ErrNoBackup)
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   error
	}{
		"a later format":     {func(m map[string]any) { m["format"] = 2 }, backup.ErrFormat},
		"a file elsewhere":   {func(m map[string]any) { m["files"].([]any)[0].(map[string]any)["path"] = "../other" }, backup.ErrDamaged},
		"a file left out":    {func(m map[string]any) { m["files"] = m["files"].([]any)[1:] }, backup.ErrDamaged},
		"a spool elsewhere":  {func(m map[string]any) { m["spools"].([]any)[0].(map[string]any)["path"] = "a/b" }, backup.ErrDamaged},
		"another's queue":    {func(m map[string]any) { m["queue"].(map[string]any)["stream"] = "ORDERS" }, backup.ErrDamaged},
		"without the stream": {func(m map[string]any) { delete(m, "stream") }, backup.ErrDamaged},
	} {
		dir := clone(t, set.Dir)
		remark(t, dir, c.change)
		refused(name, dir, c.want)
	}
	newer := clone(t, set.Dir)
	remark(t, newer, func(m map[string]any) { m["stream"].(map[string]any)["server"] = "99.0.0" })
	refusedByServer := func() {
		s, err := backup.Open(newer)
		must(t, err)
		data := installation.Dir(filepath.Join(t.TempDir(), "data"))
		if _, err = s.Restore(t.Context(), backup.Target{Data: data}); !errors.Is(err, streams.ErrServerTooOld) {
			t.Errorf("a later server's: %v", err)
		}
		if list, _ := os.ReadDir(string(data)); len(list) > 0 {
			t.Errorf("a later server's: left %v", list)
		}
	}
	refusedByServer()
}

func TestRestore_TheTargetIsLookedAtFirst(t *testing.T) {
	t.Parallel()
	set := full(t)
	used := t.TempDir()
	must(t, os.WriteFile(filepath.Join(used, "rosey.db"), []byte("mine"), 0o600))
	if _, err := set.Restore(t.Context(), backup.Target{Data: installation.Dir(used)}); !errors.Is(err, backup.ErrNotEmpty) || !strings.Contains(err.Error(), "rosey.db") {
		t.Errorf("a folder in use: %v", err)
	}
	none := func(string) (int64, error) { return 1 << 10, nil }
	to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "new")), Free: none}
	if err := set.Check(t.Context(), to); !errors.Is(err, backup.ErrNoRoom) {
		t.Errorf("a full disk: %v", err)
	}
	// What a restore left behind that was cut off is no obstacle.
	half := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(half, ".restoring", "spool"), 0o700))
	if _, err := set.Restore(t.Context(), backup.Target{Data: installation.Dir(half)}); err != nil {
		t.Errorf("after one that was cut off: %v", err)
	}
	if _, err := set.Restore(t.Context(), backup.Target{Data: installation.Dir(half)}); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a second one: %v", err)
	}
}

func TestRestore_OntoAnotherServer(t *testing.T) {
	t.Parallel()
	set := full(t)
	env := streamstest.New(t, streamstest.WithoutStream())
	dir, res := restore(t, set, func(to *backup.Target) { to.Conn, to.MaxBytes = env.Conn, 1<<30 })
	i := slices.IndexFunc(res.Changes, func(c streams.Change) bool { return c.Field == "max bytes" })
	if i < 0 || res.Held != 1 || res.Messages != 2 {
		t.Errorf("restored %+v", res)
	}
	if _, err := os.Stat(dir.JetStream()); err == nil {
		t.Error("there is a store in the data folder")
	}
	stream, err := streams.Open(t.Context(), env.Conn)
	must(t, err)
	if stream.Identity().ID != set.Stream.Identity {
		t.Errorf("identity %s", stream.Identity().ID)
	}
	q, err := outbound.OpenQueue(t.Context(), stream)
	must(t, err)
	if list, err := q.List(t.Context(), outbound.Filter{}); err != nil || len(list) != 1 || list[0].State != outbound.Unknown {
		t.Errorf("the queue has %+v, %v", list, err)
	}
	again := backup.Target{Conn: env.Conn, Data: installation.Dir(t.TempDir())}
	if _, err := set.Restore(t.Context(), again); !errors.Is(err, backup.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	// A restore that fails takes back what it made, and nothing of others.
	other := streamstest.New(t, streamstest.WithoutStream())
	spoilt := clone(t, set.Dir)
	remark(t, spoilt, func(m map[string]any) { m["stream"].(map[string]any)["last_seq"] = 99 })
	bad, err := backup.Open(spoilt)
	must(t, err)
	if _, err := bad.Restore(t.Context(), backup.Target{Conn: other.Conn, Data: installation.Dir(t.TempDir())}); err == nil {
		t.Error("a manifest that promises more than there is was believed")
	}
	for _, name := range []string{streams.StreamName, streams.OutboundStream} {
		if _, err := other.Conn.JetStream().Stream(t.Context(), name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"format":1,"stream":{"path":"stream/ROSEY.snapshot","stream":"ROSEY","config":{}},"files":[{"path":"stream/ROSEY.snapshot","bytes":1,"sha256":"` + strings.Repeat("0", 64) + `"}]}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, backup.ManifestName), data, 0o600))
		set, err := backup.Open(dir)
		if err != nil {
			if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrFormat) {
				t.Errorf("error %v", err)
			}
			return
		}
		for _, file := range set.Files {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("path %q", file.Path)
			}
		}
	})
}
