package replay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rosey/replay"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// What the store cannot give back is no hole and no end, and nobody waits for it.
func TestRebuild_AnUnreadableBlockKeepsTheTables(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t, streamstest.WithSync()), newStore(t)
	evening(t, env, "p1", 20)
	env.FillBlock(t)
	cfg := config(env)
	cfg.AcceptFailures = true // what fills the block is no event
	if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
		t.Fatal(err)
	}
	before, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := dump(t, store.Link)
	env.DamageBlock(t, 1, time.Second)
	cfg.Stream = env.Stream
	t.Run("work", func(t *testing.T) {
		for name, work := range map[string]func(context.Context) error{
			"swap":   func(ctx context.Context) error { _, err := replay.Swap(ctx, store, cfg); return err },
			"into":   func(ctx context.Context) error { _, err := replay.Into(ctx, newStore(t).Link, cfg); return err },
			"verify": func(ctx context.Context) error { _, err := replay.Verify(ctx, store, cfg, 5); return err },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var lost *streams.UnreadableError
				if err := work(t.Context()); !errors.As(err, &lost) || lost.Seq != 1 {
					t.Errorf("%v, want that seq=1 cannot be read", err)
				}
			})
		}
	})
	if now, err := store.Current(); err != nil || now != before || dump(t, store.Link) != want {
		t.Errorf("the tables are now %+v, %v: want %+v as they were", now, err, before)
	}
}
