package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
)

const smokeEvents = 2000

// directly makes this test's program the recorder that writes rows itself.
const directly = "write-directly"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == directly {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		if err := Direct(ctx, os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "up" {
		os.Exit(3) // a program that does not come up
	}
	os.Exit(m.Run())
}

func history(t *testing.T, n int) *History {
	t.Helper()
	h, err := NewHistory(t.Context(), t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

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
	live, again := schematest.Read(t, store.Link, schema.Dump), schematest.Read(t, rebuilt, schema.Dump)
	if live != again {
		t.Error("the rebuilt database differs from the live one")
	}
	if len(live) < 100*smokeEvents {
		t.Errorf("the dump has %d bytes for %d events", len(live), smokeEvents)
	}
}

func TestMeasurements_HaveFigures(t *testing.T) {
	t.Parallel()
	for name, measure := range map[string]func(t *testing.T) (Result, error){
		"publish":        func(t *testing.T) (Result, error) { return Publish(t.Context(), t.TempDir(), 8, 80) },
		"append":         func(t *testing.T) (Result, error) { return Append(t.Context(), t.TempDir(), 100, smokeEvents) },
		"requests":       func(t *testing.T) (Result, error) { return Requests(t.Context(), t.TempDir(), smokeEvents, 4, 20) },
		"mixed":          func(t *testing.T) (Result, error) { return Mixed(t.Context(), t.TempDir(), smokeEvents) },
		"restart":        func(t *testing.T) (Result, error) { return Restart(t.Context(), t.TempDir(), 500, smokeEvents) },
		"drain":          func(t *testing.T) (Result, error) { return Drain(t.Context(), t.TempDir(), smokeEvents) },
		"outage":         func(t *testing.T) (Result, error) { return Outage(t.Context(), t.TempDir(), smokeEvents, false) },
		"outage, singly": func(t *testing.T) (Result, error) { return Outage(t.Context(), t.TempDir(), 200, true) },
		"rebuild": func(t *testing.T) (Result, error) {
			h := history(t, smokeEvents)
			res, err := h.Rebuild(t.Context())
			if err != nil {
				return res, err
			}
			bounds, err := h.Bounds(t.Context())
			if err != nil {
				return res, err
			}
			res.Join(bounds)
			second, err := h.RebuildAgain(t.Context())
			res.Join(second)
			AddRebuildRatios(&res)
			return res, err
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
			mustHaveFigures(t, res)
		})
	}
}

// may are figures that can be zero or less of a good program, and differences, which
// can be so in a second on a busy machine.
var may = []string{
	"rss-MB/million-events", "added-rss-MB", "added-%-of-memory", "cpu-%-of-a-core",
	"added-%-of-a-core", "added-%-of-the-machine", "without-server-added-%-of-a-core",
}

func mustHaveFigures(t *testing.T, res Result) {
	t.Helper()
	if len(res.Metrics) == 0 {
		t.Error("there is no figure")
	}
	for _, m := range res.Metrics {
		if !(m.Value > 0) && !slices.Contains(may, m.Unit) {
			t.Errorf("%s is %v", m.Unit, m.Value)
		}
	}
	for _, c := range res.Curves {
		if len(c.X) < 2 || len(c.X) != len(c.Y) {
			t.Errorf("the curve %s has %d and %d points", c.Name, len(c.X), len(c.Y))
		}
	}
}

// TestProgram_IsMeasuredFromOutside runs the program itself, as an operator does.
func TestProgram_IsMeasuredFromOutside(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		if _, err := usageOf(os.Getpid()); err == nil {
			t.Error("what a process uses is known here too")
		}
		return
	}
	rosey, err := BuildProgram(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := Program{Rosey: rosey, Self: []string{os.Args[0], directly}, Late: 5 * time.Minute} // no disk is too slow
	for name, measure := range map[string]func(t *testing.T) (Result, error){
		"overhead":  func(t *testing.T) (Result, error) { return Overhead(t.Context(), t.TempDir(), p, 40, time.Second) },
		"sustained": func(t *testing.T) (Result, error) { return Sustained(t.Context(), t.TempDir(), p, time.Second) },
		"burst":     func(t *testing.T) (Result, error) { return Burst(t.Context(), t.TempDir(), p, 500) },
		"idle":      func(t *testing.T) (Result, error) { return Idle(t.Context(), t.TempDir(), p, 0, time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := measure(t)
			if err != nil {
				t.Fatal(err)
			}
			mustHaveFigures(t, res)
		})
	}
}

// TestProcess_ThatEndsByItselfIsToldOf keeps a measurement from waiting for, or
// counting, what is not there.
func TestProcess_ThatEndsByItselfIsToldOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Burst(t.Context(), dir, Program{Rosey: os.Args[0]}, 10) // see TestMain
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the program ended", err)
	}
}
