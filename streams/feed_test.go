package streams_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// odd appends what a history has beside small events of one kind.
func odd(t *testing.T, env *streamstest.Env) {
	t.Helper()
	env.Append(t, lines("p", 700)...) // as a batch: with headers of the server's own
	for i, h := range []nats.Header{
		nil,
		{},
		{"X-Other": {"a", "b"}},
		{jetstream.MsgIDHeader: {"q-1"}},
		{jetstream.MsgIDHeader: {"  spaced "}},
		{"Traceparent": {"00-1"}, jetstream.MsgIDHeader: {"q-2"}, "nats-msg-id": {"lower"}},
	} {
		data := []byte(fmt.Sprintf(`{"n":%d}`, i))
		if i == 1 {
			data = nil
		}
		msg := &nats.Msg{Subject: fmt.Sprintf("rosey.db.cytube.kind%d", i), Header: h, Data: data}
		if _, err := env.Conn.JetStream().PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	// More than is asked for at once, and more than one piece of memory.
	for i := range 6 {
		env.Append(t, streams.AppendMessage{
			Subject: "rosey.db.cytube.large", MsgID: fmt.Sprintf("l-%d", i), Data: bytes.Repeat([]byte{byte('a' + i)}, 3<<20),
		})
	}
	env.Append(t, lines("r", 900)...)
	erase(t, env, 1, 2, 350, 703, 1200)
}

func TestReader_WithoutHeadersReadsTheSameMessages(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	odd(t, env)
	want := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{})
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{StopAtEnd: true, NoHeaders: true, InFlight: 300})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range want {
		if !r.Feeding() {
			t.Fatalf("message %d does not come by a feed", i)
		}
		got, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("message %d of %d: %v", i, len(want), err)
		}
		w := want[i]
		if got.Header != nil || got.Seq != w.Seq || !got.Time.Equal(w.Time) || got.Subject != w.Subject || got.MsgID != w.MsgID ||
			got.Pending != w.Pending || !bytes.Equal(got.Data, w.Data) {
			t.Fatalf("message %d: seq=%d id=%q subject=%s, %d bytes; want seq=%d id=%q subject=%s, %d bytes", i,
				got.Seq, got.MsgID, got.Subject, len(got.Data), w.Seq, w.MsgID, w.Subject, len(w.Data))
		}
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v, want io.EOF", err)
	}
}

// Where a request ends because of its bytes, the next one asks for what is missing.
func TestReader_LargeMessagesComeByTheFeed(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	const n = 12
	for i := range n {
		env.Append(t, streams.AppendMessage{
			Subject: "rosey.db.cytube.large", MsgID: fmt.Sprintf("l-%d", i), Data: bytes.Repeat([]byte{'a'}, 3<<20),
		})
	}
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{StopAtEnd: true, NoHeaders: true, InFlight: 256})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for want := uint64(1); want <= n; want++ {
		if m, err := r.Next(t.Context()); err != nil || m.Seq != want {
			t.Fatalf("next: %d, %v; want %d", m.Seq, err, want)
		}
		if !r.Feeding() {
			t.Fatalf("seq=%d does not come by a feed", want)
		}
	}
}

// What is not stored yet is waited for as always, and headers come as always.
func TestReader_WithoutAFeed(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	last := env.Append(t, lines("p", 20)...)
	tests := map[string]streams.ReadOptions{
		"follows":      {NoHeaders: true},
		"with headers": {StopAtEnd: true},
		"beyond":       {NoHeaders: true, UpTo: last + 1},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := env.Stream.Reader(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if r.Feeding() {
				t.Error("it has a feed")
			}
			for want := uint64(1); want <= last; want++ {
				m, err := r.Next(t.Context())
				if err != nil || m.Seq != want {
					t.Fatalf("next: %d, %v; want %d", m.Seq, err, want)
				}
				if opts.NoHeaders != (m.Header == nil) {
					t.Fatalf("seq=%d: headers %v", m.Seq, m.Header)
				}
			}
		})
	}
}

func TestReader_CloseOfAFeedThatIsBehind(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 2000)...)
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{StopAtEnd: true, NoHeaders: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err != nil || !r.Feeding() {
		t.Fatal(err, r.Feeding())
	}
	r.Close()
	r.Close()
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("next after close: %v, want io.EOF", err)
	}
}

// What the server had not delivered when it was erased will never come, and the last
// message before it was delivered as one that more would follow.
func TestReader_WhatIsNotDeliveredYetIsErased(t *testing.T) {
	t.Parallel()
	const n = 1000
	for name, opts := range map[string]streams.ReadOptions{
		"by a feed": {StopAtEnd: true, InFlight: 256, NoHeaders: true},
		"by a pull": {StopAtEnd: true, InFlight: 256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			env.Append(t, lines("p", n)...)
			r, err := env.Stream.Reader(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := r.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			last := delivered(t, env)
			for seq := last + 1; seq <= n; seq++ {
				erase(t, env, seq)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			// One or another may have been on its way before it was erased.
			want := uint64(2)
			for ; ; want++ {
				m, err := r.Next(ctx)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || m.Seq != want {
					t.Fatalf("next: %d, %v; want %d or io.EOF", m.Seq, err, want)
				}
			}
			if want <= last || want > n {
				t.Errorf("it ends before seq=%d; %d had been delivered, and the rest erased", want, last)
			}
		})
	}
}

// delivered waits until the only consumer has delivered all that it was asked for,
// and returns how many messages that is.
func delivered(t *testing.T, env *streamstest.Env) uint64 {
	t.Helper()
	s, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		for info := range s.ListConsumers(t.Context()).Info() {
			if info.NumWaiting == 0 && info.Delivered.Consumer >= 256 {
				return info.Delivered.Consumer
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the server still delivers")
	return 0
}
