package streams_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

const durable = "projector-main"

func consumerOf(t *testing.T, env *streamstest.Env) *streams.Consumer {
	t.Helper()
	c, err := env.Stream.Consumer(t.Context(), "main", streams.ConsumerOptions{})
	if err != nil {
		t.Fatalf("consumer: %v", err)
	}
	return c
}

func startAt(t *testing.T, c *streams.Consumer, from uint64) *streams.Delivery {
	t.Helper()
	d, err := c.Start(t.Context(), from, 100)
	if err != nil {
		t.Fatalf("start at %d: %v", from, err)
	}
	t.Cleanup(d.Stop)
	return d
}

func expect(t *testing.T, d *streams.Delivery, from, to uint64) streams.Message {
	t.Helper()
	m, err := read(t, d, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, d *streams.Delivery, from, to uint64) (m streams.Message, err error) {
	for want := from; want <= to; want++ {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		m, err = d.Next(ctx)
		cancel()
		if err != nil {
			return m, fmt.Errorf("next: %w, want %d", err, want)
		}
		if m.Seq != want {
			return m, fmt.Errorf("next: %d, want %d", m.Seq, want)
		}
	}
	return m, nil
}

// heartbeat is how often the server says that nothing comes. Where this machine stands
// still for as long, it may be missed.
const heartbeat = 3 * time.Second

func TestConsumer_IsAsDesigned(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	c := consumerOf(t, env)
	if c.Name() != durable {
		t.Errorf("name is %s, want %s", c.Name(), durable)
	}
	cfg := consumerInfo(t, env).Config
	if cfg.DeliverPolicy != jetstream.DeliverAllPolicy || cfg.AckPolicy != jetstream.AckAllPolicy || cfg.MaxDeliver != -1 ||
		cfg.FilterSubject != "" || len(cfg.FilterSubjects) != 0 || cfg.InactiveThreshold != 0 || cfg.AckWait < 30*time.Second ||
		cfg.MaxAckPending < 50_000 || cfg.Durable != durable {
		t.Errorf("consumer is not as designed: %+v", cfg)
	}
}

func consumerInfo(t *testing.T, env *streamstest.Env) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := env.Conn.JetStream().Consumer(t.Context(), streams.StreamName, durable)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

func TestConsumer_InstanceNames(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	for _, bad := range []string{"", "a.b", "a*", "a>", "a b", "a/b", "ä", string(make([]byte, 65))} {
		if _, err := env.Stream.Consumer(t.Context(), bad, streams.ConsumerOptions{}); !errors.Is(err, streams.ErrBadInstance) {
			t.Errorf("instance %q: %v, want ErrBadInstance", bad, err)
		}
	}
	if name, err := streams.ConsumerName("Second_2-x"); err != nil || name != "projector-Second_2-x" {
		t.Errorf("name %q, %v", name, err)
	}
}

// Each consumer here would starve, forget or reorder; each is put right.
func TestConsumer_WrongDefinitionsAreRepaired(t *testing.T) {
	t.Parallel()
	start := uint64(5)
	until := time.Now().Add(time.Hour)
	tests := map[string]jetstream.ConsumerConfig{
		"start sequence":   {DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: start, AckPolicy: jetstream.AckAllPolicy},
		"only new":         {DeliverPolicy: jetstream.DeliverNewPolicy, AckPolicy: jetstream.AckAllPolicy},
		"explicit acks":    {AckPolicy: jetstream.AckExplicitPolicy},
		"no acks":          {AckPolicy: jetstream.AckNonePolicy},
		"filter":           {AckPolicy: jetstream.AckAllPolicy, FilterSubject: "rosey.db.user.>"},
		"filters":          {AckPolicy: jetstream.AckAllPolicy, FilterSubjects: []string{"rosey.db.user.>", "rosey.db.media.>"}},
		"few pending":      {AckPolicy: jetstream.AckAllPolicy, MaxAckPending: 3},
		"few deliveries":   {AckPolicy: jetstream.AckAllPolicy, MaxDeliver: 2},
		"expires":          {AckPolicy: jetstream.AckAllPolicy, InactiveThreshold: time.Hour},
		"short ack wait":   {AckPolicy: jetstream.AckAllPolicy, AckWait: time.Second},
		"headers only":     {AckPolicy: jetstream.AckAllPolicy, HeadersOnly: true},
		"original speed":   {AckPolicy: jetstream.AckAllPolicy, ReplayPolicy: jetstream.ReplayOriginalPolicy},
		"small requests":   {AckPolicy: jetstream.AckAllPolicy, MaxRequestBatch: 2},
		"memory":           {AckPolicy: jetstream.AckAllPolicy, MemoryStorage: true},
		"paused for hours": {AckPolicy: jetstream.AckAllPolicy, PauseUntil: &until},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			env.Append(t, lines("p", 10)...)
			cfg.Durable = durable
			if _, err := env.Conn.JetStream().CreateConsumer(t.Context(), streams.StreamName, cfg); err != nil {
				t.Fatal(err)
			}
			c := consumerOf(t, env)
			info := consumerInfo(t, env)
			if info.Config.DeliverPolicy != jetstream.DeliverAllPolicy || info.Config.AckPolicy != jetstream.AckAllPolicy || info.Paused {
				t.Errorf("consumer after repair: %+v", info)
			}
			d := startAt(t, c, 1)
			if m := expect(t, d, 1, 10); len(m.Data) == 0 {
				t.Error("messages come without their data")
			}
		})
	}
}

func TestConsumer_PushConsumerOfItsNameIsReplaced(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 3)...)
	if _, err := env.Conn.JetStream().CreateOrUpdatePushConsumer(t.Context(), streams.StreamName, jetstream.ConsumerConfig{
		Durable: durable, DeliverSubject: "somewhere", AckPolicy: jetstream.AckAllPolicy,
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, startAt(t, consumerOf(t, env), 1), 1, 3)
}

func TestConsumer_CheckpointDecidesNotTheAckFloor(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 100)...)
	c := consumerOf(t, env)
	d := startAt(t, c, 1)
	if err := d.Ack(t.Context(), expect(t, d, 1, 80)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return consumerInfo(t, env).AckFloor.Stream == 80 })
	d.Stop()
	// The database was restored from before the ack floor, then from after it.
	d = startAt(t, c, 11)
	expect(t, d, 11, 30)
	d.Stop()
	d = startAt(t, c, 95)
	expect(t, d, 95, 100)
	d.Stop()
	// Everything is applied; the next one comes.
	d = startAt(t, c, 101)
	env.Append(t, lines("q", 1)...)
	expect(t, d, 101, 101)
}

func TestConsumer_StartBeyondTheEndIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	c := consumerOf(t, env)
	d := startAt(t, c, 1) // the empty stream's end
	d.Stop()
	env.Append(t, lines("p", 10)...)
	if _, err := c.Start(t.Context(), 12, 0); !errors.Is(err, streams.ErrBeyondEnd) {
		t.Errorf("start: %v, want ErrBeyondEnd", err)
	}
	if err := c.ResetTo(t.Context(), 1000); !errors.Is(err, streams.ErrBeyondEnd) {
		t.Errorf("reset: %v, want ErrBeyondEnd", err)
	}
	if err := c.ResetTo(t.Context(), 11); err != nil {
		t.Errorf("reset to the end: %v", err)
	}
}

// Whatever happens to a consumer, its delivery says so by itself and names it; a
// new start goes on without a hole.
func TestDelivery_EndsWithAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		happen func(*testing.T, *streamstest.Env)
		want   []error
	}{
		"consumer deleted": {func(t *testing.T, env *streamstest.Env) {
			if err := env.Conn.JetStream().DeleteConsumer(t.Context(), streams.StreamName, durable); err != nil {
				t.Fatal(err)
			}
		}, []error{streams.ErrConsumerGone, streams.ErrNoHeartbeat}},
		"server restarted": {func(t *testing.T, env *streamstest.Env) {
			if err := env.Server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, []error{streams.ErrDisconnected}},
		"connection lost": {func(t *testing.T, env *streamstest.Env) {
			if err := env.Conn.NATS().ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		}, []error{streams.ErrDisconnected}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			env.Append(t, lines("p", 50)...)
			c := consumerOf(t, env)
			d := startAt(t, c, 1)
			expect(t, d, 1, 50)
			test.happen(t, env)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := d.Next(ctx)
			ok := false
			for _, want := range test.want {
				ok = ok || errors.Is(err, want)
			}
			if !ok {
				t.Fatalf("next: %v, want one of %v", err, test.want)
			}
			if _, again := d.Next(ctx); again == nil {
				t.Error("the ended delivery went on")
			}
			d.Stop()
			appendThrough(t, env, lines("q", 5)...)
			expect(t, startAt(t, c, 31), 31, 55)
		})
	}
}

func TestDelivery_PendingReachesZeroAtTheEnd(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 30)...)
	d := startAt(t, consumerOf(t, env), 1)
	if m := expect(t, d, 1, 30); m.Pending != 0 {
		t.Errorf("pending after the last is %d", m.Pending)
	}
	env.Append(t, line("p", 31))
	if m := expect(t, d, 31, 31); m.Pending != 0 {
		t.Errorf("pending after a single one is %d", m.Pending)
	}
}

func TestDelivery_IdleIsNotAnError(t *testing.T) {
	t.Parallel()
	suite.Steadily(t, heartbeat/2, func() error {
		env := streamstest.New(t)
		d := startAt(t, consumerOf(t, env), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second) // longer than the heartbeat is awaited
		defer cancel()
		if _, err := d.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("next on a quiet stream: %w, want the context's end", err)
		}
		env.Append(t, line("p", 1))
		_, err := read(t, d, 1, 1)
		return err
	})
}

// A slow reader stops what is on its way, and loses nothing.
func TestDelivery_SlowReaderGetsEverything(t *testing.T) {
	t.Parallel()
	suite.Steadily(t, heartbeat/2, func() error {
		env := streamstest.New(t)
		env.Append(t, lines("p", 5000)...)
		c := consumerOf(t, env)
		d, err := c.Start(t.Context(), 1, 10)
		if err != nil {
			return err
		}
		defer d.Stop()
		if _, err := read(t, d, 1, 5); err != nil {
			return err
		}
		select { // longer than the heartbeat is awaited
		case <-time.After(7 * time.Second):
		case <-t.Context().Done():
		}
		_, err = read(t, d, 6, 5000)
		return err
	})
}

func TestDelivery_StopEndsNext(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	d := startAt(t, consumerOf(t, env), 1)
	got := make(chan error, 1)
	go func() {
		_, err := d.Next(t.Context())
		got <- err
	}()
	d.Stop()
	if err := <-got; !errors.Is(err, streams.ErrDeliveryStopped) {
		t.Errorf("next: %v, want ErrDeliveryStopped", err)
	}
}

// Two pullers on one consumer leave holes, which a reader must be able to see.
func TestDelivery_SecondPullerShowsAsAHole(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 2000)...)
	c := consumerOf(t, env)
	d := startAt(t, c, 1)
	other, err := env.Connect(t).JetStream().Consumer(t.Context(), streams.StreamName, durable)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Fetch(100, jetstream.FetchMaxWait(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var last uint64
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		m, err := d.Next(ctx)
		cancel()
		if err != nil {
			t.Fatalf("next after %d: %v, want a hole", last, err)
		}
		if m.Seq != last+1 {
			break
		}
		last = m.Seq
	}
	d.Stop()
	expect(t, startAt(t, c, last+1), last+1, 2000)
}
