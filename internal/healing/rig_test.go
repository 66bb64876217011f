package healing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// patience bounds every wait. A machine that is busy with other things must not
// fail a test.
const patience = 3 * time.Minute

// options says where the parts of a rig are, beyond the usual.
type options struct {
	// bot and projector say how each reaches NATS, verify how the test does.
	bot, projector, verify streams.Config
	stream                 streams.StreamOptions

	spool, database string                          // folders; default: the test's own
	tune            func(*bot.RecorderConfig)       // may be nil
	channel         func(*cytubetest.ChannelConfig) // may be nil
}

// rig is an installation at work: a channel in which people talk, a bot that
// records it and a projector that makes the tables.
type rig struct {
	t       *testing.T
	o       options
	log     *logs
	channel *cytubetest.Channel
	direct  *streams.Conn
	stream  *streams.Stream // through direct
	bot     *bot.Recorder
	stopBot func() error
	proj    *replay.Supervisor
	store   schema.Store
	projEnd chan error
	endProj context.CancelFunc

	mu   sync.Mutex
	said []string
}

// newRig sets the stream up and starts everything; it returns when the bot sits
// in the channel.
func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, o: o, log: newLogs(t)}
	if r.o.spool == "" {
		r.o.spool = t.TempDir()
	}
	if r.o.database == "" {
		r.o.database = t.TempDir()
	}
	r.store = schema.Store{Link: filepath.Join(r.o.database, "rosey.db")}
	r.direct = r.connect(o.verify)
	if r.o.stream.MaxBytesIfNew == 0 {
		r.o.stream.MaxBytesIfNew = 1 << 30
	}
	r.until("the stream is set up", func() bool {
		var err error
		r.stream, _, err = streams.Setup(t.Context(), r.direct, r.o.stream)
		return err == nil
	})
	cc := cytubetest.ChannelConfig{Name: "healing", UserCountEvery: 100 * time.Millisecond}
	if o.channel != nil {
		o.channel(&cc)
	}
	var err error
	if r.channel, err = cytubetest.NewChannel(cc); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.channel.Close)
	for _, name := range []string{"ann", "bob"} {
		if err := r.channel.Join(name); err != nil {
			t.Fatal(err)
		}
	}
	r.startProjector()
	r.startBot()
	r.until("the bot is in the channel", func() bool { return r.bot.Status().View.Joined })
	return r
}

// connect makes a connection that ends with the test. It is quick to notice and
// to come back, so that tests need not wait.
func (r *rig) connect(cfg streams.Config) *streams.Conn {
	r.t.Helper()
	cfg.WaitForServer = true
	c, err := streams.Connect(r.t.Context(), r.quick(cfg))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func (r *rig) quick(cfg streams.Config) streams.Config {
	cfg.MaxReconnectWait = 200 * time.Millisecond
	cfg.PingEvery = time.Second
	cfg.Timeout = 5 * time.Second
	cfg.Logger = r.log.Logger
	return cfg
}

// startBot starts the bot; it ends with the test at the latest.
func (r *rig) startBot() {
	r.t.Helper()
	conn := r.connect(r.o.bot)
	open := func(ctx context.Context) (*streams.Stream, error) {
		return streams.Open(ctx, conn)
	}
	cfg := bot.RecorderConfig{
		CyTube: cytube.Config{
			Server: r.channel.URL(), Channel: r.channel.Name(), Username: "rosey", Password: "secret",
			Backoff: cytube.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		},
		Spool: spool.Config{Path: filepath.Join(r.o.spool, "spool.db"), BackoffMax: 200 * time.Millisecond},
		Stream: func(ctx context.Context) (spool.Appender, error) {
			s, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Leases: func(ctx context.Context) (bot.Leases, error) {
			s, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		CommitLimit: patience, // nothing is to be left to do, however slow the disk is
		SettleLimit: patience,
		LeaseEvery:  500 * time.Millisecond,
		RejoinAfter: 100 * time.Millisecond,
		Logger:      r.log.Logger,
	}
	if r.o.tune != nil {
		r.o.tune(&cfg)
	}
	b, err := bot.NewRecorder(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatalf("new recorder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	r.bot = b
	r.stopBot = background(func() error { return errors.Join(b.Run(ctx), b.Close()) }, cancel)
	r.t.Cleanup(func() { _ = r.stopBot() })
}

// background runs something and returns what ends it and tells how it ended.
func background(run func() error, cancel func()) (stop func() error) {
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = run()
	}()
	return func() error {
		cancel()
		<-done
		return err
	}
}

// startProjector starts the projector; it ends with the test at the latest.
func (r *rig) startProjector() {
	r.t.Helper()
	conn := r.connect(r.o.projector)
	var s *streams.Stream
	r.until("the projector finds the stream", func() bool {
		var err error
		s, err = streams.Open(r.t.Context(), conn)
		return err == nil
	})
	p, err := replay.NewSupervisor(r.t.Context(), replay.SupervisorConfig{Projector: projector.Config{
		Stream: s, Store: r.store, DefaultChannel: r.channel.Name(), Logger: r.log.Logger,
	}})
	if err != nil {
		r.t.Fatalf("new projector: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	r.proj, r.endProj = p, cancel
	ended := make(chan error, 1)
	r.projEnd = ended
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- p.Run(ctx)
	}()
	r.t.Cleanup(func() {
		cancel()
		<-done
		if err := p.Close(); err != nil {
			r.t.Errorf("close the projector: %v", err)
		}
	})
}

// until waits for a condition. Where many tests talk at a time a slow machine has
// much to catch up with: so long as the parts get on they have time, up to a bound.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	begun, last, at := time.Now(), r.progress(), time.Now()
	for !holds() {
		if now := r.progress(); now != last {
			last, at = now, time.Now()
		}
		if time.Since(at) > patience || time.Since(begun) > 5*patience {
			r.t.Fatalf("%s: not within %s, and the parts have not got on for %s; %s", what, time.Since(begun).Round(time.Second),
				time.Since(at).Round(time.Second), r.state())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// progress tells whether the parts get on: how many events have left the bot, and
// how far the tables are.
func (r *rig) progress() (p struct{ sent, seq uint64 }) {
	if r.bot != nil {
		s := r.bot.Status()
		p.sent = s.Events - uint64(s.Depth.Events)
	}
	if r.proj != nil {
		p.seq = r.proj.Status().Checkpoint.Seq
	}
	return p
}

// state describes the parts for a failed wait.
func (r *rig) state() string {
	var b strings.Builder
	if r.bot != nil {
		s := r.bot.Status()
		fmt.Fprintf(&b, "bot: joined %v, %d events, %d wait, failing: %v; ", s.View.Joined, s.Events, s.Depth.Events, s.Failing)
	}
	if r.proj != nil {
		s := r.proj.Status()
		fmt.Fprintf(&b, "projector: checkpoint %d, trouble: %v", s.Checkpoint.Seq, s.Trouble)
	}
	return b.String()
}

// say lets somebody say the next n lines.
func (r *rig) say(n int) {
	r.t.Helper()
	for range n {
		r.mu.Lock()
		text := fmt.Sprintf("line %05d", len(r.said))
		r.said = append(r.said, text)
		r.mu.Unlock()
		if err := r.channel.Say("ann", text); err != nil {
			r.t.Error(err)
		}
	}
}

// talk lets people talk all the time until the returned function is called.
func (r *rig) talk() (quiet func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(8 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				r.say(1)
			}
		}
	})
	var once sync.Once
	quiet = func() {
		once.Do(func() {
			close(stop)
			wg.Wait()
		})
	}
	r.t.Cleanup(quiet)
	return quiet
}

func (r *rig) lines() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.said)
}

// caughtUp waits until every line that was said is in the tables.
func (r *rig) caughtUp() {
	r.t.Helper()
	want := int64(r.lines())
	r.until(fmt.Sprintf("the tables hold %d lines", want), func() bool {
		return r.number("SELECT count(*) FROM chat_messages WHERE notice = ''") >= want
	})
}

// number asks the tables; it is -1 while they do not answer.
func (r *rig) number(query string) int64 {
	db, err := schema.OpenReader(r.t.Context(), r.store.Link)
	if err != nil {
		return -1
	}
	defer func() { _ = db.Close() }()
	var n int64
	if err := db.QueryRowContext(r.t.Context(), query).Scan(&n); err != nil {
		return -1
	}
	return n
}

// settle stops the bot in order and waits until the tables are at the stream's
// end.
func (r *rig) settle() {
	r.t.Helper()
	r.caughtUp()
	r.until("the spool is empty", func() bool { return r.bot.Status().Depth.Events == 0 })
	if err := r.stopBot(); err != nil {
		r.t.Errorf("the bot ended with: %v", err)
	}
	if n := r.bot.Status().Depth.Events; n != 0 {
		r.t.Errorf("%d events were left in the spool", n)
	}
	var last uint64
	r.until("the stream tells its state", func() bool {
		state, err := r.stream.State(r.t.Context())
		last = state.LastSeq
		return err == nil
	})
	r.until("the projector is at the stream's end", func() bool { return r.proj.Status().Checkpoint.Seq >= last })
	select {
	case err := <-r.projEnd:
		r.t.Errorf("the projector ended by itself: %v", err)
	default:
		r.endProj()
		if err := <-r.projEnd; err != nil {
			r.t.Errorf("the projector ended with: %v", err)
		}
	}
}

// check settles and demands the whole account.
func (r *rig) check() {
	r.t.Helper()
	r.settle()
	r.checkStream()
	r.checkTables()
	r.checkReplay()
}

// checkStream demands of every producer the sequence from 1 to its last, once
// and in order.
func (r *rig) checkStream() {
	r.t.Helper()
	last := map[string]uint64{}
	for _, m := range r.stored() {
		producer, seq, ok := events.ParseID(m.MsgID)
		if !ok {
			r.t.Fatalf("seq=%d has the id %q", m.Seq, m.MsgID)
		}
		if seq != last[producer]+1 {
			r.t.Errorf("seq=%d: event %d of %s follows %d", m.Seq, seq, producer, last[producer])
		}
		last[producer] = max(last[producer], seq)
	}
	var total uint64
	for _, n := range last {
		total += n
	}
	if want := r.bot.Status().Events; len(last) == 1 && total != want {
		r.t.Errorf("the stream has %d events of the bot, which committed %d", total, want)
	}
}

// stored reads the stream.
func (r *rig) stored() []streams.Message {
	r.t.Helper()
	return streamstest.ReadAll(r.t, r.stream, streams.ReadOptions{})
}

// checkTables compares the lines in the tables with those that were said.
func (r *rig) checkTables() {
	r.t.Helper()
	db, err := schema.OpenReader(r.t.Context(), r.store.Link)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	got := texts(r.t, db, "SELECT message FROM chat_messages WHERE notice = '' ORDER BY message")
	if !slices.Equal(got, r.said) {
		r.t.Errorf("the tables hold %d lines, %d were said", len(got), len(r.said))
	}
	if gaps := texts(r.t, db, "SELECT producer || gaps FROM producer_positions WHERE gaps <> '[]'"); len(gaps) > 0 {
		r.t.Errorf("producers with gaps: %v", gaps)
	}
	if dead := texts(r.t, db, "SELECT seq || ' ' || reason FROM dead_letters"); len(dead) > 0 {
		r.t.Errorf("dead letters: %v", dead)
	}
}

func texts(t *testing.T, db *schema.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		list = append(list, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

// checkReplay compares the tables with a replay.
func (r *rig) checkReplay() {
	r.t.Helper()
	v, err := replay.Verify(r.t.Context(), r.store, replay.Config{Stream: r.stream, Logger: r.log.Logger}, 5)
	if err != nil {
		r.t.Fatalf("verify: %v", err)
	}
	if !v.Equal {
		r.t.Errorf("the tables differ from a replay: %+v", v.Comparison)
	}
}

// embeddedEnv is an embedded server and the way to it.
func embeddedEnv(t *testing.T, opts ...streamstest.Option) (*streamstest.Env, options) {
	t.Helper()
	env := streamstest.New(t, append(opts, streamstest.WithoutStream())...)
	user, password := env.Server.Credentials()
	cfg := streams.Config{InProcess: env.Server.InProcessConn, User: user, Password: password}
	return env, options{bot: cfg, projector: cfg, verify: cfg}
}

// at is every part at the same servers.
func at(urls ...string) options {
	cfg := streams.Config{URLs: urls}
	return options{bot: cfg, projector: cfg, verify: cfg}
}
