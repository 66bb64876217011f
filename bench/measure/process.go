package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// BuildProgram builds the program as it is installed, and returns its path. What a
// whole installation takes of the machine is measured on the program itself.
func BuildProgram(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "rosey")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "rosey/cmd/rosey").CombinedOutput() //nolint:gosec // our own
	if err != nil {
		return "", fmt.Errorf("measure: build the program: %w\n%s", err, out)
	}
	return path, nil
}

// process is a program that is measured from outside.
type process struct {
	cmd    *exec.Cmd
	out    tailBuffer
	exited chan error
}

func startProcess(path string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan error, 1)} //nolint:noctx,gosec // it ends orderly, by stop
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	// Nothing of the caller's surroundings makes it another program.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.Getenv("TMPDIR")}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("measure: start %s: %w", args[0], err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// failed is an error as soon as the process has ended by itself.
func (p *process) failed() error {
	select {
	case err := <-p.exited:
		p.exited <- err
		return fmt.Errorf("measure: %s ended by itself: %w\n%s", filepath.Base(p.cmd.Path), err, p.out.String())
	default:
		return nil
	}
}

// endLimit is how long a program may take to end in good order.
const endLimit = 20 * time.Second

// stop ends the process in good order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("measure: stop: %w", err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			return fmt.Errorf("measure: %s: %w\n%s", filepath.Base(p.cmd.Path), err, p.out.String())
		}
		return nil
	case <-time.After(endLimit):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("measure: %s did not end within %v", filepath.Base(p.cmd.Path), endLimit)
	}
}

// tailBuffer keeps the end of what a process writes.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailLimit = 8 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, _ := b.buf.Write(p) // never fails
	if extra := b.buf.Len() - tailLimit; extra > 0 {
		b.buf.Next(extra)
	}
	return n, nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
