package outbound_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// Replicated buckets answer with numbers of their own, and a replica may lag behind
// the leader: what was written is read all the same, and one of many wins.
func TestQueue_InACluster(t *testing.T) {
	t.Parallel()
	cluster := streamstest.NewCluster(t)
	conns := make([]*streams.Conn, 3)
	for i, url := range cluster.URLs() {
		c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{url}, WaitForServer: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		conns[i] = c
	}
	var s *streams.Stream
	eventually(t, "the cluster takes the stream", func() bool {
		var err error
		s, _, err = streams.Setup(t.Context(), conns[0], streams.StreamOptions{Replicas: 3, MaxBytesIfNew: 1 << 30})
		return err == nil
	})
	queues := make([]*outbound.Queue, 3)
	for i, c := range conns {
		opened := s
		eventually(t, "each server knows the stream", func() bool {
			var err error
			if opened, err = streams.Open(t.Context(), c); err == nil {
				queues[i], err = outbound.OpenQueue(t.Context(), opened)
			}
			return err == nil
		})
	}
	w, err := queues[2].Watch(t.Context(), "lounge")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for round := range 20 {
		m := enqueue(t, queues[round%3], outbound.Request{})
		if got, err := queues[(round+1)%3].Get(t.Context(), "lounge", m.ID); err != nil || got.Revision != m.Revision {
			t.Fatalf("what was queued is read as %+v, %v", got, err)
		}
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				switch _, err := queues[i%3].Claim(t.Context(), m, "same"); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, outbound.ErrChanged):
					t.Errorf("claim: %v", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d have claimed a message", won.Load())
		}
	}
	same := outbound.Request{Channel: "lounge", Text: "x", Key: "k"}
	m, existed, err := queues[0].Enqueue(t.Context(), same)
	if err != nil || existed {
		t.Fatal(existed, err)
	}
	if again, existed, err := queues[1].Enqueue(t.Context(), same); err != nil || !existed || again.ID != m.ID {
		t.Errorf("again: %+v, %t, %v", again, existed, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for seen := map[int64]outbound.State{}; len(seen) < 21; {
		c, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("watch: %v; seen %d", err, len(seen))
		}
		if c.Message.ID != 0 && (c.Message.State == outbound.Claimed || c.Message.Key != "") {
			seen[c.Message.ID] = c.Message.State
		}
	}
}
