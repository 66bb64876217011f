package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// testConfig is a spool in a folder of the test, with short pauses.
func testConfig(dir string) Config {
	return Config{
		Path: filepath.Join(dir, "spool", "test.db"), Channel: "lobby",
		BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond,
	}
}

// testing.TB and *rapid.T have this in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func openSpool(t tb, cfg Config) *Spool {
	t.Helper()
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func closeSpool(t tb, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// newSpool opens a spool with a run begun, closed at the end of the test.
func newSpool(t *testing.T, change func(*Config)) (*Spool, string) {
	t.Helper()
	cfg := testConfig(t.TempDir())
	if change != nil {
		change(&cfg)
	}
	s := openSpool(t, cfg)
	t.Cleanup(func() { closeSpool(t, s) })
	return s, begin(t, s)
}

func begin(t tb, s *Spool) string {
	t.Helper()
	run, _, err := s.Begin(context.Background())
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return run.Producer
}

func said(text string) *events.Event {
	return &events.Event{
		Platform: events.PlatformCyTube, Kind: events.KindMessageLog, TimeMS: 1_700_000_000_123, ReceivedMS: 1_700_000_000_456,
		Payload: &events.MessageLog{Username: "ann", Message: text},
	}
}

func put(t tb, s *Spool, evs ...*events.Event) []string {
	t.Helper()
	if err := s.Put(context.Background(), evs...); err != nil {
		t.Fatalf("put: %v", err)
	}
	ids := make([]string, len(evs))
	for i, e := range evs {
		ids[i] = e.ID
	}
	return ids
}

// startDrain runs Drain until the returned function is called.
func startDrain(t tb, s *Spool, app Appender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Drain(ctx, app) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("drain ended with %v, want the context's error", err)
		}
	}
}

// drainAll drains until nothing waits.
func drainAll(t tb, s *Spool, app Appender) {
	t.Helper()
	stop := startDrain(t, s, app)
	defer stop()
	settle(t, s)
}

func settle(t tb, s *Spool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := s.Settle(ctx); err != nil {
		t.Fatalf("settle with %+v waiting: %v", s.Depth(), err)
	}
}

func storedIDs(t testing.TB, stream *streams.Stream) []string {
	t.Helper()
	var ids []string
	for _, m := range streamstest.ReadAll(t, stream, streams.ReadOptions{}) {
		ids = append(ids, m.MsgID)
	}
	return ids
}

func checkIDs(t tb, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("stream holds %d events %s, want %d events %s", len(got), brief(got), len(want), brief(want))
	}
}

func brief(ids []string) string {
	if len(ids) <= 40 {
		return fmt.Sprint(ids)
	}
	return fmt.Sprint(ids[:40]) + "…"
}

func idsOf(producer string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = events.MakeID(producer, uint64(i+1))
	}
	return ids
}

func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}

// dedupeWindow is the shortest the server allows.
const dedupeWindow = 100 * time.Millisecond

// shortenWindow makes the server forget message ids soon, as it does in an
// outage that lasts longer than its memory.
func shortenWindow(t testing.TB, env *streamstest.Env) {
	t.Helper()
	js := env.Conn.JetStream()
	stream, err := js.Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatalf("look up stream: %v", err)
	}
	cfg := stream.CachedInfo().Config
	cfg.Duplicates = dedupeWindow
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatalf("shorten duplicate window: %v", err)
	}
}

// forget makes the server forget the message ids that it knows, as an outage does
// that lasts longer than its memory. What is stored from here it remembers: a message
// that a slow server has not looked at yet when it is sent again is there once, as in
// production.
func forget(t testing.TB, env *streamstest.Env) {
	t.Helper()
	js := env.Conn.JetStream()
	stream, err := js.Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatalf("look up stream: %v", err)
	}
	cfg := stream.CachedInfo().Config
	shortenWindow(t, env)
	select {
	case <-time.After(3 * dedupeWindow):
	case <-t.Context().Done():
		t.Fatal("test ended")
	}
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatalf("restore duplicate window: %v", err)
	}
}

// copySpool copies an open spool's files as a crash would leave them, the shared
// memory included.
func copySpool(t testing.TB, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatalf("copy spool: %v", err)
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatalf("copy spool: %v", err)
		}
	}
	return to
}
