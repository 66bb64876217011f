package replay_test

import (
	"testing"
	"time"

	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// Events come in, the tables are remade and their files removed, and a comparison
// sees one moment of them all the same.
func TestVerify_WhileEventsArriveAndTheTablesAreRemade(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 60)
	cfg := supervisorConfig(env, store)
	cfg.Keep, cfg.Grace = 1, time.Nanosecond // the file that is compared is gone as soon as can be
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	appending := startLoad(t, env, "p2")

	compared := make(chan struct{})
	paths := map[string]bool{}
	go func() {
		defer close(compared)
		seen := uint64(0)
		for range 4 {
			v, err := replay.Verify(t.Context(), store, config(env), 5)
			if err != nil || !v.Equal || v.Seq < seen {
				t.Errorf("%+v, %v: want equal, and nothing before seq=%d", v, err, seen)
				return
			}
			seen, paths[v.Path] = v.Seq, true
		}
	}()
	for comparing := true; comparing; {
		s.do(t, replay.Request{Kind: replay.KindRebuild})
		select {
		case <-compared:
			comparing = false
		default:
		}
	}
	<-compared
	appending.stop()
	if len(paths) < 2 {
		t.Errorf("compared %v alone: nothing was swapped meanwhile", paths)
	}
	s.caughtUp(t, env)

	// And a difference is found as well while events arrive.
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	change(t, g.Path, "UPDATE chat_messages SET message = 'x' WHERE seq = 7")
	again := startLoad(t, env, "p3")
	v, err := replay.Verify(t.Context(), schema.Store{Link: store.Link}, config(env), 5)
	again.stop()
	if err != nil || v.Equal || v.Different == 0 || v.Differences[0].Table != "chat_messages" {
		t.Errorf("%+v, %v: want the row that differs", v, err)
	}
}
