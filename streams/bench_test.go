package streams_test

import (
	"fmt"
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

func BenchmarkStream_Append(b *testing.B) {
	env := streamstest.New(b, streamstest.WithSync())
	for i := 0; b.Loop(); i++ {
		if _, err := env.Stream.Append(b.Context(), line("p", i+1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkStream_AppendBatch(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			env := streamstest.New(b, streamstest.WithSync())
			seq := 0
			for b.Loop() {
				b.StopTimer()
				batch := make([]streams.AppendMessage, size)
				for i := range batch {
					seq++
					batch[i] = line("p", seq)
				}
				b.StartTimer()
				if _, err := env.Stream.AppendBatch(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

const benchEvents = 200_000

func BenchmarkReader_Next(b *testing.B) {
	env := streamstest.New(b)
	env.Append(b, lines("p", benchEvents)...)
	for b.Loop() {
		r, err := env.Stream.Reader(b.Context(), streams.ReadOptions{StopAtEnd: true})
		if err != nil {
			b.Fatal(err)
		}
		for range benchEvents {
			if _, err := r.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDelivery_Next(b *testing.B) {
	env := streamstest.New(b)
	env.Append(b, lines("p", benchEvents)...)
	c, err := env.Stream.Consumer(b.Context(), "main", streams.ConsumerOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d, err := c.Start(b.Context(), 1, 10_000)
		if err != nil {
			b.Fatal(err)
		}
		for i := range benchEvents {
			m, err := d.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if i%1000 == 999 {
				if err := d.Ack(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
		}
		d.Stop()
	}
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}
