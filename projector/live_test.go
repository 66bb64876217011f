package projector

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// publish plays the steps of a script and appends what they said to the stream.
func publish(t testing.TB, env *streamstest.Env, s *script, steps ...step) uint64 {
	t.Helper()
	from := len(s.messages)
	s.play(steps...)
	said := map[string]bool{}
	for _, m := range s.messages[:from] {
		said[m.MsgID] = true
	}
	var batch []streams.AppendMessage
	for _, m := range s.messages[from:] {
		id := m.MsgID
		if said[id] {
			id = "" // a copy from long after: the server has forgotten the id by then
		}
		said[id] = true
		batch = append(batch, streams.AppendMessage{Subject: m.Subject, MsgID: id, Data: m.Data})
	}
	return env.Append(t, batch...)
}

func posts(n int) []step {
	list := []step{arrived("ann")}
	for range n {
		list = append(list, after(time.Second), posted("ann", "hi"), afk("ann", true), afk("ann", false))
	}
	return list
}

// live is a projector that runs in the background.
type live struct {
	*Projector
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done
}

func liveConfig(env *streamstest.Env, store schema.Store) Config {
	return Config{Stream: env.Stream, Store: store, DefaultChannel: mainChannel}
}

// run starts a projector; it ends with the test at the latest.
func run(t testing.TB, cfg Config) *live {
	t.Helper()
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatalf("new projector: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{Projector: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.err = p.Run(ctx)
	}()
	t.Cleanup(func() { l.stop(t) })
	return l
}

// stop ends it in order.
func (l *live) stop(t testing.TB) {
	t.Helper()
	l.cancel()
	<-l.done
	if err := l.Close(); err != nil {
		t.Errorf("close projector: %v", err)
	}
}

func (l *live) waitFor(t testing.TB, seq uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := l.WaitFor(ctx, seq); err != nil {
		t.Fatalf("wait for seq=%d: %v; status %+v", seq, err, l.Status())
	}
}

// replayed is the dump of what the stream gives from nothing, up to a sequence.
func replayed(t testing.TB, s *streams.Stream, upTo uint64) string {
	t.Helper()
	db := schematest.Open(t)
	a, err := NewApplier(t.Context(), db, ApplierConfig{DefaultChannel: mainChannel, Identity: s.Identity()})
	if err != nil {
		t.Fatal(err)
	}
	if upTo == 0 {
		return schematest.Dump(t, db)
	}
	applyAll(t, a, itemsUpTo(t, s, upTo)...)
	return schematest.Dump(t, db)
}

// itemsUpTo reads what the stream holds.
func itemsUpTo(t testing.TB, s *streams.Stream, upTo uint64) []Item {
	t.Helper()
	r, err := s.Reader(t.Context(), streams.ReadOptions{UpTo: upTo})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dec := events.NewDecoder()
	var items []Item
	last := uint64(0)
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		it := Decode(dec, m)
		it.Erased, last = m.Seq-last-1, m.Seq
		items = append(items, it)
	}
	return items
}

// wantReplay compares a store's tables with those of a replay.
func wantReplay(t testing.TB, env *streamstest.Env, store schema.Store) {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	c, err := schema.ReadCheckpoint(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := schematest.Dump(t, db), replayed(t, env.Stream, c.Seq); got != want {
		t.Errorf("tables at seq=%d differ from a replay:\n%s", c.Seq, diff(want, got))
	}
}

// disturbed reports whether the projection was interrupted, and not only for want
// of a word from a server that stood still with its machine or its disk.
func disturbed(st Status) bool {
	return st.Interruptions > 0 && !errors.Is(st.LastError, streams.ErrNoHeartbeat) && !errors.Is(st.LastError, ErrStarved)
}

var eventually = suite.Eventually

func durable(t testing.TB, env *streamstest.Env, instance string) jetstream.Consumer {
	t.Helper()
	name, err := streams.ConsumerName(instance)
	if err != nil {
		t.Fatal(err)
	}
	c, err := env.Conn.JetStream().Consumer(t.Context(), streams.StreamName, name)
	if err != nil {
		t.Fatalf("consumer %s: %v", name, err)
	}
	return c
}

func TestProjector_ProjectsAndAcknowledges(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	last := publish(t, env, s, evening()...)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, last)
	last = publish(t, env, s, posted("ann", "and one more"))
	l.waitFor(t, last)
	wantReplay(t, env, store)
	c := durable(t, env, "main")
	eventually(t, "acknowledged", func() bool {
		info, err := c.Info(t.Context())
		return err == nil && info.AckFloor.Stream == last && info.NumAckPending == 0
	})
	if st := l.Status(); st.Lag != 0 || st.Trouble != nil || st.Checkpoint.Seq != last {
		t.Errorf("status %+v, want checkpoint %d and no lag", st, last)
	}
}

func TestProjector_ReadersSeeWhatIsCommittedAndCannotWrite(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posted("ann", "hi")))
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	l.waitFor(t, publish(t, env, s, posted("ann", "ho")))
	wantRows(t, db, "chat", chatRows, "tv ann hi", "tv ann ho")
	if _, err := db.ExecContext(t.Context(), "DELETE FROM chat_messages"); err == nil {
		t.Error("a reader deleted rows")
	}
	wantRows(t, db, "chat", chatRows, "tv ann hi", "tv ann ho")
}

func TestProjector_ConsumerDeletedWhileRunning(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posts(20)...))
	c := durable(t, env, "main")
	if err := env.Conn.JetStream().DeleteConsumer(t.Context(), streams.StreamName, c.CachedInfo().Name); err != nil {
		t.Fatal(err)
	}
	l.waitFor(t, publish(t, env, s, posts(20)...))
	wantReplay(t, env, store)
}

func TestProjector_ServerRestarted(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posts(20)...))
	if err := env.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection is back", func() bool {
		_, err := env.Stream.State(t.Context())
		return err == nil
	})
	l.waitFor(t, publish(t, env, s, posts(20)...))
	wantReplay(t, env, store)
}

// The process ends at a named point; what it would still have done is not done.
func TestProjector_CrashesAtEveryPointOfABatch(t *testing.T) {
	t.Parallel()
	for _, point := range []string{
		"projector.before_begin", "projector.after_chat", "projector.after_bot", "projector.before_commit", "projector.after_commit",
		"projector.before_ack", "projector.after_ack",
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), storeIn(t)
			s := newScript()
			last := publish(t, env, s, posts(10)...)
			var left atomic.Int64
			left.Store(3) // crash in the third batch
			cfg := liveConfig(env, store)
			cfg.BatchSize = 4
			cfg.Crash = func(at string) {
				if at == point && left.Add(-1) == 0 {
					runtime.Goexit()
				}
			}
			p, err := New(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { _ = p.Run(t.Context()) })
			wg.Wait()
			if left.Load() > 0 {
				t.Fatal("did not get to the point")
			}
			// What the process held falls to the system.
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}

			l := run(t, liveConfig(env, store))
			l.waitFor(t, last)
			wantReplay(t, env, store)
		})
	}
}

func TestProjector_DatabaseDeletedAndStartedAgain(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	last := publish(t, env, newScript(), evening()...)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, last)
	l.stop(t)
	before := dumpOf(t, store)
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{store.Link, g.Path} {
		if err := schema.RemoveFile(path); err != nil {
			t.Fatal(err)
		}
	}
	l = run(t, liveConfig(env, store))
	l.waitFor(t, last)
	if got := dumpOf(t, store); got != before {
		t.Errorf("the tables differ from those of the deleted database:\n%s", diff(before, got))
	}
}

func dumpOf(t testing.TB, store schema.Store) string {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	return schematest.Dump(t, db)
}

func TestProjector_ErasedMessages(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	publish(t, env, s, posted("ann", "1"), posted("ann", "2"), posted("ann", "3"), posted("ann", "4"), posted("ann", "5"), posted("ann", "6"))
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{2, 4, 5} {
		if err := js.SecureDeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	l := run(t, liveConfig(env, store))
	l.waitFor(t, 6)
	// One that is applied already, and is the checkpoint, may be erased too.
	if err := js.SecureDeleteMsg(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	l.stop(t)
	l = run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posted("ann", "7")))
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	wantRows(t, db, "holes", "SELECT first_seq, last_seq FROM stream_holes ORDER BY first_seq", "2 2", "4 5")
	wantRows(t, db, "chat", "SELECT message FROM chat_messages ORDER BY seq", "1", "3", "6", "7")
}

// A second puller is given messages that belong to the projector.
func TestProjector_MessagesStolenByASecondPuller(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	last := publish(t, env, newScript(), posts(500)...) // more than is read ahead
	cfg := liveConfig(env, store)
	cfg.BatchSize, cfg.InFlight = 100, 100
	var once sync.Once
	stolen := 0
	cfg.Crash = func(at string) {
		if at != "projector.before_ack" {
			return
		}
		once.Do(func() {
			batch, err := durable(t, env, "main").FetchNoWait(30)
			if err != nil {
				return
			}
			for m := range batch.Messages() {
				stolen++
				_ = m.Ack()
			}
		})
	}
	l := run(t, cfg)
	l.waitFor(t, last)
	l.stop(t)
	if stolen == 0 {
		t.Error("nothing was stolen")
	}
	wantReplay(t, env, store)
}

// Two projectors by mistake share a consumer: whatever each of them comes to,
// its tables are right as far as they go.
func TestProjector_TwoOnOneConsumer(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	withoutPlaces(t, env)
	s := newScript()
	last := publish(t, env, s, posts(300)...)
	stores := []schema.Store{storeIn(t), storeIn(t)}
	var both []*live
	for _, store := range stores {
		cfg := liveConfig(env, store)
		cfg.BatchSize, cfg.InFlight = 50, 100
		both = append(both, run(t, cfg))
	}
	timeout := time.After(5 * time.Second)
	for _, l := range both {
		ctx, cancel := context.WithCancel(t.Context())
		reached := make(chan error, 1)
		go func() { reached <- l.WaitFor(ctx, last) }()
		select {
		case <-reached:
		case <-l.done:
			if !errors.Is(l.err, ErrNoProgress) {
				t.Errorf("stopped with %v, want ErrNoProgress", l.err)
			}
		case <-timeout:
		}
		cancel()
	}
	for i, l := range both {
		l.stop(t)
		wantReplay(t, env, stores[i])
	}
}

// A connection that dies with messages in hand is no second projector: what it
// was given comes again, and nobody has to start anything anew.
func TestProjector_ADeadConnectionWithMessagesInHand(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, posts(10)...))
	taken := 0
	for range 4 {
		dying := env.Connect(t)
		name := durable(t, env, "main").CachedInfo().Name
		c, err := dying.JetStream().Consumer(t.Context(), streams.StreamName, name)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := c.Fetch(100, jetstream.FetchMaxWait(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		last := publish(t, env, s, posts(150)...)
		if _, ok := <-batch.Messages(); ok {
			taken++
		}
		dying.Close()
		l.waitFor(t, last)
	}
	if taken == 0 {
		t.Error("nothing was ever taken")
	}
	select {
	case <-l.done:
		t.Fatalf("the projector ended: %v", l.err)
	default:
	}
	if st := l.Status(); st.Trouble != nil {
		t.Errorf("status %+v, want no trouble", st)
	}
	wantReplay(t, env, store)
}

func TestProjector_TwoInstancesHaveTheirOwnConsumers(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	last := publish(t, env, newScript(), posts(100)...)
	for _, instance := range []string{"one", "two"} {
		store := storeIn(t)
		cfg := liveConfig(env, store)
		cfg.Instance = instance
		run(t, cfg).waitFor(t, last)
		wantReplay(t, env, store)
	}
}

func TestProjector_RefusesASecondOnTheSameFile(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	run(t, liveConfig(env, store))
	_, err := New(t.Context(), liveConfig(env, store))
	var inUse *schema.InUseError
	if !errors.As(err, &inUse) || inUse.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("second projector: %v, want an InUseError with this process", err)
	}
}

func TestProjector_StopsWithTheContext(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, newScript(), posts(10)...))
	l.stop(t)
	if l.err != nil {
		t.Errorf("run: %v", l.err)
	}
	if _, err := store.Lock(t.Context()); err != nil {
		t.Errorf("the lock is still held: %v", err)
	}
}

// copyDatabase copies a database that nobody has open.
func copyDatabase(t testing.TB, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, from+suffix, to+suffix)
	}
}

// A backup of the database, older than what was projected since, is put in the
// place of the link and catches up.
func TestProjector_AnOlderCopyCatchesUp(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, s, evening()...))
	l.stop(t)
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	copyDatabase(t, g.Path, backup)
	l = run(t, liveConfig(env, store))
	last := publish(t, env, s, posts(20)...)
	l.waitFor(t, last)
	l.stop(t)

	removeLink(t, store.Link)
	copyDatabase(t, backup, store.Link)
	l = run(t, liveConfig(env, store))
	l.waitFor(t, last)
	l.stop(t)
	adopted, err := store.Current()
	if err != nil || adopted.Number != g.Number+1 {
		t.Errorf("the copy became generation %+v (%v), want %d", adopted, err, g.Number+1)
	}
	if !exists(t, g.Path) {
		t.Errorf("%s, the generation in use before, is gone", g.Path)
	}
	wantReplay(t, env, store)
}

// A consumer can live, say so, and deliver nothing.
func TestProjector_StarvedConsumerIsBegunAgain(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	cfg := liveConfig(env, store)
	cfg.look = 100 * time.Millisecond
	l := run(t, cfg)
	l.waitFor(t, publish(t, env, s, posts(20)...))
	name := durable(t, env, "main").CachedInfo().Name
	if _, err := env.Conn.JetStream().PauseConsumer(t.Context(), streams.StreamName, name, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.waitFor(t, publish(t, env, s, posts(20)...))
	if err := l.Status().LastError; !errors.Is(err, ErrStarved) {
		t.Errorf("last trouble %v, want ErrStarved", err)
	}
	wantReplay(t, env, store)
}

// What the store cannot give back is said, and the bots that the same process may run
// go on: a replica or a disk may come back.
func TestProjector_AnUnreadableBlockIsSaid(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t, streamstest.WithSync()), storeIn(t)
	env.FillBlock(t)
	last := publish(t, env, newScript(), posts(3)...)
	env.DamageBlock(t, 1, time.Second)
	cfg := liveConfig(env, store)
	cfg.look = 100 * time.Millisecond
	l := run(t, cfg)
	suite.Eventually(t, "the trouble is said", func() bool { return errors.Is(l.Status().LastError, streams.ErrUnreadable) })
	if err := l.Status().LastError; !errors.Is(err, ErrStarved) || !strings.Contains(err.Error(), "seq=1 is stored and cannot be read") {
		t.Errorf("last trouble %v, want one that names seq=1", err)
	}
	if seq := l.Status().Checkpoint.Seq; seq != 0 {
		t.Errorf("the checkpoint is %d of %d, want 0", seq, last)
	}
	l.stop(t)
}

// What is erased at the stream's end never comes, and nothing is wrong.
func TestProjector_ErasedEndIsNoStarvation(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	cfg := liveConfig(env, store)
	l := run(t, cfg)
	last := publish(t, env, s, posts(3)...)
	l.waitFor(t, last)
	l.stop(t)
	last = publish(t, env, s, posts(1)...)
	stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	l = run(t, cfg)
	l.waitFor(t, last-1)
	for _, tt := range []struct {
		seq  uint64
		want bool
	}{{last - 2, true}, {last - 1, false}, {last, false}} {
		if got, err := l.behind(t.Context(), tt.seq); err != nil || got != tt.want {
			t.Errorf("behind at seq=%d: %t, %v, want %t", tt.seq, got, err, tt.want)
		}
	}
}
