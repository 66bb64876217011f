package bench

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// long is whether to measure what takes minutes too.
func long() bool { return os.Getenv("ROSEY_BENCH_LONG") != "" }

// report runs a measurement b.N times and reports the last one's figures.
func report(b *testing.B, measure func() (Result, error)) {
	b.Helper()
	var res Result
	for b.Loop() {
		var err error
		if res, err = measure(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op") // the time of making events and of the bounds is no figure
	for _, m := range res {
		b.ReportMetric(m.Value, m.Unit)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, bm := range []struct {
		name          string
		batch, events int
	}{{"sync", 1, 5000}, {"batch=100", 100, 50_000}, {"batch=1000", 1000, 200_000}} {
		b.Run(bm.name, func(b *testing.B) {
			report(b, func() (Result, error) { return Append(b.Context(), b.TempDir(), bm.batch, bm.events) })
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	sizes := []int{100_000, 1_000_000}
	if long() {
		sizes = append(sizes, 10_000_000)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			h := history(b, n)
			report(b, func() (Result, error) { return h.Rebuild(b.Context()) })
		})
	}
}

func BenchmarkProjectLive(b *testing.B) {
	b.Run("events=200000", func(b *testing.B) {
		h := history(b, 200_000)
		report(b, func() (Result, error) { return h.Live(b.Context()) })
	})
}

func BenchmarkFrameToRow(b *testing.B) {
	for _, bm := range []struct{ perSecond, lines int }{{100, 1000}, {1000, 10_000}} {
		b.Run(fmt.Sprintf("rate=%d", bm.perSecond), func(b *testing.B) {
			report(b, func() (Result, error) { return FrameToRow(b.Context(), b.TempDir(), bm.perSecond, bm.lines) })
		})
	}
}

func BenchmarkQueries(b *testing.B) {
	b.Run("events=200000", func(b *testing.B) {
		h := history(b, 200_000)
		report(b, func() (Result, error) { return h.Queries(b.Context(), 20) })
	})
}

func BenchmarkSpeak(b *testing.B) {
	report(b, func() (Result, error) { return Speak(b.Context(), b.TempDir(), 200, 100*time.Millisecond) })
}

func BenchmarkSpoolDrain(b *testing.B) {
	b.Run("events=100000", func(b *testing.B) {
		report(b, func() (Result, error) { return Drain(b.Context(), b.TempDir(), 100_000) })
	})
}

func BenchmarkOutage(b *testing.B) {
	n := 100_000
	if long() {
		n = 1_000_000
	}
	for name, singly := range map[string]bool{"batches": false, "singly": true} {
		size := n
		if singly {
			size = n / 10
		}
		b.Run(fmt.Sprintf("%s/events=%d", name, size), func(b *testing.B) {
			report(b, func() (Result, error) { return Outage(b.Context(), b.TempDir(), size, singly) })
		})
	}
}

func history(t testing.TB, n int) *History {
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
