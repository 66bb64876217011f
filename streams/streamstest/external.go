package streamstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// External is a NATS server in a process of its own, the real program, for tests
// in which it has to die.
type External struct {
	bin, dir string
	port     int
	config   string

	mu  sync.Mutex
	cmd *exec.Cmd
}

// ExternalOptions says how the server runs.
type ExternalOptions struct {
	// NoSync lets the server acknowledge before it syncs, which is its default.
	NoSync bool
	// Config is appended to the configuration file, for users or TLS.
	Config string
	// Stopped leaves the start to the test.
	Stopped bool

	// whole writes the configuration file instead, for a client port and a folder.
	whole func(port int, dir string) string
}

// ExternalServer builds nats-server from the module cache and runs it on a free
// port of loopback with its store in a temporary directory. It ends with the
// test.
func ExternalServer(t testing.TB, o ExternalOptions) *External {
	t.Helper()
	bin, err := buildServer()
	if err != nil {
		t.Fatalf("build nats-server: %v", err)
	}
	e := &External{bin: bin, dir: t.TempDir(), port: freePort(t)}
	e.config = filepath.Join(e.dir, "nats.conf")
	sync := "always"
	if o.NoSync {
		sync = "2m"
	}
	text := fmt.Sprintf("listen: \"127.0.0.1:%d\"\nmax_payload: 8MB\njetstream { store_dir: %q, sync_interval: %s }\n%s\n",
		e.port, e.Store(), sync, o.Config)
	if o.whole != nil {
		text = o.whole(e.port, e.dir)
	}
	if err := os.WriteFile(e.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Kill)
	if o.Stopped {
		return e
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

// URL returns where clients connect.
func (e *External) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", e.port) }

// Store returns the folder that the server keeps its store in.
func (e *External) Store() string { return filepath.Join(e.dir, "store") }

// PID returns the server's process, 0 while it does not run.
func (e *External) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cmd == nil {
		return 0
	}
	return e.cmd.Process.Pid
}

// Start runs the server on its old store and waits until it takes clients. It
// does nothing while it runs.
func (e *External) Start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cmd != nil {
		return nil
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(context.Background(), e.bin, "-c", e.config)
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start nats-server: %w", err)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for !greets(e.port) {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return fmt.Errorf("nats-server does not take clients:\n%s", &log)
		}
		time.Sleep(10 * time.Millisecond)
	}
	e.cmd = cmd
	return nil
}

// greets reports whether a NATS server introduces itself on the port, which it
// does once its streams are recovered.
func greets(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // only looked at
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	word := make([]byte, 4)
	_, err = io.ReadFull(conn, word)
	return err == nil && string(word) == "INFO"
}

// Kill ends the server as kill -9 does. It does nothing while it does not run.
func (e *External) Kill() { e.end(func(p *os.Process) error { return p.Kill() }) }

// Stop ends the server in an orderly way.
func (e *External) Stop() { e.end(func(p *os.Process) error { return p.Signal(os.Interrupt) }) }

func (e *External) end(how func(*os.Process) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cmd == nil {
		return
	}
	_ = how(e.cmd.Process)
	_ = e.cmd.Wait()
	e.cmd = nil
}

// buildServer returns the program out of Go's build cache, where go run keeps
// what it links; the first go run of all still shows a temporary file.
var buildServer = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for range 3 {
		out, err := exec.CommandContext(ctx, "go", "run", "-exec", "echo", "github.com/nats-io/nats-server/v2").Output()
		if err != nil {
			return "", err
		}
		bin := strings.TrimSpace(string(out))
		if _, err := os.Stat(bin); err == nil {
			return bin, nil
		}
	}
	return "", errors.New("the linked program is not in Go's build cache")
})

// given are the ports that this program's tests have.
var given sync.Map

// freePort returns a port that nobody listens on, and that no other test has: its
// server may be down just now, or not be started yet. It is below those that the
// system hands out by itself: of these another test's server could get one while
// the server it was meant for is down, and take its clients.
func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := lc.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no port is free")
	return 0
}
