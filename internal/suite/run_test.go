package suite_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/suite"
)

const (
	atOnce = 5

	// envShow makes this test's program end its output with the limit it ran under.
	envShow = "SUITE_TEST_SHOW"
	// envNote is the folder whose sources it notes.
	envNote = "SUITE_TEST_NOTE"
	// envInterrupt makes it interrupt what it starts.
	envInterrupt = "SUITE_TEST_INTERRUPT"
)

func TestMain(m *testing.M) {
	code := suite.Run(m, atOnce)
	if os.Getenv(envShow) != "" {
		fmt.Println(flag.Lookup("test.parallel").Value)
	}
	os.Exit(code)
}

func TestRun_CommandLineWins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing given", nil, "5"},
		{"more given", []string{"-test.parallel=9"}, "9"},
		{"what would have been is given", []string{"-test.parallel=3"}, "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := again(t, "", append(tt.args, "-test.run=^$")...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if got := lines[len(lines)-1]; got != tt.want {
				t.Errorf("ran under %s, want %s:\n%s", got, tt.want, out)
			}
		})
	}
}

func TestRun_FailureIsTheStatus(t *testing.T) {
	t.Parallel()
	out, err := again(t, "", "-test.parallel=0") // refused once the tests are to begin
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.HasSuffix(out, "\n0\n") {
		t.Errorf("ended with %v:\n%s", err, out)
	}
}

// Tests that interrupt what they have just started run in the background as well.
func TestRun_WhatIsStartedHeedsInterrupts(t *testing.T) {
	t.Parallel()
	if os.Getenv(envInterrupt) != "" {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "kill -INT $$; echo unheeded").CombinedOutput()
		if err == nil || len(out) > 0 {
			t.Errorf("an interrupt: %q, %v", out, err)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	background := exec.CommandContext(t.Context(), "sh", "-c", `trap "" INT; exec "$0" "$@"`, self, "-test.run=^"+t.Name()+"$")
	background.Env = append(os.Environ(), envInterrupt+"=1")
	if out, err := background.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The test log is what the go command goes by.
func TestNoteSources_StandInTheTestLog(t *testing.T) {
	t.Parallel()
	if root := os.Getenv(envNote); root != "" {
		if err := suite.NoteSources(root); err != nil {
			t.Fatal(err)
		}
		return
	}
	root, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for _, dir := range []string{"bot", ".git"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := again(t, root, "-test.run=^"+t.Name()+"$", "-test.testlogfile="+log); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "open "+filepath.Join(root, "bot")+"\n") || strings.Contains(string(text), "open "+filepath.Join(root, ".git")) {
		t.Errorf("the log of the test says:\n%s", text)
	}
	if err := suite.NoteSources(filepath.Join(root, "none")); err == nil {
		t.Error("no such folder is no error")
	}
}

// again runs this test's program on what would be three processors, to note the
// sources below a root where one is given.
func again(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=3", envShow+"=1", envNote+"="+root)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
