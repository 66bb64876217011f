package streams_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// noisy are events that no compression makes small.
func noisy(from, n, size int) []streams.AppendMessage {
	random := rand.New(rand.NewPCG(7, uint64(from)))
	list := make([]streams.AppendMessage, n)
	for i := range list {
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(random.Uint32())
		}
		list[i] = streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: fmt.Sprintf("noisy-%d", from+i), Data: data}
	}
	return list
}

// contents reads everything a stream holds, up to a sequence.
func contents(t *testing.T, s *streams.Stream, upTo uint64) string {
	t.Helper()
	var b strings.Builder
	for _, m := range streamstest.ReadAll(t, s, streams.ReadOptions{UpTo: upTo}) {
		fmt.Fprintf(&b, "%d %s %s %s %x\n", m.Seq, m.Time.UTC(), m.Subject, m.MsgID, m.Data[:min(len(m.Data), 16)])
	}
	return b.String()
}

func take(t *testing.T, c *streams.Conn, stream string) (streams.Snapshot, []byte) {
	t.Helper()
	var b bytes.Buffer
	s, err := c.Snapshot(t.Context(), stream, &b, nil)
	must(t, err)
	return s, b.Bytes()
}

func TestSnapshot_RestoredElsewhereIsTheSame(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	last := from.Append(t, noisy(0, 250, 30<<10)...) // far more than is on its way at a time
	erase(t, from, 1, 5, 6, 200)

	// Others go on meanwhile.
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, _ = from.Stream.Append(ctx, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: fmt.Sprint("more-", i), Data: []byte("{}")})
		}
	})
	var b bytes.Buffer
	var told int64
	s, err := from.Conn.Snapshot(t.Context(), streams.StreamName, &b, func(n int64) { told = n })
	stop()
	wg.Wait()
	must(t, err)
	if s.LastSeq < last || s.FirstSeq != 2 || s.Identity != from.Stream.Identity().ID || told != int64(b.Len()) || s.Server == "" {
		t.Errorf("the snapshot is %+v, and %d bytes were told of %d", s, told, b.Len())
	}

	to := streamstest.New(t, streamstest.WithoutStream())
	restored, err := to.Conn.Restore(t.Context(), s, &b, streams.RestoreOptions{Metadata: map[string]string{"note": "kept"}})
	must(t, err)
	if len(restored.Changes) > 0 || restored.State.LastSeq < s.LastSeq {
		t.Errorf("restored: %+v", restored)
	}
	stream, changes, err := streams.Setup(t.Context(), to.Conn, streams.StreamOptions{})
	must(t, err)
	for _, ch := range changes {
		if !strings.HasPrefix(ch.Field, "bucket ") {
			t.Errorf("setting it up changes %s", ch)
		}
	}
	if stream.Identity().ID != s.Identity {
		t.Errorf("the identity is %s, and was %s", stream.Identity().ID, s.Identity)
	}
	if got, want := contents(t, stream, s.LastSeq), contents(t, from.Stream, s.LastSeq); got != want {
		t.Errorf("%d bytes of contents, and %d before", len(got), len(want))
	}
	// The next event goes behind all that was there.
	ack, err := stream.Append(t.Context(), streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "next", Data: []byte("{}")})
	must(t, err)
	if ack.Seq != restored.State.LastSeq+1 {
		t.Errorf("the next event has sequence %d after %d", ack.Seq, restored.State.LastSeq)
	}
	if _, err := to.Conn.Restore(t.Context(), s, bytes.NewReader(nil), streams.RestoreOptions{}); !errors.Is(err, streams.ErrStreamExists) {
		t.Errorf("over a stream: %v, want ErrStreamExists", err)
	}
}

func TestSnapshot_OfAnEmptyStreamAndBucket(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	to := streamstest.New(t, streamstest.WithoutStream())
	for _, name := range []string{streams.OutboundStream, streams.StreamName} {
		s, data := take(t, from.Conn, name)
		restored, err := to.Conn.Restore(t.Context(), s, bytes.NewReader(data), streams.RestoreOptions{})
		must(t, err)
		if restored.State.LastSeq != 0 || restored.State.Messages != 0 {
			t.Errorf("%s: %+v", name, restored.State)
		}
	}
	if stream, _, err := streams.Setup(t.Context(), to.Conn, streams.StreamOptions{}); err != nil || stream.Identity().ID != from.Stream.Identity().ID {
		t.Errorf("identity: %v", err)
	}
}

func TestSnapshot_OfABucketKeepsRevisions(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	b := openBucket(t, from)
	for i := range 5 {
		_, err := b.Create(t.Context(), fmt.Sprintf("c.%d", i), fmt.Append(nil, "v", i))
		must(t, err)
	}
	_, err := b.Update(t.Context(), "c.1", []byte("later"), 2, 0)
	must(t, err)
	want, err := b.List(t.Context(), "")
	must(t, err)

	s, data := take(t, from.Conn, "KV_"+streams.OutboundBucket)
	to := streamstest.New(t, streamstest.WithoutStream())
	_, err = to.Conn.Restore(t.Context(), s, bytes.NewReader(data), streams.RestoreOptions{})
	must(t, err)
	to.Stream, _, err = streams.Setup(t.Context(), to.Conn, streams.StreamOptions{})
	must(t, err)
	got, err := openBucket(t, to).List(t.Context(), "")
	must(t, err)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestRestore_DamagedBytesAreRefused(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	from.Append(t, noisy(0, 40, 10<<10)...)
	s, data := take(t, from.Conn, streams.StreamName)
	to := streamstest.New(t, streamstest.WithoutStream())
	spoilt := bytes.Clone(data)
	spoilt[len(spoilt)/2] ^= 1
	for name, bad := range map[string][]byte{"cut off": data[:len(data)/2], "one bit": spoilt, "empty": nil, "other": []byte("no snapshot")} {
		if _, err := to.Conn.Restore(t.Context(), s, bytes.NewReader(bad), streams.RestoreOptions{}); err == nil {
			t.Errorf("%s: no error", name)
			must(t, to.Conn.Discard(t.Context(), s.Stream))
		}
	}
	// None of it is in the way of the right one.
	if _, err := to.Conn.Restore(t.Context(), s, bytes.NewReader(data), streams.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRestore_RefusedBeforeItBegins(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	from.Append(t, noisy(0, 2, 100)...)
	s, _ := take(t, from.Conn, streams.StreamName)
	to := streamstest.New(t, streamstest.WithoutStream())
	newer := s
	newer.Server = "99.1.0"
	for _, c := range []struct {
		s    streams.Snapshot
		o    streams.RestoreOptions
		conn *streams.Conn
		want error
	}{
		{newer, streams.RestoreOptions{}, to.Conn, streams.ErrServerTooOld},
		{s, streams.RestoreOptions{MaxBytes: 1}, to.Conn, streams.ErrTooSmall},
		{s, streams.RestoreOptions{}, from.Conn, streams.ErrStreamExists},
	} {
		if err := c.conn.CheckRestore(t.Context(), c.s, c.o); !errors.Is(err, c.want) {
			t.Errorf("check: %v, want %v", err, c.want)
		}
		if _, err := c.conn.Restore(t.Context(), c.s, strings.NewReader(""), c.o); !errors.Is(err, c.want) {
			t.Errorf("restore: %v, want %v", err, c.want)
		}
	}
	must(t, to.Conn.CheckRestore(t.Context(), s, streams.RestoreOptions{}))
}

func TestSnapshot_WhatKeepsItFromBeginning(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if _, err := env.Conn.Snapshot(t.Context(), "NONE", io.Discard, nil); !errors.Is(err, streams.ErrNoStream) {
		t.Errorf("no stream: %v", err)
	}
	if _, err := env.ConnectAnonymously(t).Snapshot(t.Context(), streams.StreamName, io.Discard, nil); !errors.Is(err, streams.ErrPermission) {
		t.Errorf("an analyst: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := env.Conn.Snapshot(ctx, streams.StreamName, io.Discard, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// fullDisk takes some bytes, and no more.
type fullDisk struct{ room int }

var errFull = errors.New("full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSnapshot_AnEndInTheMiddle(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	env.Append(t, noisy(0, 250, 30<<10)...)
	if _, err := env.Conn.Snapshot(t.Context(), streams.StreamName, &fullDisk{room: 1 << 20}, nil); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
	// The line is cut in the middle of it.
	proxy := streamstest.NewProxy(t, strings.TrimPrefix(env.Server.ClientURL(), "nats://"))
	user, password := env.Server.Credentials()
	c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{proxy.URL()}, User: user, Password: password, Timeout: time.Minute})
	must(t, err)
	t.Cleanup(c.Close)
	var once sync.Once
	_, err = c.Snapshot(t.Context(), streams.StreamName, io.Discard, func(int64) { once.Do(func() { proxy.Cut() }) })
	if !errors.Is(err, streams.ErrDisconnected) {
		t.Errorf("a lost connection: %v", err)
	}
	// Another one works all the same.
	if s, _ := take(t, env.Conn, streams.StreamName); s.Messages != 250 {
		t.Errorf("%d messages", s.Messages)
	}
}
