package endtoend

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"rosey/internal/suite"
)

// patience bounds every wait. A machine that is busy with other things must not
// fail a test.
const patience = 3 * time.Minute

// program is one run of rosey.
type program struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err suite.Output
	done     chan struct{} // closed when the process is gone
}

// start runs rosey with the arguments. What is still running at the end of the
// test is killed.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith also sets environment variables.
func startWith(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	return startProgram(t, rosey, env, args...)
}

// startProgram runs another build of rosey.
func startProgram(t *testing.T, path string, env []string, args ...string) *program {
	t.Helper()
	if err := noteSources(); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(cleanEnv(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.Dir = t.TempDir()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state tells
	}()
	t.Cleanup(p.kill)
	return p
}

// cleanEnv is the environment without what could configure the program.
func cleanEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "ROSEY_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			env = append(env, e)
		}
	}
	return env
}

// kill ends the process at once, as a power cut would, and waits for it.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// interrupt asks the process to end, as Ctrl-C does.
func (p *program) interrupt() { p.signal(os.Interrupt) }

func (p *program) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
}

// wait returns the exit code. A process that was killed has none: -1.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.done
		p.t.Fatalf("rosey %s did not end within %s\n%s", strings.Join(p.cmd.Args[1:], " "), patience, p.err.String())
	}
	p.checkRaces()
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) checkRaces() {
	p.t.Helper()
	if text := p.err.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "goroutine 1 [") {
		p.t.Errorf("rosey %s:\n%s", strings.Join(p.cmd.Args[1:], " "), text)
	}
}

// stopLimit is how long an orderly end may take. Ten seconds are promised where
// the machine has nothing else to do; here it has.
const stopLimit = time.Minute

// stop interrupts the process; it must end in good order and in time.
func (p *program) stop() {
	p.t.Helper()
	p.stopBy(os.Interrupt)
}

// stopBy asks the process to end with a signal of the caller's choice.
func (p *program) stopBy(signal os.Signal) {
	p.t.Helper()
	p.signal(signal)
	begun := time.Now()
	code, took := p.wait(), time.Since(begun)
	// An end does not wait for ever for a disk that stands still, and then says so.
	late := took >= 2*time.Second && strings.Contains(p.err.String(), "the disk was not done with it before the end")
	if code != 0 && !late {
		p.t.Fatalf("rosey %s: exit code %d after %s\n%s", p.cmd.Args[1], code, signal, p.err.String())
	}
	if took > stopLimit {
		p.t.Errorf("rosey %s took %s to end after %s", p.cmd.Args[1], took, signal)
	}
}

// run runs rosey to its end.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, args...)
	code = p.wait()
	return code, p.out.String(), p.err.String()
}

// must runs rosey, which must succeed.
func must(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := run(t, args...)
	if code != 0 {
		t.Fatalf("rosey %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
