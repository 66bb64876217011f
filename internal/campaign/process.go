package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// part is one of the processes of an installation, over all its lives.
type part struct {
	name string
	args []string
	logs string // the folder for what each life says
	bin  string

	lives int
	life  *life
}

// life is one run of a part.
type life struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process is gone
}

// start begins the part's next life.
func (p *part) start(env ...string) error {
	p.lives++
	l, err := run(p.bin, filepath.Join(p.logs, fmt.Sprintf("%s-%d.log", p.name, p.lives)), env, p.args...)
	if err != nil {
		return err
	}
	p.life = l
	return nil
}

// run starts the program; what it says goes to the file.
func run(bin, log string, env []string, args ...string) (*life, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	defer func() { _ = out.Close() }()
	l := &life{cmd: exec.Command(bin, args...), log: log, done: make(chan struct{})} //nolint:noctx // it ends when it is killed
	l.cmd.Env = append(cleanEnv(), env...)
	l.cmd.Stdout, l.cmd.Stderr = out, out
	l.cmd.Dir = filepath.Dir(log)
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("campaign: start rosey %s: %w", args[0], err)
	}
	go func() {
		defer close(l.done)
		_ = l.cmd.Wait() // the state tells
	}()
	return l, nil
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

// ended reports whether the process is gone.
func (l *life) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// wait waits for the process to end; false when it has not within the limit.
func (l *life) wait(ctx context.Context, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-l.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// kill ends the process as a power cut would, and waits for it. It reports
// whether this is what ended it.
func (l *life) kill() bool {
	_ = l.cmd.Process.Kill() // it may have ended
	<-l.done
	return l.killed()
}

// killed reports whether a SIGKILL ended the process, which is gone.
func (l *life) killed() bool {
	status, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// interrupt asks the process to end, as Ctrl-C does. It must do so in good order
// within the limit.
func (l *life) interrupt(ctx context.Context, limit time.Duration) error {
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if !l.wait(ctx, limit) {
		l.kill()
		return fmt.Errorf("no end within %s of an interrupt", limit)
	}
	if !l.cmd.ProcessState.Success() {
		return fmt.Errorf("after an interrupt: %s", l.cmd.ProcessState)
	}
	return nil
}

// suspend stops the process for a while, and reports whether it stood still.
func (l *life) suspend(ctx context.Context, d time.Duration) bool {
	if l.cmd.Process.Signal(syscall.SIGSTOP) != nil {
		return false
	}
	stood := false
	for end := time.Now().Add(d); pause(ctx, 10*time.Millisecond); {
		state := l.state()
		stood = stood || state == 'T'
		// A busy machine may take a while to stop it.
		if gone := state == 0 || state == 'Z'; (stood || gone) && !time.Now().Before(end) {
			break
		}
	}
	_ = l.cmd.Process.Signal(syscall.SIGCONT) // it may have been killed from outside
	return stood
}

// state is the process's state as the kernel names it.
func (l *life) state() byte {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(l.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name before it is in parentheses and may hold anything.
	if at := strings.LastIndexByte(string(stat), ')'); at >= 0 && at+2 < len(stat) {
		return stat[at+2]
	}
	return 0
}

// left reports whether the process, which has ended in good order, said that it had no
// time for all there was to do.
func (l *life) left() bool {
	said, err := os.ReadFile(l.log)
	return err == nil && (bytes.Contains(said, []byte("events are left in the spool")) || bytes.Contains(said, []byte("the tables may be behind the stream")))
}

// lastWords is the end of what the process said.
func (l *life) lastWords() string {
	text, err := os.ReadFile(l.log)
	if err != nil {
		return err.Error()
	}
	if len(text) > lastWords {
		text = text[len(text)-lastWords:]
	}
	return string(text)
}

const lastWords = 2000

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
