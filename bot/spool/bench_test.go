package spool

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rosey/events"
	"rosey/streams/streamstest"
)

func benchSpool(b *testing.B) *Spool {
	b.Helper()
	s := openSpool(b, testConfig(b.TempDir()))
	b.Cleanup(func() { closeSpool(b, s) })
	begin(b, s)
	return s
}

func benchLine(i int) *events.Event {
	return said(fmt.Sprint("line ", i, " ", strings.Repeat("lorem ipsum ", 6)))
}

// BenchmarkPut is the time until one event is on the disk.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := benchSpool(b)
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := s.Put(context.Background(), benchLine(int(i))); err != nil {
							b.Errorf("put: %v", err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkDrain is the rate after an outage, every batch synced by the server.
func BenchmarkDrain(b *testing.B) {
	env := streamstest.New(b, streamstest.WithSync())
	s := benchSpool(b)
	const chunk = 1000
	for from := 0; from < b.N; from += chunk {
		evs := make([]*events.Event, min(chunk, b.N-from))
		for i := range evs {
			evs[i] = benchLine(from + i)
		}
		put(b, s, evs...)
	}
	b.ResetTimer()
	drainAll(b, s, env.Stream)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkThrough is the time from Put to the stream's acknowledgement of one
// event when nothing else is going on, both synced.
func BenchmarkThrough(b *testing.B) {
	env := streamstest.New(b, streamstest.WithSync())
	s := benchSpool(b)
	stop := startDrain(b, s, env.Stream)
	defer stop()
	b.ResetTimer()
	for i := range b.N {
		put(b, s, benchLine(i))
		settle(b, s)
	}
}
