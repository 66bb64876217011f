package query

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// counted counts readings; each waits at the gate.
type counted struct {
	n    atomic.Int64
	gate chan struct{}
}

func newCounted() *counted { return &counted{gate: make(chan struct{})} }

func (c *counted) read(ctx context.Context) (any, uint64, error) {
	n := c.n.Add(1)
	select {
	case <-c.gate:
		return n, uint64(n), nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// Whoever asks while the same is being read gets what is read after it asked.
func TestSharing_TheNextReadingAnswersAllWhoCameMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s sharing
		c := newCounted()
		ask := func(want int64) {
			go func() {
				if data, seq, err := s.do(t.Context(), "a", c.read); err != nil || data != want || seq != uint64(want) {
					t.Errorf("got %v, %d, %v, want %d", data, seq, err, want)
				}
			}()
		}
		ask(1)
		synctest.Wait()
		for range 20 {
			ask(2)
		}
		synctest.Wait()
		// Another question is none of theirs.
		other := newCounted()
		close(other.gate)
		if data, _, err := s.do(t.Context(), "b", other.read); err != nil || data != int64(1) {
			t.Errorf("another question: got %v, %v", data, err)
		}
		c.gate <- struct{}{}
		synctest.Wait()
		ask(3)
		synctest.Wait()
		close(c.gate)
		synctest.Wait()
		if n := c.n.Load(); n != 3 {
			t.Errorf("read %d times for 22", n)
		}
		if len(s.turns) != 0 {
			t.Errorf("%d turns are left", len(s.turns))
		}
	})
}

// Who goes away takes nobody with it.
func TestSharing_TheOneWhoReadsGoesAway(t *testing.T) {
	t.Parallel()
	for name, waits := range map[string]bool{"while reading": false, "before its time": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s sharing
				c := newCounted()
				ask := func(ctx context.Context, want error) {
					go func() {
						if _, _, err := s.do(ctx, "a", c.read); !errors.Is(err, want) {
							t.Errorf("got %v, want %v", err, want)
						}
					}()
					synctest.Wait()
				}
				hurried, leave := context.WithCancel(t.Context())
				if waits {
					ask(t.Context(), nil)
				}
				ask(hurried, context.Canceled)
				ask(t.Context(), nil)
				leave()
				synctest.Wait()
				close(c.gate)
				synctest.Wait()
				if len(s.turns) != 0 {
					t.Errorf("%d turns are left", len(s.turns))
				}
			})
		})
	}
}

func TestSharing_AReadingThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s sharing
		gate := make(chan struct{})
		go func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _, _ = s.do(t.Context(), "a", func(context.Context) (any, uint64, error) {
				<-gate
				panic("broken")
			})
		}()
		synctest.Wait()
		fine := newCounted()
		close(fine.gate)
		go func() {
			if _, _, err := s.do(t.Context(), "a", fine.read); err != nil {
				t.Errorf("the next one: %v", err)
			}
		}()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if fine.n.Load() != 1 {
			t.Error("nobody read for those who waited")
		}
	})
}

// However they come and go, everybody gets an answer that was read after it asked.
func TestSharing_ManyAtOnce(t *testing.T) {
	t.Parallel()
	var s sharing
	var clock atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%5 == 0 {
					wg.Go(cancel)
				}
				asked := clock.Add(1)
				data, _, err := s.do(ctx, "a", func(ctx context.Context) (any, uint64, error) { return clock.Add(1), 0, ctx.Err() })
				if err == nil && data.(int64) <= asked {
					t.Errorf("asked at %d, read at %d", asked, data)
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("got %v", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if len(s.turns) != 0 {
		t.Errorf("%d turns are left", len(s.turns))
	}
}
