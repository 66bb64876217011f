package replay_test

import (
	"errors"
	"strings"
	"testing"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// promoted replaces the stream with a copy of itself, as where a mirror takes the
// place of a lost server: sequences, times and ids are kept, the identity is not.
func promoted(t *testing.T, env *streamstest.Env) {
	t.Helper()
	js := env.Conn.JetStream()
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	move := func(from, to string, subjects []string) {
		t.Helper()
		st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: to, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxBytes: 1 << 30, Mirror: &jetstream.StreamSource{Name: from},
		})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, to+" has what "+from+" has", func() bool {
			info, err := st.Info(t.Context())
			return err == nil && info.State.LastSeq == state.LastSeq
		})
		cfg := st.CachedInfo().Config
		cfg.Mirror, cfg.Subjects = nil, subjects
		if err = js.DeleteStream(t.Context(), from); err == nil {
			_, err = js.UpdateStream(t.Context(), cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move(streams.StreamName, "COPY", []string{"copy"})
	move("COPY", streams.StreamName, events.StreamSubjects())
	if env.Stream, _, err = streams.Setup(t.Context(), env.Conn, streams.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
}

// beforeAdoption is a store whose current generation was made from a stream that
// was adopted since, and another one before it.
func beforeAdoption(t *testing.T) (*streamstest.Env, schema.Store) {
	t.Helper()
	env, store := rebuilt(t)
	evening(t, env, "p2", 5) // the present tables alone have it
	project(t, env, store)
	promoted(t, env)
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store, AdoptStream: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	evening(t, env, "p3", 5)
	return env, store
}

func TestUndo_ToBeforeAnAdoptedStream(t *testing.T) {
	t.Parallel()
	env, store := beforeAdoption(t)
	project(t, env, store)
	res, err := replay.Undo(t.Context(), store, config(env))
	if err != nil || currentNumber(t, store) != 1 || res.Checkpoint.StreamID != env.Stream.Identity().ID {
		t.Fatalf("%+v, %v: want the first generation, of the adopted stream", res, err)
	}
	wantEqual(t, env, store)
	// The projection goes on in it, and forth again.
	evening(t, env, "p4", 5)
	project(t, env, store)
	wantEqual(t, env, store)
	if _, err := replay.Undo(t.Context(), store, config(env)); err != nil || currentNumber(t, store) != 2 {
		t.Fatalf("undo of it: %v", err)
	}
	wantEqual(t, env, store)
}

func TestSupervisor_UndoToBeforeAnAdoptedStream(t *testing.T) {
	t.Parallel()
	env, store := beforeAdoption(t)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	s.do(t, replay.Request{Kind: replay.KindUndo})
	evening(t, env, "p4", 5)
	s.caughtUp(t, env)
	s.stop()
	if n := currentNumber(t, store); n != 1 {
		t.Errorf("generation %d is the current one", n)
	}
	wantEqual(t, env, store)
}

// What nobody adopted, and what is no copy, is not gone on with.
func TestUndo_RefusedWhereAnotherStreamDoesNotContinue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, env *streamstest.Env, store schema.Store)
		want   error
		says   string
	}{
		{"nobody adopted it", func(t *testing.T, _ *streamstest.Env, store schema.Store) {
			change(t, store.Link+".g1", "UPDATE projection_state SET stream_id = 'elsewhere'")
		}, projector.ErrOtherStream, "elsewhere"},
		{"another message is there", func(t *testing.T, _ *streamstest.Env, store schema.Store) {
			change(t, store.Link+".g1", "UPDATE projection_state SET msg_id = 'another'")
		}, projector.ErrOtherHistory, "another"},
		{"nothing shows that it is a copy", func(t *testing.T, env *streamstest.Env, _ schema.Store) {
			erase(t, env, 16)
		}, projector.ErrOtherStream, "no longer holds seq=16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := beforeAdoption(t)
			project(t, env, store)
			tt.change(t, env, store)
			before := dump(t, store.Link+".g1")
			_, err := replay.Undo(t.Context(), store, config(env))
			var refused *projector.StartError
			if !errors.Is(err, tt.want) || !errors.As(err, &refused) {
				t.Fatalf("error %v, want a StartError for %v", err, tt.want)
			}
			for _, word := range []string{tt.says, store.Link + ".g1", "--adopt-stream"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if !strings.Contains(refused.Remedy, "--db") || refused.Flag != "" {
				t.Errorf("the remedy is %q", refused.Remedy)
			}
			if dump(t, store.Link+".g1") != before || currentNumber(t, store) != 2 {
				t.Error("a refused undo changed something")
			}
		})
	}
}
