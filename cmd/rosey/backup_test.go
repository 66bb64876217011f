package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rosey/internal/backup"
	"rosey/schema"
	"rosey/schema/schematest"
)

// The commands of docs/backup.md, in their order, as they are printed there. Only
// the folders are put in.
func TestBackup_TheCommandsOfItsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/backup.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, place := recorded(t), t.TempDir()
	folders := strings.NewReplacer("/var/lib/rosey-new", filepath.Join(place, "new"), "/var/lib/rosey", string(dir), "/backups", place, "/tmp/drill", filepath.Join(place, "drill"))
	var ran []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[1]) {
			words := strings.Fields(line)
			args := strings.Fields(folders.Replace(strings.Join(words[1:], " ")))
			ran = append(ran, args[0])
			r, want := rosey(t, args...), 0
			if args[0] == "doctor" {
				want = rosey(t, "doctor", "--data", string(dir)).code // whatever it finds about the original
			}
			if r.code != want {
				t.Errorf("rosey %s: %+v", strings.Join(args, " "), r)
			}
		}
	}
	if want := []string{"backup", "restore", "restore", "restore", "replay", "doctor", "stats"}; !slices.Equal(ran, want) {
		t.Errorf("the page runs %v, want %v", ran, want)
	}
	if got, want := schematest.Read(t, filepath.Join(place, "drill", "rosey.db"), schema.Dump), schematest.Read(t, dir.Database().Link, schema.Dump); dropCreated(got) != dropCreated(want) {
		t.Errorf("the restored tables are\n%s\nwant\n%s", got, want)
	}
}

// dropCreated leaves out when the stream was made, which a restore does again.
func dropCreated(dump string) string {
	return regexp.MustCompile(`"stream_created_ms":\d+`).ReplaceAllString(dump, "")
}

func TestBackup_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir, place := record(t, evening()...), t.TempDir()
	at := filepath.Join(place, "b")
	r := rosey(t, "backup", "--json", "--data", string(dir), at)
	var m backup.Manifest
	if err := json.Unmarshal([]byte(r.out), &m); err != nil || r.code != 0 || m.Stream.LastSeq == 0 || m.Program == "" || !strings.Contains(r.err, `"phase":"stream"`) {
		t.Fatalf("%+v, %v", r, err)
	}
	cut := filepath.Join(place, "cut")
	if err := os.CopyFS(cut, os.DirFS(at)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cut, backup.ManifestName)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args      []string
		says, try string
	}{
		{[]string{"backup", "--data", string(dir), at}, "not empty", "new or empty"},
		{[]string{"restore", at, "--data", string(dir)}, "not empty", "new or empty"},
		{[]string{"restore", cut, "--data", filepath.Join(place, "x")}, "cut off", "rm -r"},
		{[]string{"restore", place, "--data", filepath.Join(place, "x")}, "holds no backup", "manifest.json"},
		{[]string{"restore", at, "--max-bytes", "1", "--data", filepath.Join(place, "x")}, "smaller than what is stored", "--max-bytes"},
		{[]string{"backup", "--data", filepath.Join(place, "none"), filepath.Join(place, "y")}, "nothing was recorded", "rosey up"},
	} {
		r := rosey(t, c.args...)
		if r.code != 1 || !strings.Contains(r.err, c.says) || !strings.Contains(r.err, "try:   ") || !strings.Contains(r.err, c.try) || r.out != "" {
			t.Errorf("rosey %s: %+v", strings.Join(c.args, " "), r)
		}
	}
	if r := rosey(t, "restore", at, "--check", "--json", "--data", filepath.Join(place, "x")); r.code != 0 || !strings.Contains(r.out, `"sound":true`) {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(place, "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a check wrote something")
	}
}
