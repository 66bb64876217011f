package bot_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func newChannel(t *testing.T) *cytubetest.Channel {
	t.Helper()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "test", UserCountEvery: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// recorder describes a bot with a spool of its own.
func recorder(t *testing.T, c *cytubetest.Channel, env *streamstest.Env, name string) bot.RecorderConfig {
	t.Helper()
	return bot.RecorderConfig{
		CyTube: cytube.Config{
			Server: c.URL(), Channel: c.Name(), Username: name, Password: "secret",
			Backoff: cytube.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		},
		Spool:      spool.Config{Path: filepath.Join(t.TempDir(), "spool.db"), BackoffMax: 100 * time.Millisecond},
		Stream:     func(context.Context) (spool.Appender, error) { return env.Stream, nil },
		LeaseEvery: 50 * time.Millisecond,
		// No machine is too slow for these.
		LeaseLimit: time.Minute, CommitLimit: time.Minute, SettleLimit: time.Minute, HandBackLimit: time.Minute,
	}
}

// run records until the returned function is called.
func run(t *testing.T, cfg bot.RecorderConfig) (r *bot.Recorder, stop func()) {
	t.Helper()
	r, err := bot.NewRecorder(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, r.Close()); err != nil {
			t.Errorf("recorder: %v", err)
		}
	}
	t.Cleanup(stop)
	return r, stop
}

var eventually = suite.Eventually

func joined(r *bot.Recorder) func() bool { return func() bool { return r.Status().View.Joined } }

// stored reads every event of the stream.
func stored(t *testing.T, env *streamstest.Env) []*events.Event {
	t.Helper()
	var list []*events.Event
	for _, m := range streamstest.ReadAll(t, env.Stream, streams.ReadOptions{}) {
		kind, _, _ := events.ParseSubject(m.Subject)
		e, err := events.Decode(kind, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func chat(list []*events.Event) []string {
	var lines []string
	for _, e := range list {
		if m, ok := e.Payload.(*events.MessageLog); ok && m.Notice == "" && !m.History {
			lines = append(lines, m.Message)
		}
	}
	return lines
}

func TestRecorder_EverythingReachesTheStreamInOrder(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	r, stop := run(t, recorder(t, c, env, "rosey"))
	eventually(t, "joined", joined(r))
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 300 {
		text := "line " + strconv.Itoa(i)
		want = append(want, text)
		if err := c.Say("ann", text); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all lines are read", func() bool { return r.Status().Frames >= 300 })
	stop()
	list := stored(t, env)
	if got := chat(list); !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d in order", len(got), len(want))
	}
	var kinds []events.Kind
	for i, e := range list {
		if _, seq, ok := events.ParseID(e.ID); !ok || seq != uint64(i+1) {
			t.Fatalf("event %d has the id %s", i+1, e.ID)
		}
		if e.PlatformData == nil {
			kinds = append(kinds, e.Kind)
		}
	}
	if kinds[0] != events.KindBotStarted || kinds[1] != events.KindBotRecording || kinds[2] != events.KindBotConnected ||
		kinds[len(kinds)-1] != events.KindBotStopped {
		t.Errorf("the life of the bot: %v", kinds)
	}
}

func TestRecorder_WorksWithoutAStream(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	there := make(chan struct{})
	cfg.Stream = func(context.Context) (spool.Appender, error) {
		select {
		case <-there:
			return env.Stream, nil
		default:
			return nil, streams.ErrUnreachable
		}
	}
	cfg.Leases = func(context.Context) (bot.Leases, error) { return nil, streams.ErrUnreachable }
	cfg.SettleLimit = 50 * time.Millisecond
	r, stop := run(t, cfg)
	eventually(t, "joined without a lease", joined(r))
	if err := errors.Join(c.Join("ann"), c.Say("ann", "while nothing is up"), c.Join("bob")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all of it is read", func() bool { return r.Status().View.Users == 3 && r.Status().Depth.Events > 0 })
	stop()
	if n := len(stored(t, env)); n != 0 {
		t.Fatalf("%d events in the stream already", n)
	}
	close(there)
	r, stop = run(t, cfg) // the next run sends what the first one left
	eventually(t, "drained", func() bool { return r.Status().View.Joined && r.Status().Depth.Events == 0 })
	stop()
	list := stored(t, env)
	if got := chat(list); !slices.Equal(got, []string{"while nothing is up"}) {
		t.Errorf("chat %q", got)
	}
	for _, e := range list {
		if s, ok := e.Payload.(*events.BotStarted); ok && s.Previous != "" {
			first, _, _ := events.ParseID(list[0].ID)
			if s.Previous != first || s.PreviousSeq == 0 {
				t.Errorf("the second run vouches for %s up to %d, want %s", s.Previous, s.PreviousSeq, first)
			}
			return
		}
	}
	t.Error("no run vouches for the first one")
}

func TestRecorder_OneOfTwoRecordsTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	leases := func(context.Context) (bot.Leases, error) { return env.Stream, nil }
	one, two := recorder(t, c, env, "rosey"), recorder(t, c, env, "rosey")
	var asked atomic.Int64
	one.Leases, two.Leases = leases, func(context.Context) (bot.Leases, error) {
		asked.Add(1)
		return env.Stream, nil
	}
	first, stopFirst := run(t, one)
	eventually(t, "the first records", joined(first))
	second, stopSecond := run(t, two)
	eventually(t, "the second has asked several times", func() bool { return asked.Load() > 5 })
	if second.Status().Line.Attempts > 0 {
		t.Fatal("the second bot went to the channel, too")
	}
	stopFirst()
	eventually(t, "the second takes over", joined(second))
	stopSecond()
	var leaders []string
	for _, e := range stored(t, env) {
		if p, ok := e.Payload.(*events.BotRecording); ok {
			leaders = append(leaders, p.Producer)
		}
	}
	// Each may have said it more than once.
	if leaders = slices.Compact(leaders); len(leaders) != 2 {
		t.Errorf("leaders %v, want one after the other", leaders)
	}
}

func TestRecorder_RestartNeedsNoWaitForItsOwnLease(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	cfg.Leases = func(context.Context) (bot.Leases, error) { return env.Stream, nil }
	first, stop := run(t, cfg)
	eventually(t, "the first run records", joined(first))
	stop()
	producer, _, _ := events.ParseID(stored(t, env)[0].ID)
	// As after a crash: the run before still holds the lease. It does not end by itself.
	env.Hold(t, streams.RecorderLease("test"), producer, "")
	again, _ := run(t, cfg)
	eventually(t, "the next run records", joined(again))
}

// A bot that could not ask for the lease records all the same. When it gets the
// lease it says so, and who is there: what it said before counts for nothing
// where another had the lead meanwhile.
func TestRecorder_LeaseAfterAnOutageIsTold(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	cfg := recorder(t, c, env, "rosey")
	var back atomic.Bool
	cfg.Leases = func(context.Context) (bot.Leases, error) {
		if back.Load() {
			return env.Stream, nil
		}
		return nil, streams.ErrUnreachable
	}
	r, stop := run(t, cfg)
	eventually(t, "joined without a lease", joined(r))
	back.Store(true)
	told := func() (terms []int64, roster []string) {
		for _, e := range stored(t, env) {
			switch p := e.Payload.(type) {
			case *events.BotRecording:
				terms, roster = append(terms, p.Term), nil
			case *events.UserRoster:
				for _, u := range p.Users {
					roster = append(roster, u.Username)
				}
			}
		}
		return terms, roster
	}
	eventually(t, "the lease is told", func() bool {
		terms, roster := told()
		return len(terms) == 2 && len(roster) == 2
	})
	stop()
	terms, roster := told()
	if len(terms) != 2 || terms[0] != 0 || terms[1] == 0 {
		t.Errorf("terms %v, want none and then one", terms)
	}
	if !slices.Equal(roster, []string{"ann", "rosey"}) {
		t.Errorf("roster %v after the lease, want both", roster)
	}
}

// heldBy answers for a lease that another has, as long as it is on.
type heldBy struct {
	*streams.Stream
	other atomic.Bool
	asked atomic.Int64
}

func (h *heldBy) Acquire(ctx context.Context, key, holder, predecessor string) (*streams.Lease, error) {
	h.asked.Add(1)
	if h.other.Load() {
		return nil, &streams.LeaseHeldError{Key: key, Holder: "another"}
	}
	return h.Stream.Acquire(ctx, key, holder, predecessor)
}

// A bot that recorded through an outage and then finds that another has the lease
// leaves the channel; it says at once that it leads no longer, and whoever listens
// hears the end of the visit.
func TestRecorder_LeavesTheChannelToWhoGotTheLease(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	leases := &heldBy{Stream: env.Stream}
	var out atomic.Bool
	cfg := recorder(t, c, env, "rosey")
	cfg.Leases = func(context.Context) (bot.Leases, error) {
		if out.Load() {
			return nil, streams.ErrUnreachable
		}
		return leases, nil
	}
	var heard atomic.Int64 // visits less their ends
	cfg.Hear = func(it cytube.Item) {
		switch it.(type) {
		case cytube.Connected:
			heard.Add(1)
		case cytube.Disconnected:
			heard.Add(-1)
		}
	}
	cfg.BeatEvery = time.Hour
	out.Store(true)
	r, stop := run(t, cfg)
	eventually(t, "joined without a lease", joined(r))
	if !r.Leads() {
		t.Error("it does not lead")
	}
	leases.other.Store(true)
	out.Store(false)
	eventually(t, "it leads no longer", func() bool { return !r.Leads() })
	eventually(t, "it left the channel", func() bool { return heard.Load() == 0 && !r.Status().Line.Connected })
	attempts, asked := r.Status().Line.Attempts, leases.asked.Load()
	eventually(t, "it has asked several times", func() bool { return leases.asked.Load() > asked+4 })
	if got := r.Status().Line.Attempts; got != attempts || r.Leads() {
		t.Errorf("it came again: attempts %d, leads %t", got-attempts, r.Leads())
	}
	leases.other.Store(false)
	eventually(t, "it records again", func() bool { return r.Leads() && r.Status().View.Joined })
	stop()
}
