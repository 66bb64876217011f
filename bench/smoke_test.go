package bench

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rosey/replay"
	"rosey/schema"
)

const smokeEvents = 2000

// TestHistory_RebuildAndLiveAreEqual makes sure that what is compared does the
// same work.
func TestHistory_RebuildAndLiveAreEqual(t *testing.T) {
	t.Parallel()
	h := history(t, smokeEvents)
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	if _, err := h.project(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	rebuilt := h.file()
	if _, err := replay.Into(t.Context(), rebuilt, replay.Config{Stream: h.rig.stream, DefaultChannel: Channel}); err != nil {
		t.Fatal(err)
	}
	live, again := dump(t, store.Link), dump(t, rebuilt)
	if live != again {
		t.Error("the rebuilt database differs from the live one")
	}
	if len(live) < 100*smokeEvents {
		t.Errorf("the dump has %d bytes for %d events", len(live), smokeEvents)
	}
}

func dump(t *testing.T, path string) string {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	text, err := schema.Dump(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMeasurements_HaveFigures(t *testing.T) {
	t.Parallel()
	for name, measure := range map[string]func(t *testing.T) (Result, error){
		"append":         func(t *testing.T) (Result, error) { return Append(t.Context(), t.TempDir(), 100, smokeEvents) },
		"drain":          func(t *testing.T) (Result, error) { return Drain(t.Context(), t.TempDir(), smokeEvents) },
		"outage":         func(t *testing.T) (Result, error) { return Outage(t.Context(), t.TempDir(), smokeEvents, false) },
		"outage, singly": func(t *testing.T) (Result, error) { return Outage(t.Context(), t.TempDir(), smokeEvents, true) },
		"rebuild": func(t *testing.T) (Result, error) {
			return history(t, smokeEvents).Rebuild(t.Context())
		},
		"live":         func(t *testing.T) (Result, error) { return history(t, smokeEvents).Live(t.Context()) },
		"queries":      func(t *testing.T) (Result, error) { return history(t, smokeEvents).Queries(t.Context(), 1) },
		"speak":        func(t *testing.T) (Result, error) { return Speak(t.Context(), t.TempDir(), 10, 5*time.Millisecond) },
		"frame to row": func(t *testing.T) (Result, error) { return FrameToRow(t.Context(), t.TempDir(), 100, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := measure(t)
			if err != nil {
				t.Fatal(err)
			}
			if bad := slices.IndexFunc(res, func(m Metric) bool { return !(m.Value > 0) }); bad >= 0 {
				t.Errorf("%s is %v", res[bad].Unit, res[bad].Value)
			}
		})
	}
}
