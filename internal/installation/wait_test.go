package installation

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/streams/embedded"
)

// counter counts the log lines with a text.
type counter struct {
	slog.Handler
	text string
	n    atomic.Int64
}

func (c *counter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.text) {
		c.n.Add(1)
	}
	return nil
}
func (c *counter) Enabled(context.Context, slog.Level) bool { return true }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler       { return c }

func quiet(d Dir) ServerConfig { return ServerConfig{Dir: d, NoListen: true, NoMonitor: true} }

// recorded is a data folder with a stream in it, which nobody serves.
func recorded(t *testing.T) Dir {
	t.Helper()
	d := Dir(filepath.Join(t.TempDir(), "data"))
	s, err := StartServer(t.Context(), quiet(d))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStartServer_WaitsForACommandThatReads(t *testing.T) {
	t.Parallel()
	d := recorded(t)
	reader, err := Attach(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	waits := &counter{text: "reads the stream"}
	cfg := quiet(d)
	cfg.Logger = slog.New(waits)
	started := make(chan error, 1)
	go func() {
		s, err := StartServer(t.Context(), cfg)
		if err == nil {
			err = s.Stop()
		}
		started <- err
	}()
	for waits.n.Load() == 0 {
		select {
		case err := <-started:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	for range 2 {
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-started; err != nil {
		t.Error(err)
	}
	if n := waits.n.Load(); n != 1 {
		t.Errorf("it said %d times that it waits", n)
	}
}

func TestStartServer_RefusesASecondServerAtOnce(t *testing.T) {
	t.Parallel()
	d := recorded(t)
	s, err := StartServer(t.Context(), quiet(d))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	waits := &counter{text: "reads the stream"}
	cfg := quiet(d)
	cfg.Logger = slog.New(waits)
	if _, err := StartServer(t.Context(), cfg); !errors.Is(err, embedded.ErrStoreInUse) {
		t.Errorf("a second server: %v, want ErrStoreInUse", err)
	}
	if waits.n.Load() != 0 {
		t.Error("it waited for the server as for a command that reads")
	}
	if e, err := d.Endpoint(); err != nil || e.PID != os.Getpid() {
		t.Errorf("the endpoint is %+v, %v", e, err)
	}
}

func TestStartEmbedded_WaitsNoLongerThanItsLimit(t *testing.T) {
	t.Parallel()
	d := recorded(t)
	reader, err := Attach(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	cfg := embedded.Config{StoreDir: d.JetStream(), NoListen: true, NoMonitor: true}
	if _, err := startEmbedded(t.Context(), d, cfg, 50*time.Millisecond); !errors.Is(err, embedded.ErrStoreInUse) {
		t.Errorf("after the limit: %v, want ErrStoreInUse", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := startEmbedded(ctx, d, cfg, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that ends: %v", err)
	}
}
