package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestStreamShow_RunningAndNot(t *testing.T) {
	t.Parallel()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	appendAll(t, s.Stream, evening()...)
	erase(t, s.Conn, 3)
	cons, err := s.Stream.Consumer(t.Context(), "main", streams.ConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := cons.Start(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // 1 2 4 5
		m, err := d.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Ack(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	d.Stop()
	check := func(what string) {
		r := rosey(t, "stream", "show", "--json", "--data", string(dir))
		var got streamState
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 0 || r.err != "" {
			t.Fatalf("%s: %+v, %v", what, r, err)
		}
		if got.Name != "ROSEY" || got.ID != s.Stream.Identity().ID || got.Problem != "" || got.FirstSeq != 1 || got.LastSeq != 15 || got.Messages != 14 ||
			got.Erased != 1 || got.FirstTime == nil || time.Since(*got.LastTime) > time.Hour || got.Bytes == 0 || *got.MaxBytes == 0 ||
			*got.Full <= 0 || *got.Full > 1 || got.Replicas != 1 || got.Storage != "file" || got.Discard != "new" || got.Duplicates != 600 ||
			len(got.Subjects) != len(events.StreamSubjects()) {
			t.Errorf("%s: %s", what, r.out)
		}
		if len(got.Consumers) != 1 {
			t.Fatalf("%s: consumers %+v", what, got.Consumers)
		}
		if c := got.Consumers[0]; !c.Durable || c.Name != cons.Name() || c.AckFloor != 5 {
			t.Errorf("%s: consumer %+v", what, c)
		}
		r = rosey(t, "stream", "show", "--data", string(dir))
		for _, want := range []string{"identity  " + got.ID, "last      seq=15, stored ", "messages  14, 1 erased", cons.Name() + "  seq=5 ", "subjects  rosey.db.bot.>", "ROSEY_OUTBOUND  0 "} {
			if r.code != 0 || !strings.Contains(r.out, want) {
				t.Errorf("%s: no %q in\n%s%s", what, want, r.out, r.err)
			}
		}
	}
	check("running")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	check("not running")
}

func TestStreamShow_Empty(t *testing.T) {
	t.Parallel()
	dir := string(record(t))
	r := rosey(t, "stream", "show", "--json", "--data", dir)
	if r.code != 0 || !strings.Contains(r.out, `"first_seq":1,"last_seq":0,"first_time":null,"last_time":null,"messages":0,`) ||
		!strings.Contains(r.out, `"consumers":[],"buckets":[{"name":"ROSEY_BOTS","values":0,`) {
		t.Errorf("%+v", r)
	}
	if r := rosey(t, "stream", "show", "--data", dir); r.code != 0 || !strings.Contains(r.out, "messages  0, 0 erased") {
		t.Errorf("%+v", r)
	}
}

// external is a server that is nobody's data folder, and the flags that reach it.
func external(t *testing.T) (*streamstest.Env, []string) {
	t.Helper()
	env := streamstest.New(t, streamstest.WithPort(), streamstest.WithoutStream())
	user, password := env.Server.Credentials()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return env, []string{"--nats", env.Server.ClientURL(), "--nats-user", user, "--nats-password-file", file}
}

func TestStreamSetup_OnAnExternalServer(t *testing.T) {
	t.Parallel()
	env, flags := external(t)
	stream := func(args ...string) result { return rosey(t, append(append([]string{"stream"}, args...), flags...)...) }

	if r := stream("check"); r.code != 2 || !strings.Contains(r.err, "stream does not exist") || !strings.Contains(r.err, "\ntry:   rosey stream setup --nats "+env.Server.ClientURL()) {
		t.Errorf("check before: %+v", r)
	}
	if r := stream("show"); r.code != 1 || !strings.Contains(r.err, "\ntry:   rosey stream setup --nats "+env.Server.ClientURL()) {
		t.Errorf("show before: %+v", r)
	}
	r := stream("setup", "--max-bytes", "1GiB")
	same(t, "setup", identity.ReplaceAllString(r.out, "IDENTITY"), "stream: none, now created\nthe stream ROSEY IDENTITY is as it is defined\n")
	if r.code != 0 {
		t.Errorf("setup: %+v", r)
	}
	r = stream("setup", "--json")
	same(t, "setup again", identity.ReplaceAllString(r.out, "IDENTITY"), "{\"id\":\"IDENTITY\",\"changes\":[]}\n")
	r = stream("setup", "--max-bytes", "2GiB", "--json")
	same(t, "setup anew", identity.ReplaceAllString(r.out, "IDENTITY"),
		"{\"id\":\"IDENTITY\",\"changes\":[{\"field\":\"max bytes\",\"was\":\"1073741824\",\"now\":\"2147483648\"}]}\n")
	if r := stream("check"); r.code != 0 || r.out != "the stream is as it is defined\n" || r.err != "" {
		t.Errorf("check: %+v", r)
	}
	if r := stream("check", "--json"); r.code != 0 || r.out != "{\"equal\":true,\"differences\":[]}\n" {
		t.Errorf("check: %+v", r)
	}

	// Somebody spoils it, so far that nothing else would open it.
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	cfg := js.CachedInfo().Config
	cfg.MaxAge, cfg.Subjects = 24*time.Hour, cfg.Subjects[1:]
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	r = stream("check")
	same(t, "check of the spoilt one", r.out, `
what      is                      wanted              remedy
max age   24h0m0s                 0s                  rosey stream setup
subjects  missing rosey.db.bot.>  all event subjects  rosey stream setup
`)
	if r.code != 1 || r.err != "" {
		t.Errorf("check of the spoilt one: %+v", r)
	}
	if r := stream("show", "--json"); r.code != 0 || !strings.Contains(r.out, `"problem":"streams: open stream ROSEY: `) {
		t.Errorf("show of the spoilt one: %+v", r)
	}
	if r := stream("setup"); r.code != 0 || !strings.Contains(r.out, "max age: 24h0m0s, now 0s\n") {
		t.Errorf("repair: %+v", r)
	}
	if r := stream("check"); r.code != 0 {
		t.Errorf("check of the repaired one: %+v", r)
	}
}

func TestStreamSetup_WhatCannotBeChangedIsNamed(t *testing.T) {
	t.Parallel()
	env, flags := external(t)
	_, err := env.Conn.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: streams.StreamName, Subjects: events.StreamSubjects(), Storage: jetstream.MemoryStorage, MaxBytes: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rosey(t, append([]string{"stream", "setup"}, flags...)...)
	if r.code != 1 || !strings.Contains(r.err, "storage is ") || !strings.HasSuffix(r.err, "\ntry:   rosey stream check   (lists each difference with its remedy)\n") {
		t.Errorf("setup: %+v", r)
	}
	r = rosey(t, append([]string{"stream", "check", "--json"}, flags...)...)
	var got checkResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 1 || got.Equal {
		t.Fatalf("check: %+v, %v", r, err)
	}
	for _, d := range got.Differences {
		if d.Field == "storage" && !d.Changeable && d.Remedy != "" {
			return
		}
	}
	t.Errorf("check: %s", r.out)
}

func TestStream_OfADataFolder(t *testing.T) {
	t.Parallel()
	dir := string(record(t, evening()...))
	if r := rosey(t, "stream", "check", "--data", dir); r.code != 0 || r.err != "" {
		t.Errorf("check: %+v", r)
	}
	if r := rosey(t, "stream", "setup", "--max-bytes", "1GiB", "--data", dir); r.code != 0 || !strings.Contains(r.out, ", now 1073741824\n") {
		t.Errorf("setup: %+v", r)
	}
	if r := rosey(t, "stream", "check", "--max-bytes", "2GiB", "--data", dir); r.code != 1 {
		t.Errorf("check: %+v", r)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"show --data " + dir + "/nothing", 1, "nothing was recorded in this data folder yet\ntry:   rosey up "},
		{"check --data " + dir + "/nothing", 2, "nothing was recorded in this data folder yet\ntry:   rosey up "},
		{"setup --data " + dir + "/nothing", 1, "nothing was recorded in this data folder yet\ntry:   rosey up "},
		{"show --nats nats://127.0.0.1:1", 1, "no NATS server answers"},
		{"check --nats nats://127.0.0.1:1", 2, "no NATS server answers"},
		{"setup --replicas 2", 2, "replicas is 2, want 1 or 3\ntry:   rosey "},
		{"setup --max-bytes much", 2, "\"much\" is no size: give bytes, or a number with a unit, such as 64GiB\ntry:   rosey "},
	} {
		r := rosey(t, append([]string{"stream"}, strings.Fields(tt.args)...)...)
		if r.code != tt.code || r.out != "" || !strings.Contains(r.err, tt.want) || strings.Count(r.err, "\n") != 2 {
			t.Errorf("%s: %+v", tt.args, r)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "nothing")); !os.IsNotExist(err) {
		t.Errorf("a question made a folder: %v", err)
	}
}

func TestSize_AsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{"1024": 1024, "1KiB": 1024, "2 GB": 2e9, "64GiB": 64 << 30, "0": 0, "": 0, "-1": 0, "1e30": 0, "99999999TiB": 0, "x": 0} {
		var s size
		if err := s.UnmarshalText([]byte(text)); s != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
}

// The server stored the messages of an import when they were imported.
func TestStreamShow_AnImportedStreamHasItsOriginalTimes(t *testing.T) {
	t.Parallel()
	dir := recorded(t)
	folder, copied := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "elsewhere")
	succeeds(t, "export", "events", "--archive", folder, "--data", string(dir))
	succeeds(t, "import", "events", folder, "--data", copied)
	show := func(data string) (got streamState) {
		t.Helper()
		if err := json.Unmarshal([]byte(succeeds(t, "stream", "show", "--json", "--data", data)), &got); err != nil || got.FirstTime == nil {
			t.Fatalf("%s: %+v, %v", data, got, err)
		}
		return got
	}
	was, is := show(string(dir)), show(copied)
	if !is.FirstTime.Equal(*was.FirstTime) || !is.LastTime.Equal(*was.LastTime) {
		t.Errorf("stored from %s to %s, want %s to %s", is.FirstTime, is.LastTime, was.FirstTime, was.LastTime)
	}
}
