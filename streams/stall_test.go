package streams_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// damaged is a stream whose first block cannot be read any more, and what it holds.
func damaged(t *testing.T) (*streamstest.Env, uint64) {
	t.Helper()
	env := streamstest.New(t, streamstest.WithSync())
	env.FillBlock(t)
	last := env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindBotStopped), MsgID: "last", Data: []byte("{}")})
	env.DamageBlock(t, 1, time.Second)
	return env, last
}

// unreadable is how many messages the first block has.
const unreadable = 27

func TestReader_AnUnreadableBlockIsAnError(t *testing.T) {
	t.Parallel()
	env, last := damaged(t)
	for name, o := range map[string]streams.ReadOptions{
		"all":     {StopAtEnd: true},
		"feed":    {StopAtEnd: true, NoHeaders: true},
		"headers": {UpTo: unreadable, HeadersOnly: true},
		"filter":  {StopAtEnd: true, Subjects: []string{events.Subject(events.KindMessageLog)}},
		"since":   {StopAtEnd: true, Since: time.Unix(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := env.Stream.Reader(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			m, err := r.Next(ctx)
			var lost *streams.UnreadableError
			if !errors.As(err, &lost) || !errors.Is(err, streams.ErrUnreadable) || lost.Seq == 0 || lost.Seq > unreadable || lost.LeaderHasIt || lost.Tries < 2 {
				t.Errorf("Next returns seq=%d, %v; want that the first of all is unreadable", m.Seq, err)
			}
		})
	}
	t.Run("find", func(t *testing.T) {
		t.Parallel()
		if found, err := env.Stream.Find(t.Context(), 0, []string{"bulk-1"}); !errors.Is(err, streams.ErrUnreadable) {
			t.Errorf("Find returns %v, %v: want that it cannot be told", found, err)
		}
		found, err := env.Stream.Find(t.Context(), last-10, []string{"bulk-40", "other"})
		if err != nil || len(found) != 1 || found["bulk-40"] != 40 {
			t.Errorf("Find behind the damage returns %v, %v: want bulk-40 alone", found, err)
		}
	})
	t.Run("behind", func(t *testing.T) {
		t.Parallel()
		if list := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{From: last - 5}); len(list) != 6 {
			t.Errorf("%d messages are read behind the damage, want 6", len(list))
		}
		stopped := []string{events.Subject(events.KindBotStopped)}
		if list := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{Subjects: stopped}); len(list) != 1 || list[0].Seq != last {
			t.Errorf("%d messages about something else are read, want that of seq=%d", len(list), last)
		}
	})
}

// What was erased is not there; what cannot be read is, and nobody takes one for the
// other.
func TestStream_GetTellsDamageFromErasure(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithSync())
	env.FillBlock(t)
	stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	const erased, last = 5, 40
	if err := stream.DeleteMsg(t.Context(), erased); err != nil {
		t.Fatal(err)
	}
	restored := stream.CachedInfo().Config
	restored.Metadata["rosey_imported_to"] = "40"
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	env.DamageBlock(t, 1, time.Second)
	for seq, want := range map[uint64]error{0: streams.ErrMessageNotFound, 1: streams.ErrUnreadable, erased: streams.ErrMessageNotFound, last: nil, last + 1: streams.ErrMessageNotFound} {
		_, err := env.Stream.Get(t.Context(), seq)
		if !errors.Is(err, want) {
			t.Errorf("get seq=%d: %v, want %v", seq, err, want)
		}
		if lost := (*streams.UnreadableError)(nil); errors.As(err, &lost) && lost.Seq != seq {
			t.Errorf("get seq=%d: it is seq=%d that cannot be read", seq, lost.Seq)
		}
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != last {
		t.Errorf("the extent of a restored stream whose first message cannot be read: %+v, %v", state, err)
	}
}

// Time without a line is not time in which a server delivers nothing.
func TestReader_ALostLineBeginsTheWaitAnew(t *testing.T) {
	t.Parallel()
	env, _ := damaged(t)
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{StopAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.LoseLine(time.Hour)
	_, err = r.Next(t.Context())
	if lost := (*streams.UnreadableError)(nil); !errors.As(err, &lost) || lost.For >= time.Hour {
		t.Errorf("Next returns %v, want that the wait began when the line was lost", err)
	}
}

// What the server has sent may be lost without a word, and then it is asked for again.
func TestReader_WhatWasSentAndDoesNotComeIsReadAgain(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	last := env.Append(t, lines("p", 10)...)
	user, password := env.Server.Credentials()
	conn, err := streams.Connect(t.Context(), streams.Config{InProcess: env.Server.InProcessConn, User: user, Password: password, ReadPatience: 6 * time.Second, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	stream, err := streams.Open(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]streams.ReadOptions{"pull": {StopAtEnd: true}, "feed": {StopAtEnd: true, NoHeaders: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := stream.Reader(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.LoseDelivered(last)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			for seq := uint64(1); seq <= last; seq++ {
				if m, err := r.Next(ctx); err != nil || m.Seq != seq {
					t.Fatalf("Next returns seq=%d, %v; want seq=%d", m.Seq, err, seq)
				}
			}
		})
	}
}

// Who waits for the values of a bucket hears that one of them cannot be read.
func TestBucketWatcher_AnUnreadableValueIsAnError(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithSync())
	env.FillBucket(t, streams.OutboundBucket, "channel.")
	env.DamageBlockOf(t, "KV_"+streams.OutboundBucket, 1, time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	_, err := openBucket(t, env).List(ctx, "channel.*")
	if lost := (*streams.UnreadableError)(nil); !errors.As(err, &lost) || lost.Seq == 0 || lost.Seq > unreadable || lost.Tries < 2 || lost.Bucket != streams.OutboundBucket {
		t.Errorf("List returns %v, want which value cannot be read", err)
	}
	list, err := openBucket(t, env).List(ctx, "channel.40")
	if err != nil || len(list) != 1 {
		t.Errorf("List of what can be read returns %d values, %v", len(list), err)
	}
}

// A server passes over a value in silence that it cannot read, where the bucket is as
// Setup makes it. Whoever waits for the values hears of it all the same, and who asks for
// that one.
func TestBucketWatcher_AValueThatIsPassedOverIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ values, broken int }{
		"the first": {8, 0}, "in between": {8, 5}, "the last": {8, 7}, "the only one": {1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t, streamstest.WithSync())
			b := openBucket(t, env)
			for i := range tt.values {
				_, err := b.Create(t.Context(), fmt.Sprintf("channel.%d", i), fmt.Appendf(nil, "value number %d", i))
				must(t, err)
			}
			_, err := b.Create(t.Context(), "other.1", []byte("x"))
			must(t, err)
			mend := env.DamageValueOf(t, "KV_"+streams.OutboundBucket, fmt.Appendf(nil, "value number %d", tt.broken), time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			b = openBucket(t, env)
			key := fmt.Sprintf("channel.%d", tt.broken)
			for _, filter := range []string{"", "channel.*", key} {
				list, err := b.List(ctx, filter)
				if lost := (*streams.UnreadableError)(nil); !errors.As(err, &lost) || lost.Bucket != streams.OutboundBucket {
					t.Errorf("List of %q returns %d values, %v, want which cannot be read", filter, len(list), err)
				} else if lost.Key != key && lost.Seq != uint64(tt.broken+1) {
					t.Errorf("List of %q returns %v, want that of %s", filter, err, key)
				}
			}
			if _, err := b.Get(ctx, key); !errors.Is(err, streams.ErrUnreadable) {
				t.Errorf("Get returns %v, want that the value cannot be read", err)
			}
			if list, err := b.List(ctx, "other.*"); err != nil || len(list) != 1 {
				t.Errorf("List of what can be read returns %d values, %v", len(list), err)
			}
			if _, err := b.Get(ctx, "channel.99"); !errors.Is(err, streams.ErrNoKey) {
				t.Errorf("Get of a key that never was returns %v", err)
			}

			if tt.broken == 5 { // what the remedy says
				must(t, env.Conn.JetStream().DeleteKeyValue(ctx, streams.OutboundBucket))
				_, _, err := streams.Setup(ctx, env.Conn, streams.StreamOptions{})
				must(t, err)
				tt.values = 0
			} else {
				mend()
			}
			b = openBucket(t, env)
			if list, err := b.List(ctx, "channel.*"); err != nil || len(list) != tt.values {
				t.Errorf("afterwards: %d values, %v; want %d", len(list), err, tt.values)
			}
		})
	}
}

// Nothing that is erased, written or ends while it is listed counts as unreadable.
func TestBucketWatcher_WhatChangesIsNotUnreadable(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	b := openBucket(t, env)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for i := range 4 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("channel.%d", i*20+n%20)
				revision, err := b.Create(ctx, key, []byte("x"))
				switch {
				case err != nil:
				case n%3 == 0:
					_, _ = b.Update(ctx, key, []byte("y"), revision, time.Second) // ends by itself
				default:
					_ = b.Remove(ctx, key, revision)
				}
			}
		})
	}
	for n := range 300 {
		if _, err := b.List(ctx, "channel.*"); err != nil {
			t.Fatalf("List %d: %v", n, err)
		}
		if _, err := b.Get(ctx, fmt.Sprintf("channel.%d", n%80)); err != nil && !errors.Is(err, streams.ErrNoKey) {
			t.Fatalf("Get %d: %v", n, err)
		}
		if err := b.AskForAll(ctx, "channel.*"); err != nil {
			t.Fatalf("all are asked for, %d: %v", n, err)
		}
	}
}
