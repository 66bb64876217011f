package bot_test

import (
	"context"
	"testing"
	"time"

	"rosey/bot"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func beats(t *testing.T, env *streamstest.Env) []streams.Heartbeat {
	t.Helper()
	list, err := env.Stream.Bots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A bot tells that it is alive, tells changes at once, and takes it back at its
// end. One that stands by is alive too.
func TestRecorder_Heartbeat(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	keepAll(t, env, "ROSEY_BOTS") // the first one says it hourly
	hearts := func(context.Context) (bot.Heartbeats, error) { return env.Stream, nil }
	first := recorder(t, c, env, "rosey")
	first.Heartbeats, first.BeatEvery, first.BotVersion = hearts, time.Hour, "1.2.3"
	first.OutboundWaiting = func() int64 { return 7 }
	first.Leases = func(context.Context) (bot.Leases, error) { return env.Stream, nil }
	r, stop := run(t, first)
	eventually(t, "joined, by its heartbeat", func() bool {
		list := beats(t, env)
		return len(list) == 1 && list[0].Joined
	})
	got := beats(t, env)[0]
	if got.Channel != "test" || got.Producer != r.Producer() || got.Name != "rosey" || !got.Leads || got.Version != "1.2.3" ||
		got.OutboundWaiting != 7 || got.SinceMS == 0 || got.BeatMS < got.SinceMS {
		t.Errorf("heartbeat %+v", got)
	}

	second := recorder(t, c, env, "rosie")
	second.Heartbeats, second.Leases = hearts, first.Leases
	_, stopSecond := run(t, second)
	eventually(t, "another that stands by", func() bool { return len(beats(t, env)) == 2 })
	for _, h := range beats(t, env) {
		if h.Producer != r.Producer() && (h.Leads || h.Joined) {
			t.Errorf("the one that stands by says %+v", h)
		}
	}
	c.Stop()
	eventually(t, "out of the channel, by its heartbeat", func() bool {
		for _, h := range beats(t, env) {
			if h.Producer == r.Producer() {
				return !h.Joined && h.Leads
			}
		}
		return false
	})
	stop()
	stopSecond()
	if list := beats(t, env); len(list) != 0 {
		t.Errorf("after the end %+v", list)
	}
}
