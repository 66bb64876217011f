package obs_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/spool"
	"rosey/internal/loss"
	"rosey/internal/obs"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// parts are the states of parts that a test changes.
type parts struct {
	mu        sync.Mutex
	recorder  bot.RecorderStatus
	projector projector.Status
	stream    streams.State
	streamErr error
	serverErr error
	now       time.Time
}

func (p *parts) set(f func(*parts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func get[T any](p *parts, f func(*parts) T) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f(p)
}

// start serves parts that are all well.
func start(t *testing.T) (*parts, *obs.Server) {
	t.Helper()
	p := &parts{now: time.UnixMilli(1_800_000_000_000)}
	p.projector.Running = true
	s, err := obs.Start(t.Context(), obs.Config{
		Now: func() time.Time { return get(p, func(p *parts) time.Time { return p.now }) },
		Sources: obs.Sources{
			Recorder:  func() bot.RecorderStatus { return get(p, func(p *parts) bot.RecorderStatus { return p.recorder }) },
			Projector: func() projector.Status { return get(p, func(p *parts) projector.Status { return p.projector }) },
			Stream: func(context.Context) (streams.State, error) {
				return get(p, func(p *parts) streams.State { return p.stream }), get(p, func(p *parts) error { return p.streamErr })
			},
			Server: func() error { return get(p, func(p *parts) error { return p.serverErr }) },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, s
}

func ask(t *testing.T, s *obs.Server, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestMetrics_TellTheRebuild(t *testing.T) {
	t.Parallel()
	w := replay.Work{ID: "w1", Running: true, StartedMS: 1_800_000_000_500, Progress: replay.Progress{
		Phase: replay.PhaseEvents, Seq: 40, Last: 100, Events: 39, PerSecond: 20, RemainingSeconds: 3, ElapsedSeconds: 2, MemoryBytes: 4096,
	}}
	s, err := obs.Start(t.Context(), obs.Config{Sources: obs.Sources{Rebuild: func() replay.Work { return w }}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, text := ask(t, s, "/metrics")
	for _, want := range []string{
		"running 1", "failed 0", "seq 40", "last_seq 100", "events 39", "events_per_second 20", "remaining_seconds 3", "elapsed_seconds 2",
		"memory_bytes 4096", "started_timestamp_seconds 1.8000000005e+09",
	} {
		if !strings.Contains(text, "\nrosey_rebuild_"+want+"\n") {
			t.Errorf("the metrics do not hold rosey_rebuild_%s:\n%s", want, text)
		}
	}
}

func TestReady_EachPartCounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, part string
		spoil      func(*parts)
		metric     string
	}{
		{"the spool is full", "spool", func(p *parts) { p.recorder.Full = true }, "rosey_spool_full 1"},
		{"publishing fails", "spool", func(p *parts) { p.recorder.Failing = errors.New("no answer") }, "rosey_spool_failing 1"},
		{"an event waits in the spool for long", "spool", func(p *parts) {
			p.recorder.Depth = spool.Depth{Events: 3, OldestMS: p.now.Add(-90 * time.Second).UnixMilli()}
		}, "rosey_spool_oldest_age_seconds 90"},
		{"the stream is gone", "stream", func(p *parts) { p.streamErr = streams.ErrNoStream }, "rosey_stream_reachable 0"},
		{"the server is not well", "server", func(p *parts) { p.serverErr = errors.New("disk full") }, "rosey_server_healthy 0"},
		{"the projection is interrupted", "projector", func(p *parts) { p.projector.Trouble = errors.New("disk full") }, "rosey_projector_failing 1"},
		{"the projector has ended", "projector", func(p *parts) { p.projector.Running = false }, "rosey_projector_running 0"},
		{"an event waits to be applied for long", "projector", func(p *parts) {
			p.projector.Lag, p.projector.Oldest = 7, p.now.Add(-90*time.Second)
		}, "rosey_projector_lag_seconds 90"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, s := start(t)
			if status, body := ask(t, s, "/readyz"); status != http.StatusOK {
				t.Fatalf("all is well: %d %s", status, body)
			}
			var before parts
			p.set(func(p *parts) {
				before.recorder, before.projector = p.recorder, p.projector
				tt.spoil(p)
			})
			status, body := ask(t, s, "/readyz")
			var r obs.Readiness
			if err := json.Unmarshal([]byte(body), &r); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusServiceUnavailable || r.Ready || r.Parts[tt.part].Ready || r.Parts[tt.part].Detail == "" {
				t.Errorf("status %d: %s", status, body)
			}
			for name, part := range r.Parts {
				if name != tt.part && !part.Ready {
					t.Errorf("%s is not ready either: %s", name, body)
				}
			}
			if _, text := ask(t, s, "/metrics"); !strings.Contains(text, "\n"+tt.metric+"\n") {
				t.Errorf("the metrics do not hold %s:\n%s", tt.metric, text)
			}
			if status, _ := ask(t, s, "/healthz"); status != http.StatusOK {
				t.Errorf("it lives all the same, and /healthz says %d", status)
			}
			p.set(func(p *parts) {
				p.recorder, p.projector, p.streamErr, p.serverErr = before.recorder, before.projector, nil, nil
			})
			if status, body := ask(t, s, "/readyz"); status != http.StatusOK {
				t.Errorf("all is well again: %d %s", status, body)
			}
		})
	}
}

// A projector to which nothing is delivered believes that it is current.
func TestReady_TheStreamSaysWhetherTablesStandStill(t *testing.T) {
	t.Parallel()
	p, s := start(t)
	p.set(func(p *parts) { p.stream.LastSeq, p.projector.Checkpoint.Seq = 50, 40 })
	if status, body := ask(t, s, "/readyz"); status != http.StatusOK || !strings.Contains(body, `"events":10`) {
		t.Errorf("at first: %d %s", status, body)
	}
	p.set(func(p *parts) { p.now = p.now.Add(2 * time.Minute) })
	if status, body := ask(t, s, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("two minutes later: %d %s", status, body)
	}
	p.set(func(p *parts) { p.projector.Checkpoint.Seq = 45 })
	if status, body := ask(t, s, "/readyz"); status != http.StatusOK {
		t.Errorf("once it moves: %d %s", status, body)
	}
}

// While nobody can be asked, the last lag that was known is none.
func TestReady_AnUnknownLagIsNotZero(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(*parts)
		words string
	}{
		{"the stream is gone", func(p *parts) { p.streamErr = streams.ErrNoStream }, streams.ErrNoStream.Error()},
		{"the projector lost it", func(p *parts) {
			p.projector.Trouble, p.projector.LagUnknown = streams.ErrDisconnected, true
		}, "how far the tables are behind is unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, s := start(t)
			p.set(tt.spoil)
			status, body := ask(t, s, "/readyz")
			var r obs.Readiness
			if err := json.Unmarshal([]byte(body), &r); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusServiceUnavailable || !strings.Contains(body, tt.words) {
				t.Errorf("status %d: %s, want a word of %q", status, body, tt.words)
			}
			if part := r.Parts["projector"]; part.Events != nil || part.AgeSeconds != nil {
				t.Errorf("a number is told: %s", body)
			}
		})
	}
}

func TestStart_RefusesAPortInUse(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	var port int
	if _, after, ok := strings.Cut(s.URL(), "127.0.0.1:"); ok {
		if err := json.Unmarshal([]byte(after), &port); err != nil {
			t.Fatal(err)
		}
	}
	if second, err := obs.Start(t.Context(), obs.Config{Port: port}); err == nil {
		t.Errorf("a second server on port %d", port)
		_ = second.Close()
	}
}

// What the store has lost is shown, and makes nothing less ready: what comes is recorded.
func TestReady_AStreamThatLostMessages(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	s, err := obs.Start(t.Context(), obs.Config{Sources: obs.Sources{
		Stream: func(context.Context) (streams.State, error) { return streams.State{}, nil },
		StreamLost: func(context.Context) (*loss.Lost, error) {
			if failing.Load() {
				return nil, errors.New("nobody can be asked")
			}
			return &loss.Lost{Messages: 1234}, nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_, body := ask(t, s, "/metrics")
	wantLines(t, body, "rosey_stream_lost_messages 1234")
	if code, body := ask(t, s, "/readyz"); code != http.StatusOK || !strings.Contains(body, `"lost":1234`) {
		t.Errorf("%d %s", code, body)
	}
	failing.Store(true)
	if _, body := ask(t, s, "/metrics"); strings.Contains(body, "rosey_stream_lost_messages") {
		t.Errorf("nobody can be asked, and it is told that: %s", body)
	}
}

func TestStreamLost_WithoutTables(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ask := obs.StreamLost(schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, env.Stream)
	for range 2 {
		if l, err := ask(t.Context()); l != nil || err != nil {
			t.Errorf("got %+v, %v", l, err)
		}
	}
}

func TestTableLosses_WithoutTables(t *testing.T) {
	t.Parallel()
	ask := obs.TableLosses(schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")})
	for range 2 {
		if _, err := ask(t.Context()); !errors.Is(err, schema.ErrNoDatabase) {
			t.Errorf("got %v, want ErrNoDatabase", err)
		}
	}
}
