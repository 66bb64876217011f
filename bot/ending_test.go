package bot

import (
	"context"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// exacting is a spool that takes nothing for a context that has ended, which a
// spool does when it happens to look. It notes what it takes.
type exacting struct {
	*spool.Spool
	taking func(*events.Event) // nil: nobody wants to know
	fast   bool                // it keeps nothing on the disk, which may take its time

	mu   sync.Mutex
	kept []events.Kind
}

func (k *exacting) Put(ctx context.Context, evs ...*events.Event) error {
	for _, e := range evs {
		if k.taking != nil {
			k.taking(e)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !k.fast {
		if err := k.Spool.Put(ctx, evs...); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range evs {
		k.kept = append(k.kept, e.Kind)
	}
	return nil
}

func (k *exacting) last() events.Kind {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) == 0 {
		return ""
	}
	return k.kept[len(k.kept)-1]
}

// exactingRecorder is a bot on a channel of its own, beside a stream.
func exactingRecorder(t *testing.T, s *streams.Stream, change func(*RecorderConfig)) (*Recorder, *exacting) {
	t.Helper()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	cfg := RecorderConfig{
		CyTube:     cytube.Config{Server: c.URL(), Channel: "test", Username: "rosey", Password: "secret"},
		Spool:      spool.Config{Path: filepath.Join(t.TempDir(), "spool.db")},
		Stream:     func(context.Context) (spool.Appender, error) { return s, nil },
		Leases:     func(context.Context) (Leases, error) { return s, nil },
		Heartbeats: func(context.Context) (Heartbeats, error) { return s, nil },
		// No disk is too slow for this.
		CommitLimit: time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	r, err := NewRecorder(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	k := &exacting{Spool: r.spool}
	r.keeper = k
	return r, k
}

// A server that is connected and does not answer holds up what is given back to it,
// and neither the last event nor the end.
func TestRecorder_StopsInGoodOrderBesideASilentServer(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	u, err := url.Parse(env.Server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	p := streamstest.NewProxy(t, u.Host)
	user, password := env.Server.Credentials()
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{p.URL()}, User: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s, err := streams.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever waited for what is given back would wait for longer than for the disk.
	r, k := exactingRecorder(t, s, func(cfg *RecorderConfig) { cfg.CommitLimit, cfg.HandBackLimit = commitLimit, 4*commitLimit })
	k.fast = true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	suite.Eventually(t, "joined", func() bool { return r.Status().View.Joined })
	suite.Eventually(t, "it has the lease and is known to be alive", func() bool {
		list, err := s.Bots(t.Context())
		return err == nil && len(list) == 1 && list[0].Joined && r.standing.Load().term > 0
	})
	p.Swallow(true, true)
	if err := k.Spool.Put(t.Context(), two()...); err != nil { // which nobody takes
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopped beside a silent server: %v", err)
	}
	if got := k.last(); got != events.KindBotStopped {
		t.Errorf("the last event in the spool is %s, want %s", got, events.KindBotStopped)
	}
	p.Swallow(false, false)
	p.Cut()
}

// A disk that is slow with the last event has the time that the commits before it did
// not need.
func TestRecorder_TheLastEventHasTheTimeThatIsLeft(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	r, k := exactingRecorder(t, env.Stream, nil)
	k.taking = func(e *events.Event) {
		if e.Kind == events.KindBotStopped {
			time.Sleep(2 * stoppedLimit)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	suite.Eventually(t, "joined", func() bool { return r.Status().View.Joined })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopped beside a slow disk: %v", err)
	}
	if got := k.last(); got != events.KindBotStopped {
		t.Errorf("the last event in the spool is %s, want %s", got, events.KindBotStopped)
	}
}

// withoutEnd lets no lease end by itself.
func withoutEnd(t *testing.T, env *streamstest.Env) {
	t.Helper()
	js := env.Conn.JetStream()
	s, err := js.Stream(t.Context(), "KV_ROSEY_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxAge = 0
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func leaseHolder(t *testing.T, env *streamstest.Env) string {
	t.Helper()
	holder, err := env.Stream.LeaseHolder(t.Context(), streams.RecorderLease("test"))
	if err != nil {
		t.Error(err)
	}
	return holder
}

// Another bot may begin once the lease is given back: not before this one has told
// its end, and then at once.
func TestRecorder_GivesTheLeaseBackAfterItsLastEvent(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	withoutEnd(t, env)
	r, k := exactingRecorder(t, env.Stream, func(cfg *RecorderConfig) {
		cfg.LeaseLimit, cfg.HandBackLimit, cfg.SettleLimit = time.Minute, time.Minute, time.Minute
	})
	var atTheEnd string
	k.taking = func(e *events.Event) {
		if e.Kind == events.KindBotStopped {
			atTheEnd = leaseHolder(t, env)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	suite.Eventually(t, "joined", func() bool { return r.Status().View.Joined })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if atTheEnd != r.Producer() {
		t.Errorf("while the end was told %q held the lease, want %s", atTheEnd, r.Producer())
	}
	if holder := leaseHolder(t, env); holder != "" {
		t.Errorf("after the end %s holds the lease", holder)
	}
}

// slow is where heartbeats take their time.
type slow struct {
	begun, answer chan struct{}
	ended         bool
}

func (s *slow) Beat(ctx context.Context, _ streams.Heartbeat) error {
	close(s.begun)
	select {
	case <-s.answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) EndBeat(context.Context, streams.Heartbeat) error {
	s.ended = true
	return nil
}

func TestRecorder_AHeartbeatOnItsWayIsTakenBackAtTheEnd(t *testing.T) {
	t.Parallel()
	s := &slow{begun: make(chan struct{}), answer: make(chan struct{})}
	r, _ := exactingRecorder(t, nil, func(cfg *RecorderConfig) {
		cfg.Heartbeats = func(context.Context) (Heartbeats, error) { return s, nil }
		cfg.HandBackLimit = time.Minute
	})
	ctx, cancel := context.WithCancel(t.Context())
	var beating sync.WaitGroup
	beating.Go(func() { r.beat(ctx) })
	<-s.begun
	cancel()
	time.Sleep(50 * time.Millisecond) // for whoever would end it with the context
	close(s.answer)
	beating.Wait()
	if !s.ended {
		t.Error("the bot counts as alive after its end")
	}
}

// What another may do meanwhile does not wait for this one's disk, and what was
// true before is not told afterwards.
func TestRecorder_HearsThatAnotherLeadsWhileTheDiskHoldsUp(t *testing.T) {
	t.Parallel()
	k := &troubled{}
	r := commitTo(k)
	r.fullness.set(time.Now()) // it waits for room, and visits nobody
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	latest, done := newNews(), make(chan error, 1)
	go func() { done <- r.line(ctx, ctx, latest) }()
	latest.put(standing{leads: true, term: 1})
	terms := func() (list []int64) {
		r.order.Lock()
		defer r.order.Unlock()
		for _, e := range k.kept {
			if p, ok := e.Payload.(*events.BotRecording); ok {
				list = append(list, p.Term)
			}
		}
		return list
	}
	suite.Eventually(t, "told", func() bool { return slices.Equal(terms(), []int64{1}) })
	r.order.Lock() // a commit that the disk holds up
	latest.put(standing{leads: true, term: 2})
	suite.Eventually(t, "the next term is known", func() bool { return r.standing.Load().term == 2 })
	latest.put(standing{})
	suite.Eventually(t, "it is known that another leads", func() bool { return !r.Leads() })
	r.order.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := terms(); !slices.Equal(got, []int64{1}) {
		t.Errorf("told the terms %v, want the first alone", got)
	}
}

func TestNews_IsTheLatestAndNobodyWaits(t *testing.T) {
	t.Parallel()
	n := newNews()
	for term := range uint64(4) {
		n.put(standing{leads: true, term: term})
	}
	if got := <-n; got.term != 3 {
		t.Errorf("term %d, want the last", got.term)
	}
	select {
	case got := <-n:
		t.Errorf("then came %+v", got)
	default:
	}
}

// A stop, or a line that is lost, must not make a bot forget what it has to give
// back.
func TestLead_GivesBackALeaseWhoseRenewalWasCutShort(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name  string
		ctx   context.Context
		limit time.Duration
	}{
		{"by a stop", ended, time.Minute},
		{"without an answer", t.Context(), time.Nanosecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			withoutEnd(t, env)
			l := &lead{
				leases: func(context.Context) (Leases, error) { return env.Stream, nil }, key: streams.RecorderLease("test"), holder: "run",
				limit: time.Minute, handBack: time.Minute, log: commitTo(nil).log,
			}
			before := l.ask(t.Context(), standing{})
			if !before.leads || leaseHolder(t, env) != "run" {
				t.Fatalf("standing %+v, and %q holds the lease", before, leaseHolder(t, env))
			}
			l.limit = tt.limit
			if got := l.ask(tt.ctx, before); got != before {
				t.Errorf("standing %+v, want %+v", got, before)
			}
			l.release(tt.ctx)
			if holder := leaseHolder(t, env); holder != "" {
				t.Errorf("%s holds the lease still", holder)
			}
		})
	}
}

// pending is a server that answers when it is let.
type pending struct{ asked, answer chan struct{} }

func (p pending) Acquire(ctx context.Context, _, _, _ string) (*streams.Lease, error) {
	close(p.asked)
	select {
	case <-p.answer:
		return &streams.Lease{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestLead_KnowsOfALeaseThatItGotDuringTheStop(t *testing.T) {
	t.Parallel()
	p := pending{asked: make(chan struct{}), answer: make(chan struct{})}
	l := &lead{
		leases: func(context.Context) (Leases, error) { return p, nil },
		limit:  time.Minute, handBack: time.Minute, log: commitTo(nil).log,
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() { l.ask(ctx, standing{}) })
	<-p.asked
	cancel()
	time.Sleep(50 * time.Millisecond) // for whoever would end the question with the context
	close(p.answer)
	asking.Wait()
	if l.lease == nil {
		t.Error("there is a lease to give back, and nobody knows")
	}
}
