package streams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func erase(t *testing.T, env *streamstest.Env, seqs ...uint64) {
	t.Helper()
	s, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range seqs {
		if err := s.SecureDeleteMsg(t.Context(), seq); err != nil {
			t.Fatalf("erase %d: %v", seq, err)
		}
	}
}

func TestReader_Extents(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 20)...)
	erase(t, env, 1, 7, 19, 20) // at both ends and in the middle
	tests := []struct {
		name        string
		opts        streams.ReadOptions
		first, last uint64
		count       int
	}{
		{"everything", streams.ReadOptions{StopAtEnd: true}, 2, 18, 16},
		{"from the middle", streams.ReadOptions{From: 7, StopAtEnd: true}, 8, 18, 11},
		{"to the middle", streams.ReadOptions{UpTo: 10}, 2, 10, 8},
		{"to an erased one", streams.ReadOptions{UpTo: 7}, 2, 6, 5},
		{"to the erased end", streams.ReadOptions{UpTo: 20}, 2, 18, 16},
		{"only erased ones", streams.ReadOptions{From: 19, StopAtEnd: true}, 0, 0, 0},
		{"one erased one", streams.ReadOptions{From: 7, UpTo: 7}, 0, 0, 0},
		{"after the end", streams.ReadOptions{From: 21, StopAtEnd: true}, 0, 0, 0},
		{"one in flight", streams.ReadOptions{StopAtEnd: true, InFlight: 1}, 2, 18, 16},
		{"backwards", streams.ReadOptions{From: 9, UpTo: 8}, 0, 0, 0},
		{"another subject", streams.ReadOptions{StopAtEnd: true, Subjects: []string{"rosey.db.user.>"}}, 0, 0, 0},
		{"two subjects", streams.ReadOptions{StopAtEnd: true, Subjects: []string{"rosey.db.user.>", "rosey.db.message.log"}}, 2, 18, 16},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := streamstest.ReadAll(t, env.Stream, test.opts)
			if len(got) != test.count {
				t.Fatalf("read %d messages, want %d", len(got), test.count)
			}
			if test.count > 0 && (got[0].Seq != test.first || got[len(got)-1].Seq != test.last) {
				t.Errorf("read %d to %d, want %d to %d", got[0].Seq, got[len(got)-1].Seq, test.first, test.last)
			}
		})
	}
	t.Run("too far", func(t *testing.T) {
		t.Parallel()
		if _, err := env.Stream.Reader(t.Context(), streams.ReadOptions{From: 22}); !errors.Is(err, streams.ErrBeyondEnd) {
			t.Errorf("reader: %v, want ErrBeyondEnd", err)
		}
	})
	t.Run("erased", func(t *testing.T) {
		t.Parallel()
		for _, seq := range []uint64{0, 1, 7, 20, 21} {
			if _, err := env.Stream.Get(t.Context(), seq); !errors.Is(err, streams.ErrMessageNotFound) {
				t.Errorf("get %d: %v, want ErrMessageNotFound", seq, err)
			}
		}
	})
}

func TestReader_EmptyStream(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if got := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{}); len(got) != 0 {
		t.Errorf("read %d messages from an empty stream", len(got))
	}
}

func TestReader_FollowsNewMessages(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{Subjects: []string{events.Subject(events.KindMessageLog)}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("next on an empty stream: %v, want the context's end", err)
	}
	for i := 1; i <= 3; i++ {
		if _, err := env.Stream.Append(t.Context(), line("p", i)); err != nil {
			t.Fatal(err)
		}
		if m, err := r.Next(t.Context()); err != nil || m.Seq != uint64(i) {
			t.Fatalf("next: %+v, %v; want %d", m, err, i)
		}
	}
	r.Close()
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("next after close: %v, want io.EOF", err)
	}
}

// The consumer behind the reader goes away in every way there is; the reader's
// user notices nothing.
func TestReader_SurvivesWhatHappensToItsConsumer(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *streamstest.Env){
		"deleted": func(t *testing.T, env *streamstest.Env) {
			s, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
			if err != nil {
				t.Fatal(err)
			}
			for name := range s.ConsumerNames(t.Context()).Name() {
				if err := s.DeleteConsumer(t.Context(), name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
					t.Fatal(err)
				}
			}
		},
		"server restarted": func(t *testing.T, env *streamstest.Env) {
			if err := env.Server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"connection lost": func(t *testing.T, env *streamstest.Env) {
			if err := env.Conn.NATS().ForceReconnect(); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, happen := range tests {
		t.Run(name+", by a feed", func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			env.Append(t, lines("p", 3000)...)
			r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{InFlight: 100, UpTo: 3000, NoHeaders: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for want := uint64(1); want <= 3000; want++ {
				if want == 1000 {
					if !r.Feeding() {
						t.Error("there is no feed")
					}
					happen(t, env)
				}
				m, err := r.Next(t.Context())
				if err != nil || m.Seq != want {
					t.Fatalf("next: %d, %v; want %d", m.Seq, err, want)
				}
			}
			if r.Feeding() {
				t.Error("it goes on with the feed")
			}
		})
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			env.Append(t, lines("p", 3000)...)
			r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{InFlight: 100})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for want := uint64(1); want <= 3010; want++ {
				if want%1000 == 0 {
					happen(t, env)
				}
				if want == 3001 {
					appendThrough(t, env, lines("q", 10)...)
				}
				m, err := r.Next(t.Context())
				if err != nil || m.Seq != want {
					t.Fatalf("next: %d, %v; want %d", m.Seq, err, want)
				}
			}
		})
	}
}

// appendThrough appends one after the other across a lost connection.
func appendThrough(t *testing.T, env *streamstest.Env, messages ...streams.AppendMessage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, m := range messages {
		for {
			if err := env.Conn.Connected(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := env.Stream.Append(ctx, m); err == nil {
				break
			} else if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReader_DeletedStreamIsAnError(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 1)...)
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := r.Next(ctx); !errors.Is(err, streams.ErrNoStream) {
		t.Errorf("next: %v, want ErrNoStream", err)
	}
}

func TestReader_CloseWhileBehindDoesNotHang(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 2000)...)
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{InFlight: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	r.Close()
	waitFor(t, func() bool {
		s, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
		return err == nil && s.CachedInfo().State.Consumers == 0
	})
}

// A reader that begins at a time returns what was stored since, and ends where that
// is nothing.
func TestReader_SinceATime(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindUserLeft), Data: []byte("early")})
	last := env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindUserLeft), Data: []byte("late")})
	m, err := env.Stream.Get(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		since time.Time
		want  []string
	}{
		{m.Time.Add(-time.Hour), []string{"early", "late"}},
		{m.Time, []string{"late"}},
		{m.Time.Add(time.Hour), nil},
	} {
		r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{Since: tt.since, StopAtEnd: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			m, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(m.Data))
		}
		r.Close()
		if !slices.Equal(got, tt.want) {
			t.Errorf("since %s: got %q, want %q", tt.since, got, tt.want)
		}
	}
}

// A consumer that begins at a time passes over what is about something else, also
// where that was stored since.
func TestReader_SinceATimeAboutSomething(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	env.Append(t, lines("p", 5)...)
	env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindUserLeft), MsgID: "q-1", Data: []byte(`{"username":"ann"}`)})
	first, err := env.Stream.Get(ctx, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindUserLeft), MsgID: fmt.Sprint("q-", i+2), Data: []byte(`{"username":"ann"}`)})
	}
	env.Append(t, lines("r", 2)...)
	for i := range 2 { // none before: the server begins with the first
		env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindPollClosed), MsgID: fmt.Sprint("s-", i), Data: []byte(`{}`)})
	}
	last, err := env.Stream.Get(ctx, 12)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		since    time.Time
		subjects []string
		want     int
	}{
		{last.Time, nil, 2},
		{last.Time, []string{events.Subject(events.KindMessageLog)}, 0},
		{last.Time, []string{"rosey.db.message.>"}, 0},
		{last.Time, []string{"rosey.db.*.closed"}, 2},
		{first.Time, nil, 8},
		{first.Time, []string{events.Subject(events.KindMessageLog)}, 2},
		{first.Time, []string{events.Subject(events.KindMessageLog), events.Subject(events.KindUserLeft)}, 6},
		{first.Time, []string{"rosey.db.message.>"}, 2},
		{first.Time, []string{events.Subject(events.KindPollClosed)}, 2},
		{first.Time, []string{events.Subject(events.KindPollClosed), events.Subject(events.KindPollOpened)}, 2},
		{first.Time, []string{events.Subject(events.KindPollOpened)}, 0},
	} {
		r, err := env.Stream.Reader(ctx, streams.ReadOptions{StopAtEnd: true, Since: tt.since, Subjects: tt.subjects})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			if _, err = r.Next(ctx); err != nil {
				break
			}
		}
		r.Close()
		if !errors.Is(err, io.EOF) || n != tt.want {
			t.Errorf("%d messages about %v since %v, then %v: want %d, then the end", n, tt.subjects, tt.since, err, tt.want)
		}
	}
}
