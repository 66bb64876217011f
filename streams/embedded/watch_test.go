package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestServer_RestartsItselfAfterAFullDisk(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{StoreDir: t.TempDir(), NoListen: true, NoMonitor: true, WatchEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	before := s.current()
	// What the server logs when a write fails for lack of space.
	before.log.Errorf("JetStream out of space, will be DISABLED: write: no space left on device")
	if err := s.Health(); err != nil && !errors.Is(err, ErrUnhealthy) && !errors.Is(err, ErrNotRunning) {
		t.Errorf("health: %v", err)
	}
	deadline := time.After(2 * time.Minute)
	for now := s.current(); now == before || now == nil; now = s.current() {
		select {
		case <-deadline:
			t.Fatal("the server was not replaced")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := s.Health(); err != nil {
		t.Errorf("health after the restart: %v", err)
	}
}

// A restart that fails leaves no server. It is tried again until one is there.
func TestServer_ComesBackAfterAFailedRestart(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{StoreDir: t.TempDir(), Port: AnyPort, NoMonitor: true, WatchEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	addr := strings.TrimPrefix(s.ClientURL(), "nats://")
	// What Restart does, with somebody else on the port in between.
	s.lifecycle.Lock()
	if err := s.retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.launch(t.Context()); !errors.Is(err, ErrPortInUse) {
		t.Errorf("start on a taken port: %v", err)
	}
	s.lifecycle.Unlock()
	if err := s.Health(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("health without a server: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); s.Health() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no server came back: %v", s.Health())
		}
	}
}

func TestLogBridge_FatalIsReportedAndDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	b := newLogBridge(slog.New(slog.DiscardHandler))
	b.Fatalf("cannot listen on port %d", 1)
	b.Fatalf("and another")
	select {
	case <-b.fatal:
	default:
		t.Fatal("the fatal message is not reported")
	}
	if got, want := b.fatalText(), "cannot listen on port 1"; got != want {
		t.Errorf("fatal message %q, want %q", got, want)
	}
}
