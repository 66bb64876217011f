package campaign

import (
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"
)

func sleeper(t *testing.T) *life {
	t.Helper()
	// Where these tests run in the background interrupts are ignored, also by what
	// they start: unless it is started while somebody here hears them.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, os.Interrupt)
	defer signal.Stop(heard)
	l, err := run("sleep", filepath.Join(t.TempDir(), "log"), nil, "600")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.kill() })
	return l
}

func TestLife_HowItEnds(t *testing.T) {
	t.Parallel()
	l := sleeper(t)
	if l.ended() || l.wait(t.Context(), time.Millisecond) {
		t.Fatal("it ended")
	}
	if !l.kill() || !l.ended() {
		t.Error("the kill was not what ended it")
	}
	l = sleeper(t)
	if err := l.interrupt(t.Context(), long); err == nil || l.killed() {
		t.Errorf("a process that an interrupt ends is no orderly end: %v, %t", err, l.killed())
	}
	if l.kill() {
		t.Error("the kill of a process that is gone counts")
	}
	l, err := run("sh", filepath.Join(t.TempDir(), "log"), nil, "-c", "echo last words; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if !l.wait(t.Context(), long) || l.killed() || l.lastWords() != "last words\n" {
		t.Errorf("it ended with %s and said %q", l.cmd.ProcessState, l.lastWords())
	}
}

func TestLife_StandsStillAndGoesOn(t *testing.T) {
	t.Parallel()
	l := sleeper(t)
	if !l.suspend(t.Context(), 50*time.Millisecond) {
		t.Error("it did not stand still")
	}
	for end := time.Now().Add(long); l.state() == 'T' && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if state := l.state(); state == 'T' || state == 0 {
		t.Errorf("its state afterwards is %c", state)
	}
	l.kill()
	if l.suspend(t.Context(), 20*time.Millisecond) {
		t.Error("a process that is gone stands still")
	}
}

func TestCleanEnv_NothingConfiguresTheProgram(t *testing.T) {
	t.Setenv("ROSEY_DATA", "elsewhere")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if len(cleanEnv()) != len(os.Environ())-2 {
		t.Errorf("the environment is %q", cleanEnv())
	}
}
