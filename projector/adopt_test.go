package projector

import (
	"context"
	"errors"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// promote replaces the stream with a copy of itself: a mirror that was promoted.
// Sequences, times and ids are kept, identity and definition are not.
func promote(t testing.TB, env *streamstest.Env) {
	t.Helper()
	js, end := env.Conn.JetStream(), endOf(t, env)
	mirror := func(name, of string) jetstream.Stream {
		st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: name, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxBytes: 1 << 30, Mirror: &jetstream.StreamSource{Name: of},
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" mirrors "+of, func() bool {
			info, err := st.Info(t.Context())
			return err == nil && info.State.LastSeq == end
		})
		return st
	}
	remove := func(name string) {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	take := func(st jetstream.Stream, subjects []string) {
		cfg := st.CachedInfo().Config
		cfg.Mirror, cfg.Subjects = nil, subjects
		if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
			t.Fatalf("promote the mirror: %v", err)
		}
	}
	first := mirror("COPY", streams.StreamName)
	remove(streams.StreamName)
	take(first, []string{"copy"})
	second := mirror(streams.StreamName, "COPY")
	remove("COPY")
	take(second, events.StreamSubjects())
}

// adoptable gives the copy what stream setup gives it.
func adoptable(t testing.TB, env *streamstest.Env) {
	t.Helper()
	promote(t, env)
	if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrNoIdentity) {
		t.Fatalf("opened a stream without an identity: %v", err)
	}
	var err error
	if env.Stream, _, err = streams.Setup(t.Context(), env.Conn, streams.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestAdoptStream_APromotedMirror(t *testing.T) {
	t.Parallel()
	env, store, other := streamstest.New(t), storeIn(t), storeIn(t)
	s := newScript()
	second := liveConfig(env, other)
	second.Instance = "second"
	project(t, second, publish(t, env, s, lines(5)...))
	project(t, liveConfig(env, store), publish(t, env, s, lines(5)...))
	before := env.Stream.Identity().ID
	adoptable(t, env)
	now := env.Stream.Identity().ID
	if now == before {
		t.Fatal("the copy has the identity of its original")
	}
	refuseStart(t, liveConfig(env, store), ErrOtherStream, FlagAdoptStream, before, now, "seq=10", "--adopt-stream")
	if end := endOf(t, env); end != 10 {
		t.Fatalf("a refused start appended to the stream: it ends at %d", end)
	}

	cfg := liveConfig(env, store)
	cfg.AdoptStream = true
	project(t, cfg, 11)
	if got, want := stored(t, store, "SELECT kind, checkpoint_seq, stream_id, previous_id, msg_id FROM operator_decisions"),
		"stream_adopted 10 "+now+" "+before+" A-10"; got != want {
		t.Errorf("decisions %q, want %q", got, want)
	}
	if got := stored(t, store, "SELECT stream_id FROM projection_state"); got != now {
		t.Errorf("the database belongs to stream %s, want %s", got, now)
	}
	last := publish(t, env, s, lines(3)...)
	project(t, liveConfig(env, store), last)
	wantReplay(t, env, store)

	// Another database of the old stream follows by itself: its own message agrees.
	second = liveConfig(env, other)
	second.Instance = "second"
	project(t, second, last)
	wantReplay(t, env, other)
	if end := endOf(t, env); end != last {
		t.Errorf("the decision was taken again: the stream ends at %d, want %d", end, last)
	}
}

// What was adopted for one database is not thereby right for another, which has
// applied something else.
func TestAdoptStream_RefusedWhereTheMessageDiffers(t *testing.T) {
	t.Parallel()
	env, store, behind := streamstest.New(t), storeIn(t), storeIn(t)
	s := newScript()
	second := liveConfig(env, behind)
	second.Instance = "second"
	project(t, second, publish(t, env, s, lines(5)...))
	env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "X-1", Data: s.messages[0].Data})
	project(t, liveConfig(env, store), 6)

	// The stream is made anew and gets the same number of other messages.
	recreate(t, env, false)
	publish(t, env, newScript().play(becoming("N")), lines(8)...)
	refuseStart(t, liveConfig(env, store), ErrOtherStream, "", "--force")
	cfg := liveConfig(env, store)
	cfg.AdoptStream = true
	refuseStart(t, cfg, ErrOtherHistory, "", "X-1")
	if end := endOf(t, env); end != 8 {
		t.Errorf("a refused adoption appended to the stream: it ends at %d", end)
	}

	// A decision that somebody took all the same does not overrule the comparison.
	if _, err := decide(t.Context(), env.Stream, events.KindStreamAdopted, &events.StreamAdopted{
		StreamID: env.Stream.Identity().ID, PreviousID: stored(t, store, "SELECT stream_id FROM projection_state"), Seq: 3, MsgID: "A-3",
	}); err != nil {
		t.Fatal(err)
	}
	refuseStart(t, liveConfig(env, store), ErrOtherHistory, "")
	second.Stream = env.Stream
	refuseStart(t, second, ErrOtherHistory, "")
}

func TestAdoptStream_RefusedWhereNothingShowsThatItIsACopy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, env *streamstest.Env)
		want error
	}{
		{"the copy is older", func(t *testing.T, env *streamstest.Env) {
			recreate(t, env, false)
		}, ErrAhead},
		{"the copy begins later", func(t *testing.T, env *streamstest.Env) {
			publish(t, env, newScript().play(becoming("N")), lines(3)...)
			trimTo(t, env, 7)
			adoptable(t, env)
		}, ErrOtherStream},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), storeIn(t)
			project(t, liveConfig(env, store), publish(t, env, newScript(), lines(5)...))
			tt.do(t, env)
			end := endOf(t, env)
			cfg := liveConfig(env, store)
			cfg.AdoptStream = true
			refuseStart(t, cfg, tt.want, "")
			if now := endOf(t, env); now != end {
				t.Errorf("a refused adoption appended to the stream: it ends at %d", now)
			}
		})
	}
}

// A database without a row belongs to whichever stream it is started with.
func TestAdoptStream_NothingToAdopt(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	cfg := liveConfig(env, store)
	cfg.AdoptStream, cfg.AcceptGap = true, true
	last := publish(t, env, newScript(), lines(2)...)
	project(t, cfg, last)
	if end := endOf(t, env); end != last {
		t.Errorf("a decision about nothing: the stream ends at %d, want %d", end, last)
	}
}

// A crash between the decision and the database's own change leaves a start that
// needs no flag.
func TestAdoptStream_ACrashAfterTheDecision(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	last := publish(t, env, s, lines(5)...)
	project(t, liveConfig(env, store), last)
	previous := stored(t, store, "SELECT stream_id FROM projection_state")
	adoptable(t, env)
	if _, err := decide(context.WithoutCancel(t.Context()), env.Stream, events.KindStreamAdopted, &events.StreamAdopted{
		StreamID: env.Stream.Identity().ID, PreviousID: previous, Seq: int64(last), MsgID: "A-5",
	}); err != nil {
		t.Fatal(err)
	}
	project(t, liveConfig(env, store), last+1)
	wantReplay(t, env, store)
}
