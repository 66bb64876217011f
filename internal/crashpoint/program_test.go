package crashpoint_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rosey/internal/crashpoint"
)

// TestHook_EndsTheProcessAtTheArrival builds a small program with and without
// the tag and looks at how it ends.
func TestHook_EndsTheProcessAtTheArrival(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		args = append([]string{"build", "-o", path}, args...)
		cmd := exec.CommandContext(t.Context(), "go", append(args, "./testdata/arrives")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		return path
	}
	with, without := build("with", "-tags", crashpoint.Tag), build("without")
	for _, tt := range []struct {
		name, program, point string
		out, fired           string
		killed, ok           bool
	}{
		{"at the third", with, "second:3", "first 1\nsecond 1\nfirst 2\nsecond 2\nfirst 3\n", "second\n", true, false},
		{"at the first", with, "first", "", "first\n", true, false},
		{"never reached", with, "second:4", "first 1\nsecond 1\nfirst 2\nsecond 2\nfirst 3\nsecond 3\n", "", false, true},
		{"not a point", with, "third:1", "", "", false, false},
		{"none asked for", with, "", "first 1\nsecond 1\nfirst 2\nsecond 2\nfirst 3\nsecond 3\n", "", false, true},
		{"without the tag", without, "second:3", "first 1\nsecond 1\nfirst 2\nsecond 2\nfirst 3\nsecond 3\n", "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fired := filepath.Join(t.TempDir(), "fired")
			cmd := exec.CommandContext(t.Context(), tt.program)
			cmd.Env = append(os.Environ(), crashpoint.Env+"="+tt.point, crashpoint.EnvFired+"="+fired)
			var out strings.Builder
			cmd.Stdout = &out
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if killed := status.Signaled() && status.Signal() == syscall.SIGKILL; killed != tt.killed || (err == nil) != tt.ok {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			if out.String() != tt.out {
				t.Errorf("it got to %q, want %q", out.String(), tt.out)
			}
			line, err := os.ReadFile(fired)
			if err != nil && tt.fired != "" || string(line) != tt.fired {
				t.Errorf("the file says %q (%v), want %q", line, err, tt.fired)
			}
		})
	}
}
