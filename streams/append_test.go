package streams_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func TestAppend_SecondTimeIsADuplicate(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 3)...)
	ack, err := env.Stream.Append(t.Context(), line("p", 2))
	if err != nil || !ack.Duplicate || ack.Seq != 2 {
		t.Errorf("append again: %+v, %v; want a duplicate of sequence 2", ack, err)
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 3 {
		t.Errorf("state: %+v, %v", state, err)
	}
}

func TestAppend_TooLargeIsRefusedForGood(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithServer(func(c *embedded.Config) { c.MaxPayload = 1 << 20 }))
	big := line("p", 1)
	big.Data = make([]byte, 1<<20+1)
	if _, err := env.Stream.Append(t.Context(), big); !errors.Is(err, streams.ErrRefused) {
		t.Errorf("larger than the server's limit: %v, want ErrRefused", err)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), []streams.AppendMessage{line("p", 2), big, line("p", 3)}); !errors.Is(err, streams.ErrRefused) {
		t.Errorf("in a batch: %v, want ErrRefused", err)
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 0 {
		t.Errorf("something of it was stored: %+v, %v", state, err)
	}
	// The connection has survived it.
	if _, err := env.Stream.Append(t.Context(), line("p", 4)); err != nil {
		t.Errorf("append afterwards: %v", err)
	}

	cfg := streamConfig(t, env.Conn)
	cfg.MaxMsgSize = 100
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	big.Data = make([]byte, 200)
	if _, err := env.Stream.Append(t.Context(), big); !errors.Is(err, streams.ErrRefused) {
		t.Errorf("larger than the stream's limit: %v, want ErrRefused", err)
	}
}

func TestAppend_EightMebibytesPass(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	big := line("p", 1)
	big.Data = []byte(strings.Repeat("x", 8<<20-1024))
	if _, err := env.Stream.Append(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	env.Append(t, lines("q", 10)...)
	if got := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{}); len(got) != 11 || len(got[0].Data) != len(big.Data) {
		t.Errorf("read %d messages", len(got))
	}
}

func TestAppend_FullStreamKeepsItsHistory(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithStream(streams.StreamOptions{MaxBytes: 4096}))
	var err error
	stored := uint64(0)
	for i := 1; err == nil && i < 1000; i++ {
		if _, err = env.Stream.Append(t.Context(), line("p", i)); err == nil {
			stored++
		}
	}
	if !errors.Is(err, streams.ErrUnavailable) || !errors.Is(err, streams.ErrFull) {
		t.Errorf("append to a full stream: %v, want ErrUnavailable and ErrFull", err)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), lines("q", 50)); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("batch to a full stream: %v, want ErrUnavailable", err)
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.FirstSeq != 1 || state.Messages != stored {
		t.Errorf("state is %+v, %v; want all %d messages", state, err, stored)
	}
}

func TestAppend_WithoutServerFailsAtOnceAndSurely(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if err := env.Server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !env.Conn.IsConnected() })
	// Had they waited for an answer, they would not know whether it was stored.
	if _, err := env.Stream.Append(t.Context(), line("p", 1)); !errors.Is(err, streams.ErrUnavailable) || errors.Is(err, streams.ErrUncertain) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), lines("p", 5)); !errors.Is(err, streams.ErrUnavailable) || errors.Is(err, streams.ErrUncertain) {
		t.Errorf("batch: %v, want ErrUnavailable", err)
	}
}

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come")
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestAppend_MissingStreamIsUnavailable(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Stream.Append(t.Context(), line("p", 1)); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), lines("p", 3)); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("batch: %v, want ErrUnavailable", err)
	}
	if _, err := env.Stream.State(t.Context()); !errors.Is(err, streams.ErrNoStream) {
		t.Errorf("state: %v, want ErrNoStream", err)
	}
	// Another stream on the same subjects must not swallow the event.
	if _, err := env.Conn.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"rosey.db.message.log"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Stream.Append(t.Context(), line("p", 1)); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("append beside another stream: %v, want ErrUnavailable", err)
	}
}

func TestAppend_NoAnswerIsUncertain(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := streamConfig(t, env.Conn)
	cfg.NoAck = true
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	appended := make(chan error, 1)
	go func() {
		_, err := env.Stream.Append(ctx, line("p", 1))
		appended <- err
	}()
	waitFor(t, func() bool {
		state, err := env.Stream.State(t.Context())
		return err == nil && state.LastSeq == 1
	})
	giveUp()
	if err := <-appended; !errors.Is(err, streams.ErrUncertain) {
		t.Fatalf("append: %v, want ErrUncertain", err)
	}
	found, err := env.Stream.Find(t.Context(), 0, []string{"p-1", "p-2"})
	if err != nil || len(found) != 1 || found["p-1"] != 1 {
		t.Errorf("find: %v, %v; want p-1 at 1", found, err)
	}
}

func TestAppend_EndedContextIsNotSent(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := env.Stream.Append(ctx, line("p", 1))
	if !errors.Is(err, streams.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v, want ErrUnavailable and context.Canceled", err)
	}
}

func TestAppendBatch_IsOneAndInOrder(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 4)...)
	acks, err := env.Stream.AppendBatch(t.Context(), lines("q", 1000))
	if err != nil || len(acks) != 1000 {
		t.Fatalf("batch: %d acks, %v", len(acks), err)
	}
	for i, ack := range acks {
		if ack.Seq != uint64(i+5) {
			t.Fatalf("ack %d has sequence %d, want %d", i, ack.Seq, i+5)
		}
	}
	for _, m := range streamstest.ReadAll(t, env.Stream, streams.ReadOptions{From: 5}) {
		if want := fmt.Sprintf("q-%d", m.Seq-4); m.MsgID != want {
			t.Fatalf("sequence %d is %s, want %s", m.Seq, m.MsgID, want)
		}
	}
}

func TestAppendBatch_DuplicateRejectsAll(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, line("p", 3))
	tests := map[string][]streams.AppendMessage{
		"stored before":   lines("p", 5),
		"twice in itself": {line("q", 1), line("q", 2), line("q", 1)},
	}
	for name, batch := range tests {
		if _, err := env.Stream.AppendBatch(t.Context(), batch); !errors.Is(err, streams.ErrDuplicateInBatch) {
			t.Errorf("%s: %v, want ErrDuplicateInBatch", name, err)
		}
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 1 {
		t.Errorf("something of them was stored: %+v, %v", state, err)
	}
}

func TestAppendBatch_Sizes(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if acks, err := env.Stream.AppendBatch(t.Context(), nil); err != nil || len(acks) != 0 {
		t.Errorf("nothing: %v, %v", acks, err)
	}
	if acks, err := env.Stream.AppendBatch(t.Context(), lines("p", 1)); err != nil || len(acks) != 1 {
		t.Errorf("one: %v, %v", acks, err)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), lines("q", 1001)); !errors.Is(err, streams.ErrBatchTooLarge) {
		t.Errorf("too many: %v, want ErrBatchTooLarge", err)
	}
	big := lines("r", 3)
	for i := range big {
		big[i].Data = make([]byte, 7<<20)
	}
	if _, err := env.Stream.AppendBatch(t.Context(), big); !errors.Is(err, streams.ErrBatchTooLarge) {
		t.Errorf("too large: %v, want ErrBatchTooLarge", err)
	}
	if acks, err := env.Stream.AppendBatch(t.Context(), big[:2]); err != nil || len(acks) != 2 {
		t.Errorf("large: %v, %v", acks, err)
	}
}

func TestAppendBatch_GoesSinglyWhereTheStreamHasNoBatches(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := streamConfig(t, env.Conn)
	cfg.AllowAtomicPublish = false
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	// One that learns it from the refusal, and one that knows from the start.
	opened, err := streams.Open(t.Context(), env.Conn)
	if err != nil {
		t.Fatal(err)
	}
	for producer, s := range map[string]*streams.Stream{"p": env.Stream, "q": opened} {
		acks, err := s.AppendBatch(t.Context(), lines(producer, 20))
		if err != nil || len(acks) != 20 || acks[19].Seq != acks[0].Seq+19 {
			t.Errorf("batch: %v, %v", acks, err)
		}
	}
	// A retry finds its duplicates message by message.
	acks, err := opened.AppendBatch(t.Context(), lines("q", 21))
	if err != nil || len(acks) != 21 || !acks[0].Duplicate || acks[20].Duplicate {
		t.Errorf("retry: %v, %v", acks, err)
	}
}

func TestFind_LooksOnlyBehindTheGivenSequence(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 300)...)
	tests := []struct {
		after uint64
		ids   []string
		want  map[string]uint64
	}{
		{0, []string{"p-1", "p-300", "p-301"}, map[string]uint64{"p-1": 1, "p-300": 300}},
		{100, []string{"p-100", "p-101"}, map[string]uint64{"p-101": 101}},
		{300, []string{"p-300"}, nil},
		{999, []string{"p-300"}, nil},
		{0, nil, nil},
	}
	for _, test := range tests {
		got, err := env.Stream.Find(t.Context(), test.after, test.ids)
		if err != nil || len(got) != len(test.want) {
			t.Errorf("after %d: %v, %v; want %v", test.after, got, err, test.want)
			continue
		}
		for id, seq := range test.want {
			if got[id] != seq {
				t.Errorf("after %d: %s at %d, want %d", test.after, id, got[id], seq)
			}
		}
	}
}

// The client's own words are about a buffer, which nobody would take for that.
func TestAppend_WithoutAServerSaysSo(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s, _, err := streams.Setup(t.Context(), conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	for end := time.Now().Add(2 * time.Minute); !errors.Is(err, streams.ErrUnavailable) && time.Now().Before(end); {
		_, err = s.Append(t.Context(), lines("p", 1)[0])
	}
	_, batchErr := s.AppendBatch(t.Context(), lines("p", 2))
	for _, err := range []error{err, batchErr} {
		if err == nil || !strings.Contains(err.Error(), "no server answers") || strings.Contains(err.Error(), "buffer") || !errors.Is(err, streams.ErrUnavailable) {
			t.Errorf("without a server: %v", err)
		}
	}
}

func TestLastOf_NamesTheGreatestSequenceThatIsLeft(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ask := func(want map[string]uint64) {
		t.Helper()
		got, err := env.Stream.LastOf(t.Context(), []string{"p", "q", "none"})
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("last %v (%v), want %v", got, err, want)
		}
	}
	ask(nil)
	env.Append(t, lines("p", 12)...)
	env.Append(t, lines("q", 3)...)
	env.Append(t, lines("other", 5)...)
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 12} {
		if err := js.SecureDeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	ask(map[string]uint64{"p": 11, "q": 3})
}

// The server is killed in the middle, again and again; every message ends up in
// the stream once, in order, by the rule of the errors alone.
func TestAppend_SurvivesKilledServers(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, MaxReconnectWait: 50 * time.Millisecond, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s, _, err := streams.Setup(t.Context(), conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			select {
			case <-stop:
				return
			case <-time.After(150 * time.Millisecond):
			}
			server.Kill()
			if err := server.Start(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	defer func() { close(stop); <-done }()

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // each batch waits for the disk
	defer cancel()
	var last uint64
	next := 1
	killed := false
	for !killed || next < 1500 {
		select {
		case <-done:
			killed = true
		default:
		}
		batch := make([]streams.AppendMessage, 10)
		ids := make([]string, len(batch))
		for i := range batch {
			batch[i] = line("p", next+i)
			ids[i] = batch[i].MsgID
		}
		last = appendForSure(ctx, t, conn, s, last, batch, ids)
		next += len(batch)
	}
	got := streamstest.ReadAll(t, s, streams.ReadOptions{})
	if len(got) != next-1 {
		t.Fatalf("stream has %d messages, want %d", len(got), next-1)
	}
	for i, m := range got {
		if want := fmt.Sprintf("p-%d", i+1); m.MsgID != want || m.Seq != uint64(i+1) {
			t.Fatalf("place %d holds %s at %d", i+1, m.MsgID, m.Seq)
		}
	}
}

// appendForSure does what the spool does: it appends until the batch is surely
// stored and returns the sequence of its last message.
func appendForSure(ctx context.Context, t *testing.T, c *streams.Conn, s *streams.Stream, after uint64, batch []streams.AppendMessage, ids []string) uint64 {
	t.Helper()
	look := false
	for {
		if err := c.Connected(ctx); err != nil {
			t.Fatal(err)
		}
		if look {
			found, err := s.Find(ctx, after, ids)
			if err != nil {
				continue
			}
			if len(found) == len(ids) {
				return found[ids[len(ids)-1]]
			}
			if len(found) > 0 {
				t.Fatalf("half a batch is stored: %v", found)
			}
			look = false
		}
		acks, err := s.AppendBatch(ctx, batch)
		switch {
		case err == nil:
			return acks[len(acks)-1].Seq
		case errors.Is(err, streams.ErrUncertain), errors.Is(err, streams.ErrDuplicateInBatch):
			look = true
		case !errors.Is(err, streams.ErrUnavailable):
			t.Fatal(err)
		case ctx.Err() != nil:
			t.Fatal(err)
		}
	}
}
