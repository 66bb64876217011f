package query_test

import (
	"sync"
	"testing"

	"rosey/streams/streamstest"
)

func BenchmarkService(b *testing.B) {
	d := newDesk(b, streamstest.New(b), "main")
	d.tell(anEvening(b))
	for _, callers := range []int{1, 200} {
		b.Run("callers="+map[int]string{1: "1", 200: "200"}[callers], func(b *testing.B) {
			next := make(chan struct{})
			var work sync.WaitGroup
			for range callers {
				work.Go(func() {
					for range next {
						if _, err := d.client.UserStats(b.Context(), "tv", "ann"); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				next <- struct{}{}
			}
			close(next)
			work.Wait()
		})
	}
}
