package healing

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// clockProgram is the real program with one difference: its time.Now adds what a
// file says. The standard library is replaced for this one build.
var clockProgram = sync.OnceValues(func() (string, error) {
	overlay, err := clockOverlay(scratch)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(scratch, "rosey")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", bin, "rosey/cmd/rosey").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

// clockOverlay writes what replaces files of the standard library.
func clockOverlay(dir string) (string, error) {
	out, err := exec.CommandContext(context.Background(), "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	text, err := os.ReadFile(filepath.Join(src, "time.go"))
	if err != nil {
		return "", err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	before, after, ok := bytes.Cut(text, []byte(now))
	if !ok {
		return "", fmt.Errorf("time.Now of %s is not as expected", src)
	}
	changed := string(before) + now + "\tsec += shift()\n" + string(after)
	shift, err := os.ReadFile(filepath.Join("testdata", "shift.go.txt"))
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range map[string]string{"time.go": changed, "shift.go": string(shift)} {
		own := filepath.Join(dir, name)
		if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(src, name)] = own
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, data, 0o600)
}

// machine is what processes believe about the time.
type machine struct {
	t     *testing.T
	bin   string
	clock string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	bin, err := clockProgram()
	if err != nil {
		t.Fatalf("build the program: %v", err)
	}
	m := &machine{t: t, bin: bin, clock: filepath.Join(t.TempDir(), "clock")}
	m.set(0)
	return m
}

// set sets the clock of all processes to so much after the true time.
func (m *machine) set(d time.Duration) {
	m.t.Helper()
	f, err := os.OpenFile(m.clock, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	// In place: the processes look at this file in memory.
	_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(d/time.Second)))
	if err = errors.Join(err, f.Close()); err != nil {
		m.t.Fatal(err)
	}
}

// process is one run of the program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *logs
	done chan struct{}
}

// start runs the program; what still runs at the end of the test is killed.
func (m *machine) start(args ...string) *process {
	m.t.Helper()
	p := &process{t: m.t, cmd: exec.Command(m.bin, args...), out: newLogs(m.t), done: make(chan struct{})}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "ROSEY_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "HEALING_CLOCK="+m.clock)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Dir = m.t.TempDir()
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state tells
	}()
	m.t.Cleanup(p.kill)
	return p
}

// run runs the program to its end, which must be a success.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	p := m.start(args...)
	<-p.done
	text := p.out.tail(1000)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		m.t.Fatalf("rosey %s: exit code %d\n%s", strings.Join(args, " "), code, text)
	}
	return text
}

// kill ends the process at once, as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop ends the process in order.
func (p *process) stop() {
	p.t.Helper()
	select {
	case <-p.done:
		p.t.Errorf("rosey %s ended by itself\n%s", p.cmd.Args[1], p.out.tail(20))
		return
	default:
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("rosey %s: exit code %d\n%s", p.cmd.Args[1], code, p.out.tail(20))
	}
}
