package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/backup"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"
)

// dying is the standard error of a command whose server dies as soon as the command
// says a certain word.
type dying struct {
	suite.Output
	word string
	kill func()
}

func (d *dying) Write(p []byte) (int, error) {
	if d.kill != nil && strings.Contains(string(p), d.word) {
		d.kill()
		d.kill = nil
	}
	return d.Output.Write(p)
}

// TestImport_WhoseServerDies cuts an import off, and goes on with it as it advises.
func TestImport_WhoseServerDies(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	var list []streams.AppendMessage
	for i := range 6000 {
		list = append(list, streams.AppendMessage{Subject: "rosey.db.message.log", Data: fmt.Appendf(nil, `{"n":%d,"filler":%q}`, i, strings.Repeat("x", 2000))})
	}
	from.Append(t, list...)
	folder := filepath.Join(t.TempDir(), "archive")
	if _, err := archive.Write(t.Context(), folder, from.Stream, archive.WriteOptions{}); err != nil {
		t.Fatal(err)
	}

	stored := t.TempDir()
	start := func() (*embedded.Server, []string) {
		s, err := embedded.Start(t.Context(), embedded.Config{StoreDir: stored, Port: embedded.AnyPort, NoMonitor: true})
		if err != nil {
			t.Fatal(err)
		}
		user, password := s.Credentials()
		secret := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
		return s, []string{"import", "events", folder, "--nats", s.ClientURL(), "--nats-user", user, "--nats-password-file", secret, "--json"}
	}
	stop := func(s *embedded.Server) {
		if err := s.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	s, args := start()
	var out suite.Output
	errs := &dying{word: `"importing"`, kill: func() { stop(s) }}
	if code := run(args, &out, errs); code != exitFailed {
		t.Fatalf("exit %d: %s", code, errs)
	}
	said := errs.String()
	said = said[strings.Index(said, "rosey: "):]
	want := "rosey: import: the server went away (connection lost); what was stored stays, and the stream cannot be used before it is complete\n" +
		"try:   " + commandLine(args) + "   (the same command goes on from there, once the server answers again)\n"
	if said != want {
		t.Errorf("it says\n%s\nwant\n%s", said, want)
	}
	s, args = start()
	defer stop(s)
	if got := succeeds(t, args...); !strings.Contains(got, `"messages":6000`) {
		t.Errorf("the same command again: %s", got)
	}
}

func TestServerLost_SaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	gone := fmt.Errorf("doing something: %w", streams.ErrDisconnected)
	for _, tt := range []struct{ command, args, text, next string }{
		{"import <what> <archive>", "import events /a", "import: the server went away (connection lost); what was stored stays", "rosey import events /a   (the same command goes on from there"},
		{"export <what>", "export events --archive /a", "the archive holds what is complete", "rosey export events --archive /a   (the same command goes on"},
		{"export <what>", "export events --out x", "is not complete", "rosey export events --out x   (the same command again"},
		{"backup <dir>", "backup /b", "nothing of the backup is left", "rosey backup /b "},
		{"restore <dir>", "restore /b --nats nats://me:secret@h:1", "the restore is not complete", "rosey restore /b --nats URL "},
		{"replay", "replay --nats=nats://me:secret@h:1", "the database is as it was", "rosey replay --nats=URL "},
		{"dead-letters retry", "dead-letters retry 7", "dead-letters retry: the server went away", "rosey dead-letters retry 7 "},
		{"stats", "stats --json", "doing something", "rosey stats --json "},
	} {
		err := serverLost(gone, tt.command, strings.Fields(tt.args))
		if !errors.Is(err, streams.ErrDisconnected) || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(advice(err), tt.next) {
			t.Errorf("%s: %v; try: %s", tt.args, err, advice(err))
		}
	}
	for _, away := range []error{
		fmt.Errorf("append: %w: no responders", streams.ErrUnavailable), fmt.Errorf("get seq=1: %w: temporarily unavailable", streams.ErrNoLeader),
	} {
		if err := serverLost(away, "import events <dir>", []string{"import", "events", "/a"}); !strings.Contains(err.Error(), "nobody answers for the stream") ||
			!strings.Contains(err.Error(), "what was stored stays") || !strings.HasPrefix(advice(err), "rosey import events /a ") {
			t.Errorf("while there is no leader: %v; try: %s", err, advice(err))
		}
	}
	full := fmt.Errorf("append: %w: %w", streams.ErrUnavailable, streams.ErrFull)
	if err := serverLost(full, "import events <dir>", []string{"import"}); err.Error() != full.Error() {
		t.Errorf("a full stream became %v", err)
	}
	// What is known better is said.
	for _, tt := range []struct {
		err  error
		want string
	}{
		{backup.ErrDiffers, "the same command again"},
		{streams.ErrSnapshot, "rosey doctor"},
		{fmt.Errorf("%w: %w", streams.ErrDisconnected, streams.ErrSnapshot), ""},
	} {
		if got := advice(explainBackup(fmt.Errorf("restore: %w", tt.err), "/b")); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%v: advises %q, want %q", tt.err, got, tt.want)
		}
	}
	marked := explainBackup(errors.Join(backup.ErrMarked, gone), "/b")
	for _, err := range []error{nil, errors.New("another"), marked, errors.Join(streams.ErrInterfered, gone)} {
		if got := serverLost(err, "restore <dir>", []string{"restore"}); !errors.Is(got, err) || err != nil && got.Error() != err.Error() {
			t.Errorf("%v became %v", err, got)
		}
	}
}
