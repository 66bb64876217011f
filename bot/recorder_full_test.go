package bot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// gate lets the stream, and the leases in it, be away.
type gate struct{ open atomic.Bool }

func (g *gate) guard(cfg *bot.RecorderConfig, env *streamstest.Env) {
	cfg.Stream = func(context.Context) (spool.Appender, error) {
		if !g.open.Load() {
			return nil, streams.ErrUnreachable
		}
		return env.Stream, nil
	}
	cfg.Leases = func(context.Context) (bot.Leases, error) {
		if !g.open.Load() {
			return nil, streams.ErrUnreachable
		}
		return env.Stream, nil
	}
	cfg.SettleLimit = 50 * time.Millisecond
	cfg.RejoinAfter = time.Millisecond
}

func present(c *cytubetest.Channel) bool { return slices.Contains(c.Users(), "rosey") }

// chatter says lines until the recorder has no room for more.
func chatter(t *testing.T, c *cytubetest.Channel, r *bot.Recorder) {
	t.Helper()
	for i := 0; !r.Status().Full; i++ {
		if i > 5000 {
			t.Fatal("the spool is never full")
		}
		if err := c.Say("ann", fmt.Sprintf("line %04d %s", i, strings.Repeat("x", 200))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func farewells(list []*events.Event) (found []int) {
	for i, e := range list {
		if p, ok := e.Payload.(*events.BotDisconnected); ok && p.Reason == "spool_full" {
			found = append(found, i)
		}
	}
	return found
}

// checkGapFree checks that each producer's sequences follow each other.
func checkGapFree(t *testing.T, list []*events.Event) {
	t.Helper()
	next := map[string]uint64{}
	for _, e := range list {
		producer, seq, _ := events.ParseID(e.ID)
		if next[producer]++; seq != next[producer] {
			t.Fatalf("event %s where sequence %d is due", e.ID, next[producer])
		}
	}
}

func TestRecorder_FullSpoolLeavesTheChannelUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	cfg.Spool.MaxBytes = 512 << 10
	var stream gate
	stream.guard(&cfg, env)
	r, stop := run(t, cfg)
	eventually(t, "joined", joined(r))
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	chatter(t, c, r)
	eventually(t, "out of the channel", func() bool { return !present(c) && c.Clients() == 0 && !r.Status().Line.Connected })
	if err := c.Say("ann", "while the bot is away"); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); !s.Full || s.FullSince.IsZero() || s.View.Joined || s.Line.Connected || s.Failing != nil {
		t.Errorf("status of a full spool: %+v", s)
	}

	stream.open.Store(true)
	eventually(t, "back in the channel", func() bool { return present(c) && r.Status().View.Joined })
	if err := c.Say("ann", "afterwards"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "drained", func() bool {
		return r.Status().Depth.Events == 0 && slices.Contains(chat(stored(t, env)), "afterwards")
	})
	if r.Status().Full {
		t.Error("the status still says that the spool is full")
	}
	stop()

	list := stored(t, env)
	checkGapFree(t, list)
	found := farewells(list)
	if len(found) != 1 {
		t.Fatalf("%d events say that the spool was full, want 1", len(found))
	}
	at := found[0]
	if got, want := list[at].Payload.(*events.BotDisconnected).ObservedMS, list[at-1].ReceivedMS; got != want {
		t.Errorf("observed until %d, want until %d, the last event before", got, want)
	}
	for _, e := range list[at+1:] {
		if e.Kind == events.KindBotConnected {
			break
		}
		if e.PlatformData != nil {
			t.Errorf("%s is recorded between leaving and coming back", e.ID)
		}
	}
	lines := chat(list)
	for i, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, fmt.Sprintf("line %04d ", i)) {
			t.Errorf("line %d of the history is %.20q", i, line)
		}
	}
	again := slices.ContainsFunc(list[at:], func(e *events.Event) bool {
		m, ok := e.Payload.(*events.MessageLog)
		return ok && m.History && m.Message == "while the bot is away"
	})
	if !again {
		t.Error("the channel's last lines were not taken from its history")
	}
}

func TestRecorder_SecondEpisodeIsToldToo(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	cfg.Spool.MaxBytes = 512 << 10
	var free atomic.Int64
	const total = 100 << 30
	free.Store(total)
	cfg.Spool.DiskSpace = func(string) (int64, int64, error) { return free.Load(), total, nil }
	cfg.RejoinAfter = time.Millisecond
	r, stop := run(t, cfg)
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	for episode := range 2 {
		eventually(t, "in the channel", joined(r))
		free.Store(10 << 20)
		if err := c.Say("ann", fmt.Sprint("no room for this on the disk ", episode)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "out of the channel", func() bool { return r.Status().Full && !present(c) })
		free.Store(100 << 20)
		eventually(t, "settled", func() bool { return r.Status().Depth.Events == 0 })
		if present(c) {
			t.Error("back before there is room for a while")
		}
		free.Store(total)
	}
	eventually(t, "in the channel again", joined(r))
	stop()
	list := stored(t, env)
	checkGapFree(t, list)
	if n := len(farewells(list)); n != 2 {
		t.Errorf("%d events say that the spool was full, want 2", n)
	}
}

func leasesOf(env *streamstest.Env) func(context.Context) (bot.Leases, error) {
	return func(context.Context) (bot.Leases, error) { return env.Stream, nil }
}

// keepAll lets no value of a bucket end by itself, and keeps all that is done to
// them.
func keepAll(t *testing.T, env *streamstest.Env, bucket string) {
	t.Helper()
	js := env.Conn.JetStream()
	s, err := js.Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxAge, cfg.MaxMsgsPerSubject = 0, 1_000_000
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// leaseOps is what was done to the channel's lease so far.
func leaseOps(t *testing.T, env *streamstest.Env) (ops []jetstream.KeyValueOp) {
	t.Helper()
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), "ROSEY_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	history, err := kv.History(t.Context(), streams.RecorderLease("test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		ops = append(ops, e.Operation())
	}
	return ops
}

// Whoever cannot record must not keep others from it.
func TestRecorder_FullSpoolLeavesTheChannelToAnother(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	keepAll(t, env, "ROSEY_LEASES")
	cfg := recorder(t, c, env, "rosey")
	cfg.Leases = leasesOf(env)
	var free atomic.Int64
	const total = 100 << 30
	free.Store(total)
	cfg.Spool.DiskSpace = func(string) (int64, int64, error) { return free.Load(), total, nil }
	cfg.RejoinAfter = time.Millisecond
	r, _ := run(t, cfg)
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first records", joined(r))
	standby := recorder(t, c, env, "second")
	standby.Leases = leasesOf(env)
	other, stopOther := run(t, standby)

	free.Store(10 << 20)
	if err := c.Say("ann", "no room for this on the disk"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second records", func() bool { return joined(other)() && !present(c) })
	if ops := leaseOps(t, env); !slices.Contains(ops, jetstream.KeyValueDelete) {
		t.Error("the second waited until nobody renewed the first one's lease")
	}
	if !r.Status().Full {
		t.Error("the status of a bot that stands by does not say that its spool is full")
	}
	free.Store(total)
	eventually(t, "room again", func() bool { return !r.Status().Full })
	if present(c) {
		t.Error("two bots are in the channel")
	}
	stopOther()
	eventually(t, "the first records again", joined(r))
}

// fill leaves a spool without room for even a small event.
func fill(t *testing.T, cfg spool.Config) {
	t.Helper()
	cfg.Channel = "test"
	s, err := spool.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for size := 10_000; size > 0; {
		err := s.Put(t.Context(), &events.Event{
			Platform: events.PlatformCyTube, Kind: events.KindMessageLog, TimeMS: 1, ReceivedMS: 1,
			Payload: &events.MessageLog{Username: "ann", Message: strings.Repeat("x", size)},
		})
		if errors.Is(err, spool.ErrFull) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRecorder_StartWithAFullSpoolWaitsForRoom(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	cfg.Spool.MaxBytes = 512 << 10
	var stream gate
	stream.guard(&cfg, env)
	fill(t, cfg.Spool)

	r, stop := run(t, cfg)
	eventually(t, "full", func() bool { return r.Status().Full })
	if present(c) {
		t.Error("the bot joins although it cannot record")
	}
	stream.open.Store(true)
	eventually(t, "joined", func() bool { return present(c) && r.Status().View.Joined })
	eventually(t, "drained", func() bool { return r.Status().Depth.Events == 0 })
	stop()
	list := stored(t, env)
	checkGapFree(t, list)
	if n := len(farewells(list)); n != 0 {
		t.Errorf("%d events end an observation that had not begun", n)
	}
	vouched := slices.ContainsFunc(list, func(e *events.Event) bool {
		s, ok := e.Payload.(*events.BotStarted)
		return ok && s.Previous != "" && s.Previous != events.PreviousUnknown
	})
	if !vouched {
		t.Error("the second run does not vouch for the first")
	}
}
