package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/internal/installation"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

func TestAdvice_NamesTheNextStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"second projector":   {projector.ErrNoProgress, "--instance NAME"},
		"no JetStream":       {streams.ErrNoJetStream, "-js"},
		"old server":         {streams.ErrServerTooOld, "2.10"},
		"no room for it":     {streams.ErrNoRoom, "--max-bytes"},
		"read-only disk":     {syscall.EROFS, "--data"},
		"path too long":      {syscall.ENAMETOOLONG, "shorter"},
		"full disk":          {syscall.ENOSPC, "make room"},
		"full stream":        {streams.ErrFull, "make room"},
		"full server's disk": {&jetstream.APIError{ErrorCode: 10069, Description: "write: no space left on device"}, "make room"},
		"unreadable store":   {&streams.UnreadableError{Seq: 7}, "rosey restore DIR"},
		"unreadable replica": {&streams.UnreadableError{Seq: 7, LeaderHasIt: true, Servers: []string{"n3"}}, "NATS server n3"},
		"full output":        {&outputError{syscall.ENOSPC}, "where the output goes"},
		"interrupted":        {context.Canceled, "interrupted"},
	} {
		got := advice(fmt.Errorf("doing something: %w", c.err))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: the advice is %q, want one with %q", name, got, c.want)
		}
	}
}

func TestRoomOn_NamesWhereItWasWrittenTo(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("archive: write: %w", &os.PathError{Op: "write", Path: "/mnt/a/x", Err: syscall.ENOSPC})
	if got := advice(roomOn(full, "/mnt/a")); !strings.Contains(got, "the disk of /mnt/a,") || strings.Contains(got, "data folder") {
		t.Errorf("the advice is %q", got)
	}
	if err := roomOn(streams.ErrFull, "/mnt/a"); advice(err) != adviceDiskFull {
		t.Errorf("a full stream is said to be on the disk of /mnt/a: %q", advice(err))
	}
	if got := advice(explainBackup(full, "/mnt/a")); !strings.Contains(got, "the disk of /mnt/a,") {
		t.Errorf("the advice of a backup is %q", got)
	}
}

// TestAdvice_OfSQLite has SQLite itself make the errors.
func TestAdvice_OfSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rosey.db")
	db, err := schema.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec := func(statement string) error {
		_, err := db.ExecContext(t.Context(), statement)
		return err
	}
	if err := exec("PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "no", "such", "folder.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"full":          {exec("CREATE TABLE big AS SELECT zeroblob(1000000)"), "make room"},
		"no such table": {exec("SELECT * FROM nothing"), "rosey replay"},
		"cannot open":   {other.PingContext(t.Context()), "--data"},
	} {
		if got := advice(c.err); c.err == nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: for %v the advice is %q, want one with %q", name, c.err, got, c.want)
		}
	}
}

func TestShell_WordsComeBack(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"plain/path-1.db", "two words", "it's", `"$HOME" \ ; *`, "~/x", "", "\n"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shell(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("the shell makes %q of %q, %v", out, word, err)
		}
	}
}

func TestCommands_OutputThatIsFullIsNotTheDataFolder(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		full, err = os.Open(os.DevNull) // which takes no writing either
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	db, err := schema.Create(t.Context(), filepath.Join(data, "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"export", "user_stats", "--format", "csv"}, {"stats"}} {
		var errs bytes.Buffer
		code := run(append(command, "--data", data), full, &errs)
		if code != exitFailed || !strings.Contains(errs.String(), "where the output goes") {
			t.Errorf("rosey %s: exit code %d\n%s", command[0], code, &errs)
		}
	}
}

func TestSummary_OfADatabaseThatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a folder")
	err := summarize(t.Context(), &console{}, installation.Dir(data), "x", false)
	if got := advice(err); !strings.HasPrefix(got, "rosey replay --data '"+data) {
		t.Errorf("for %v the advice is %q", err, got)
	}
}
