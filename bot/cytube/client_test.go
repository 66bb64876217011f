package cytube

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/suite"
)

// quick are waits that do not hold up a test.
var quick = Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond, Jitter: -1}

func quickConfig(server, channel, user string) Config {
	cfg := Config{
		Server: server, Channel: channel, Username: user,
		Backoff: quick, KickPause: quick, DuplicatePause: quick, BanPause: quick, LoginPause: quick, RefusedPause: quick,
	}
	if user != "" {
		cfg.Password = "secret"
	}
	return cfg
}

// collector is a Handler that keeps everything.
type collector struct {
	mu    sync.Mutex
	items []Item
}

func (c *collector) handle(_ context.Context, it Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items = append(c.items, it)
	return nil
}

func (c *collector) all() []Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.items)
}

// frames returns the collected events, encoded as they came.
func (c *collector) frames() []string {
	var out []string
	for _, it := range c.all() {
		if f, ok := it.(Frame); ok {
			out = append(out, frameText(f))
		}
	}
	return out
}

func frameText(f Frame) string {
	name, _ := json.Marshal(f.Event)
	parts := []string{string(name)}
	for _, arg := range f.Args {
		parts = append(parts, string(arg))
	}
	return "42[" + strings.Join(parts, ",") + "]"
}

func (c *collector) reasons() []string {
	var out []string
	for _, it := range c.all() {
		if d, ok := it.(Disconnected); ok {
			out = append(out, d.Reason)
		}
	}
	return out
}

func count[T Item](items []Item) int {
	n := 0
	for _, it := range items {
		if _, ok := it.(T); ok {
			n++
		}
	}
	return n
}

// start runs a client until the test ends or stop is called, which returns what
// Run returned.
func start(t *testing.T, c *Client, h Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- c.Run(ctx, h) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-result:
			return err
		case <-time.After(2 * time.Minute):
			t.Error("Run did not end within 2 min")
			return nil
		}
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var eventually = suite.Eventually

func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("not within 2 min: %s", what)
	}
}

func recordings(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/wire/*.ndjson")
	if err != nil || len(files) < 20 {
		t.Fatalf("recordings: %d files, %v", len(files), err)
	}
	return files
}

// checkSessions checks the order of items: Connected first, Disconnected last,
// once each, and Joined in between at most once.
func checkSessions(t *testing.T, items []Item) {
	t.Helper()
	inside, joined := false, false
	for i, it := range items {
		switch it.(type) {
		case Connected:
			if inside {
				t.Errorf("item %d: Connected inside a session", i)
			}
			inside, joined = true, false
		case Disconnected:
			if !inside {
				t.Errorf("item %d: Disconnected outside a session", i)
			}
			inside = false
		case Joined:
			if joined || !inside {
				t.Errorf("item %d: Joined out of place", i)
			}
			joined = true
		case Frame:
			if !inside {
				t.Errorf("item %d: Frame outside a session", i)
			}
		}
	}
	if inside {
		t.Error("the last session has no Disconnected")
	}
}

func TestClient_EveryRecordingArrivesWhole(t *testing.T) {
	t.Parallel()
	for _, file := range recordings(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".ndjson")
		if name == "socketconfig" {
			continue // HTTP only
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			player := cytubetest.PlayFile(t, file, cytubetest.PlayerConfig{})
			cfg := quickConfig(player.URL(), player.Channel(), player.User())
			cfg.ChannelPassword = "hunter2"
			client := newClient(t, cfg)
			var got collector
			stop := start(t, client, got.handle)
			waitFor(t, "recording played", player.Done())
			if err := stop(); err != nil {
				t.Errorf("Run: %v", err)
			}

			checkSessions(t, got.all())
			if got, want := got.frames(), player.SentEvents(); !slices.Equal(got, want) {
				t.Errorf("%d frames arrived, %d were sent; first difference at %d", len(got), len(want), firstDifference(got, want))
			}
			if bad := client.State().BadFrames; bad > 1 { // connect-errors holds one for another namespace
				t.Errorf("%d frames were not understood", bad)
			}
		})
	}
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
