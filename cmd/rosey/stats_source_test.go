package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// project runs a projector and its query service on the server of a data folder,
// until the test ends.
func project(t testing.TB, dir installation.Dir, s *installation.Server) *projector.Projector {
	t.Helper()
	p, err := projector.New(t.Context(), projector.Config{Store: dir.Database(), Stream: s.Stream})
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.NewService(query.Config{Conn: s.Conn, Tables: p, Bots: s.Stream.Bots})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// running is a recorded data folder on which everything but a bot runs.
func running(t testing.TB, list ...*events.Event) (installation.Dir, *installation.Server) {
	t.Helper()
	dir := installation.Dir(t.TempDir())
	s := serve(t, dir)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	appendAll(t, s.Stream, list...)
	p := project(t, dir, s)
	if err := p.WaitFor(t.Context(), uint64(len(list))); err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// questions are asked of both sources.
var questions = []string{
	"", "user null", "user NULL --channel TV", "user nobody", "user null --channel lounge", "top", "top --period 24h --limit 1", "top --channel lounge",
	"channel", "channel --channel tv", "channel --channel lounge", "history", "history --limit 1", "history --limit 1 --before 14", "history --period 24h",
	"history --since 2026-03-01T20:05:00Z", "history --since 2026-03-01T20:00:00Z --until 2026-03-01T20:05:00Z", "history --since 1h --period 24h",
	"history --since 2026-03-01T21:00:00Z --until 2026-03-01T20:00:00Z", "media", "media --limit 1", "media --user - --period 7d", "media --until 2026-03-01T20:10:00Z",
	"search pizza", "search pizza --limit 1", "search pizza --before 8 --user null", "search nothing", "search \u00a0", "search red --channel tv",
}

// One who asks the service is told what the file says, byte for byte.
func TestStats_ServiceAndFileSayTheSame(t *testing.T) {
	t.Parallel()
	radio := joined(-time.Hour, "zoe")
	radio.Channel = "radio"
	dir, s := running(t, append(evening(), radio)...)
	user, password := s.Embedded.Credentials()
	secret := filepath.Join(t.TempDir(), "password")
	writeFile(t, secret, password)
	sources := map[string][]string{
		"data": {"--data", string(dir), "--log-level", "debug"},
		"nats": {"--nats", s.Embedded.ClientURL(), "--nats-user", user, "--nats-password-file", secret},
	}
	seen := look{plots: true, width: 100}
	for _, question := range questions {
		for _, how := range []struct {
			flag string
			seen *look
		}{{"", nil}, {"--json", nil}, {"", &seen}} {
			t.Run(question+how.flag, func(t *testing.T) {
				t.Parallel()
				args := append([]string{"stats"}, strings.Fields(strings.ReplaceAll(question, "\u00a0", "NBSP"))...)
				for i, a := range args {
					if a == "NBSP" {
						args[i] = "\u00a0"
					}
				}
				if how.flag != "" {
					args = append(args, how.flag)
				}
				want := seenBy(t, how.seen, append(args, "--db", dir.Database().Link)...)
				for name, flags := range sources {
					got := seenBy(t, how.seen, append(args, flags...)...)
					if strings.Contains(got.err, "reading the file") {
						t.Errorf("%s: the service was not asked: %s", name, got.err)
					}
					got.err = withoutLog(got.err)
					if want.code == exitUsage {
						// Each says in its own words what makes no sense.
						got.err = want.err
					}
					if got != want {
						t.Errorf("%s:\n%+v\nwant:\n%+v", name, got, want)
					}
				}
			})
		}
	}
}

// seenBy runs a command in this process whose output is looked at so.
func seenBy(t testing.TB, seen *look, args ...string) result {
	t.Helper()
	var out, errs suite.Output
	code := executeOn(t.Context(), args, &out, &errs, &console{out: &out, err: &errs, seen: seen})
	return result{code, out.String(), errs.String()}
}

// withoutLog leaves out what was logged on the side.
func withoutLog(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "time=") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Without a service the file answers, and nothing is said of it unless somebody
// wants to know.
func TestStats_FileWhereNoServiceAnswers(t *testing.T) {
	t.Parallel()
	dir := record(t, evening()...)
	want := rosey(t, "stats", "--db", dir.Database().Link)
	check := func(what string) {
		t.Helper()
		if got := rosey(t, "stats", "--data", string(dir)); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		if got := rosey(t, "stats", "--data", string(dir), "--log-level", "debug"); !strings.Contains(got.err, "reading the file") || got.out != want.out {
			t.Errorf("%s: %+v", what, got)
		}
	}
	check("nothing runs")
	s := serve(t, dir)
	check("a server runs alone")
	r := rosey(t, "stats", "--nats", s.Embedded.ClientURL())
	if r.code != 1 || !strings.HasPrefix(r.err, "rosey: no query service answers\ntry:   rosey projector --nats ") {
		t.Errorf("--nats: %+v", r)
	}
	url := s.Embedded.ClientURL()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// A server that was killed leaves its file behind.
	if err := dir.WriteEndpoint(installation.Endpoint{URL: url, PID: 1}); err != nil {
		t.Fatal(err)
	}
	check("a server was killed")
}

// Anybody on this machine may ask, and is told of the bots that are alive.
func TestStats_TellsWhichBotsAreAlive(t *testing.T) {
	t.Parallel()
	dir, s := running(t, evening()...)
	for _, b := range []streams.Heartbeat{
		{Channel: "tv", Producer: "a", Name: "ro\x1bsey", Joined: true, Leads: true, OutboundWaiting: 3},
		{Channel: "radio", Producer: "b", SpoolWaiting: 7},
	} {
		streamstest.Beat(t, s.Stream, b)
	}
	for _, flags := range [][]string{{"--data", string(dir)}, {"--nats", s.Embedded.ClientURL()}} {
		r := rosey(t, append([]string{"stats"}, flags...)...)
		for _, want := range []string{
			"bot alive     an anonymous visitor on its way into radio, standing by, 7 events to store\n",
			"bot alive     ro\ufffdsey in tv, 3 messages to send\n",
		} {
			if r.code != 0 || !strings.Contains(r.out, want) {
				t.Errorf("%v: no %q in %+v", flags, want, r)
			}
		}
	}
}
