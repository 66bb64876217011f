package streams_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func openBucket(t *testing.T, env *streamstest.Env) *streams.Bucket {
	t.Helper()
	b, err := env.Stream.Bucket(t.Context(), streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bucketConfig(t *testing.T, env *streamstest.Env, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := env.Conn.JetStream().Stream(t.Context(), "KV_"+name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

func TestSetup_MakesTheBucketsAsDefined(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	outbound := bucketConfig(t, env, "ROSEY_OUTBOUND")
	if outbound.Storage != jetstream.FileStorage || outbound.MaxMsgsPerSubject != 1 || outbound.MaxAge != 0 || !outbound.AllowMsgTTL ||
		outbound.SubjectDeleteMarkerTTL == 0 || outbound.Discard != jetstream.DiscardNew || outbound.MaxMsgs <= 0 || outbound.MaxBytes > 0 {
		t.Errorf("outbound: %+v", outbound)
	}
	if bots := bucketConfig(t, env, "ROSEY_BOTS"); bots.MaxAge != streams.HeartbeatTTL || bots.Storage != jetstream.FileStorage {
		t.Errorf("bots: %+v", bots)
	}
	if b := openBucket(t, env); !b.Expires() || b.Name() != streams.OutboundBucket {
		t.Errorf("the bucket %s expires: %t", b.Name(), b.Expires())
	}
	// Other programs see an ordinary bucket.
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Create(t.Context(), "channel.1", []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestSetup_RepairsTheBuckets(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	js := env.Conn.JetStream()
	for _, tt := range []struct {
		field string
		spoil func()
	}{
		{"bucket ROSEY_OUTBOUND", func() { must(t, js.DeleteKeyValue(t.Context(), "ROSEY_OUTBOUND")) }},
		{"bucket ROSEY_BOTS", func() { must(t, js.DeleteKeyValue(t.Context(), "ROSEY_BOTS")) }},
		{"bucket ROSEY_OUTBOUND: max age", func() {
			spoilBucket(t, env, "ROSEY_OUTBOUND", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour })
		}},
		{"bucket ROSEY_OUTBOUND: max messages", func() { spoilBucket(t, env, "ROSEY_OUTBOUND", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }) }},
		{"bucket ROSEY_OUTBOUND: max messages per subject", func() {
			spoilBucket(t, env, "ROSEY_OUTBOUND", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 })
		}},
		{"bucket ROSEY_BOTS: max age", func() {
			spoilBucket(t, env, "ROSEY_BOTS", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour })
		}},
		{"bucket ROSEY_OUTBOUND: message ttl", func() {
			// As made on a server that was older.
			must(t, js.DeleteKeyValue(t.Context(), "ROSEY_OUTBOUND"))
			cfg := jetstream.KeyValueConfig{Bucket: "ROSEY_OUTBOUND", Storage: jetstream.FileStorage}
			if _, err := js.CreateKeyValue(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		tt.spoil()
		diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{})
		if err != nil || len(diffs) == 0 || !diffs[0].Changeable {
			t.Fatalf("%s: check says %v, %v", tt.field, diffs, err)
		}
		_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
		found := false
		for _, c := range changes {
			found = found || c.Field == tt.field
		}
		if err != nil || !found || len(changes) != len(diffs) {
			t.Errorf("%s: changes are %v, %v", tt.field, changes, err)
		}
		if diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{}); err != nil || len(diffs) != 0 {
			t.Errorf("%s: after the repair check says %v, %v", tt.field, diffs, err)
		}
	}
	if b := openBucket(t, env); !b.Expires() {
		t.Error("a bucket of an older server was not given a time to live")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func spoilBucket(t *testing.T, env *streamstest.Env, name string, spoil func(*jetstream.StreamConfig)) {
	t.Helper()
	cfg := bucketConfig(t, env, name)
	spoil(&cfg)
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestSetup_BucketThatCannotBeChangedIsNamed(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	must(t, env.Conn.JetStream().DeleteKeyValue(t.Context(), "ROSEY_OUTBOUND"))
	if _, err := env.Conn.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{
		Bucket: "ROSEY_OUTBOUND", Storage: jetstream.MemoryStorage,
	}); err != nil {
		t.Fatal(err)
	}
	_, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
	if !errors.Is(err, streams.ErrCannotChange) || !strings.Contains(err.Error(), "bucket ROSEY_OUTBOUND: storage is Memory") ||
		!strings.Contains(err.Error(), "nats kv del") {
		t.Errorf("set up: %v, want the difference and its remedy", err)
	}
}

func TestStream_BucketThatWasNeverMadeNamesTheRemedy(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	for _, name := range []string{"ROSEY_OUTBOUND", "ROSEY_BOTS"} {
		must(t, env.Conn.JetStream().DeleteKeyValue(t.Context(), name))
	}
	_, openErr := env.Stream.Bucket(t.Context(), streams.OutboundBucket)
	_, botsErr := env.Stream.Bots(t.Context())
	beatErr := env.Stream.Beat(t.Context(), streams.Heartbeat{Channel: "c", Producer: "p"})
	for what, err := range map[string]error{"open": openErr, "bots": botsErr, "beat": beatErr} {
		if !errors.Is(err, streams.ErrNoBucket) || !strings.Contains(err.Error(), "rosey stream setup") {
			t.Errorf("%s: %v, want ErrNoBucket with the remedy", what, err)
		}
	}
}

func TestBucket_WritesByRevisionAlone(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	ctx := t.Context()
	if _, err := b.Get(ctx, "c.1"); !errors.Is(err, streams.ErrNoKey) {
		t.Errorf("get nothing: %v", err)
	}
	first, err := b.Create(ctx, "c.1", []byte("one"))
	must(t, err)
	if _, err := b.Create(ctx, "c.1", []byte("again")); !errors.Is(err, streams.ErrKeyTaken) {
		t.Errorf("create twice: %v", err)
	}
	second, err := b.Update(ctx, "c.1", []byte("two"), first, 0)
	must(t, err)
	if _, err := b.Update(ctx, "c.1", []byte("late"), first, 0); !errors.Is(err, streams.ErrRevision) {
		t.Errorf("update over an old revision: %v", err)
	}
	if _, err := b.Update(ctx, "c.2", []byte("x"), 7, 0); !errors.Is(err, streams.ErrRevision) {
		t.Errorf("update of nothing: %v", err)
	}
	e, err := b.Get(ctx, "c.1")
	if err != nil || string(e.Value) != "two" || e.Revision != second || e.Key != "c.1" || time.Since(e.Time) > time.Minute {
		t.Errorf("get: %+v, %v", e, err)
	}
	if last, err := b.LastRevision(ctx); err != nil || last != second {
		t.Errorf("last revision %d, %v; want %d", last, err, second)
	}
	must(t, b.Remove(ctx, "c.1", first)) // of what is no longer there
	if _, err := b.Get(ctx, "c.1"); err != nil {
		t.Errorf("a later value was removed: %v", err)
	}
	must(t, b.Remove(ctx, "c.1", second))
	if _, err := b.Get(ctx, "c.1"); !errors.Is(err, streams.ErrNoKey) {
		t.Errorf("get what was removed: %v", err)
	}
	// Where somebody deleted a key its mark is not in the way.
	third, err := b.Create(ctx, "c.1", []byte("three"))
	must(t, err)
	kv, err := env.Conn.JetStream().KeyValue(ctx, streams.OutboundBucket)
	must(t, err)
	must(t, kv.Delete(ctx, "c.1"))
	if _, err := b.Get(ctx, "c.1"); !errors.Is(err, streams.ErrNoKey) {
		t.Errorf("get what was deleted: %v", err)
	}
	if _, err := b.Update(ctx, "c.1", []byte("x"), third, 0); !errors.Is(err, streams.ErrRevision) {
		t.Errorf("update of what was deleted: %v", err)
	}
	if _, err := b.Create(ctx, "c.1", []byte("four")); err != nil {
		t.Errorf("create over a mark: %v", err)
	}
}

func TestBucket_OneOfManyCreates(t *testing.T) {
	t.Parallel()
	b := openBucket(t, streamstest.New(t))
	var made, taken atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch _, err := b.Create(t.Context(), "c.1", []byte("x")); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, streams.ErrKeyTaken):
				taken.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || taken.Load() != 99 {
		t.Errorf("%d made it, %d found it taken", made.Load(), taken.Load())
	}
}

func TestBucket_ListIsOfPresentValues(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	if list, err := b.List(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("empty: %v, %v", list, err)
	}
	var last uint64
	for i := range 300 {
		var err error
		last, err = b.Create(t.Context(), fmt.Sprintf("c%d.%d", i%3, i), []byte("x"))
		must(t, err)
	}
	if _, err := b.Update(t.Context(), "c2.299", []byte("y"), last, 0); err != nil {
		t.Fatal(err)
	}
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), streams.OutboundBucket)
	must(t, err)
	must(t, kv.Delete(t.Context(), "c0.0"))
	if list, err := b.List(t.Context(), ""); err != nil || len(list) != 299 {
		t.Errorf("all: %d, %v", len(list), err)
	}
	list, err := b.List(t.Context(), "c2.*")
	if err != nil || len(list) != 100 || string(list[99].Value) != "y" {
		t.Errorf("some: %d, %v", len(list), err)
	}
	for i := 1; i < len(list); i++ {
		if list[i].Revision <= list[i-1].Revision {
			t.Fatalf("revision %d after %d", list[i].Revision, list[i-1].Revision)
		}
	}
	if list, err := b.List(t.Context(), "*.42"); err != nil || len(list) != 1 || list[0].Key != "c0.42" {
		t.Errorf("by the end of the key: %v, %v", list, err)
	}
}

func TestBucket_ValueEndsAfterItsTime(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	w, err := b.Watch(t.Context(), "")
	must(t, err)
	defer w.Close()
	const soon = 5 * time.Second
	// A later value without a time takes it away. Where the machine stood still before
	// that one, there is nothing left to take it from.
	stays := ""
	for n := 2; ; n++ {
		stays = fmt.Sprintf("c.%d", n)
		at, err := b.Create(t.Context(), stays, []byte("stays"))
		must(t, err)
		begun := time.Now()
		at, err = b.Update(t.Context(), stays, []byte("for a time"), at, soon)
		must(t, err)
		_, err = b.Update(t.Context(), stays, []byte("for ever"), at, 0)
		if err == nil {
			break
		}
		if time.Since(begun) < soon {
			t.Fatal(err)
		}
	}
	ends, err := b.Create(t.Context(), "c.1", []byte("ends"))
	must(t, err)
	ends, err = b.Update(t.Context(), "c.1", []byte("ends soon"), ends, soon)
	must(t, err)
	seen := follow(t, w, func(seen map[string]string) bool { return seen["c.1"] == "removed" })
	if seen[stays] != "for ever" {
		t.Errorf("seen: %v", seen)
	}
	if _, err := b.Get(t.Context(), "c.1"); !errors.Is(err, streams.ErrNoKey) {
		t.Errorf("get what ended: %v", err)
	}
	if _, err := b.Update(t.Context(), "c.1", []byte("x"), ends, 0); !errors.Is(err, streams.ErrRevision) {
		t.Errorf("update what ended: %v", err)
	}
	if _, err := b.Create(t.Context(), "c.1", []byte("anew")); err != nil {
		t.Errorf("create what ended: %v", err)
	}
	if e, err := b.Get(t.Context(), stays); err != nil || string(e.Value) != "for ever" {
		t.Errorf("what stays: %+v, %v", e, err)
	}
}

// follow reads updates until what was seen is as wanted.
func follow(t *testing.T, w *streams.BucketWatcher, done func(map[string]string) bool) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := map[string]string{}
	for !done(seen) {
		u, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("%v; seen: %v", err, seen)
		}
		switch u.Op {
		case streams.WatchPut:
			seen[u.Key] = string(u.Value)
		case streams.WatchRemoved:
			seen[u.Key] = "removed"
		case streams.WatchCaughtUp:
			seen[""] = "caught up"
		case streams.WatchRestarted:
			clear(seen)
			seen["restarted"] = "yes"
		}
	}
	return seen
}

// A watcher misses nothing while the server is restarted under it.
func TestBucketWatcher_SurvivesRestarts(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	must2(t)(b.Create(t.Context(), "c.0", []byte("0")))
	w, err := b.Watch(t.Context(), "c.*")
	must(t, err)
	defer w.Close()
	follow(t, w, func(seen map[string]string) bool { return seen[""] != "" && seen["c.0"] == "0" })
	for i := 1; i <= 3; i++ {
		must(t, env.Server.Restart(t.Context()))
		must(t, env.Conn.Connected(t.Context()))
		key := fmt.Sprintf("c.%d", i)
		for {
			_, err := b.Create(t.Context(), key, []byte("new"))
			if err == nil || errors.Is(err, streams.ErrKeyTaken) {
				break
			}
			if !errors.Is(err, streams.ErrUncertain) && !errors.Is(err, streams.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		follow(t, w, func(seen map[string]string) bool { return seen[key] == "new" })
	}
}

func must2(t *testing.T) func(uint64, error) {
	return func(_ uint64, err error) {
		t.Helper()
		must(t, err)
	}
}

// A bucket that was made anew starts at revision 1: a watcher that went on where it
// was would see nothing for long, or not all.
func TestBucketWatcher_BucketThatWasReplacedIsReadAnew(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]int{"shorter": 1, "longer": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			b := openBucket(t, env)
			for i := range 5 {
				must2(t)(b.Create(t.Context(), fmt.Sprintf("c.%d", i), []byte("old")))
			}
			w, err := b.Watch(t.Context(), "")
			must(t, err)
			defer w.Close()
			follow(t, w, func(seen map[string]string) bool { return len(seen) == 6 })
			must(t, env.Conn.JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket))
			_, _, err = streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
			must(t, err)
			last := ""
			for i := range written {
				last = fmt.Sprintf("d.%d", i)
				must2(t)(b.Create(t.Context(), last, []byte("new")))
			}
			seen := follow(t, w, func(seen map[string]string) bool { return seen[last] == "new" && seen[""] != "" })
			if seen["restarted"] == "" || len(seen) != written+2 {
				t.Errorf("seen: %v", seen)
			}
		})
	}
}

func TestBucketWatcher_EndsWithItsContextAndWithTheBucket(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	w, err := b.Watch(t.Context(), "")
	must(t, err)
	follow(t, w, func(seen map[string]string) bool { return seen[""] != "" })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next: %v, want the context's end", err)
	}
	must(t, env.Conn.JetStream().DeleteKeyValue(t.Context(), streams.OutboundBucket))
	if _, err := w.Next(t.Context()); !errors.Is(err, streams.ErrNoBucket) {
		t.Errorf("next: %v, want ErrNoBucket", err)
	}
	w.Close()
	if _, err := w.Next(t.Context()); !errors.Is(err, streams.ErrDeliveryStopped) {
		t.Errorf("next after the end: %v", err)
	}
}

func TestStream_BotsAreAliveWhileTheyBeat(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if bots, err := env.Stream.Bots(t.Context()); err != nil || len(bots) != 0 {
		t.Errorf("nobody: %v, %v", bots, err)
	}
	b := streams.Heartbeat{Channel: "b", Producer: "run.2", Name: "Rosey", Joined: true, SinceMS: 5, BeatMS: 6, Version: "1", OutboundWaiting: 3}
	a := streams.Heartbeat{Channel: "a room", Producer: "run1"}
	must(t, env.Stream.Beat(t.Context(), b))
	streamstest.Beat(t, env.Stream, a)
	must(t, env.Stream.Beat(t.Context(), b))
	kv, err := env.Conn.JetStream().KeyValue(t.Context(), "ROSEY_BOTS")
	must(t, err)
	must2(t)(kv.Put(t.Context(), "somebody.else", []byte("no bot")))
	bots, err := env.Stream.Bots(t.Context())
	if err != nil || len(bots) != 2 || bots[0] != a || bots[1] != b {
		t.Errorf("bots: %+v, %v", bots, err)
	}
	must(t, env.Stream.EndBeat(t.Context(), b))
	must(t, env.Stream.EndBeat(t.Context(), b))
	if bots, err := env.Stream.Bots(t.Context()); err != nil || len(bots) != 1 || bots[0] != a {
		t.Errorf("after one has ended: %+v, %v", bots, err)
	}
}

// Values that are erased while a list is being read must not keep it waiting.
func TestBucket_ListWhileValuesAreErased(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	const values = 700 // more than are on their way at a time
	revisions := make([]uint64, values)
	for i := range values {
		var err error
		revisions[i], err = b.Create(t.Context(), fmt.Sprintf("c.%d", i), []byte("x"))
		must(t, err)
	}
	w, err := b.Watch(t.Context(), "")
	must(t, err)
	defer w.Close()
	if _, err := w.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := values - 100; i < values; i++ {
		must(t, b.Remove(t.Context(), fmt.Sprintf("c.%d", i), revisions[i]))
	}
	seen := follow(t, w, func(seen map[string]string) bool { return seen[""] != "" })
	if len(seen) < values-100 {
		t.Errorf("%d were seen", len(seen))
	}
}
