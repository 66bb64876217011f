package streams_test

import (
	"errors"
	"testing"

	"rosey/streams"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func TestSetup_LimitBelowWhatIsStoredIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 200)...)
	before := streamConfig(t, env.Conn).MaxBytes
	_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytes: 1000})
	if !errors.Is(err, streams.ErrTooSmall) || len(changes) != 0 {
		t.Errorf("set up: %v, %v; want ErrTooSmall and no change", changes, err)
	}
	if after := streamConfig(t, env.Conn).MaxBytes; after != before {
		t.Errorf("the limit is %d, was %d", after, before)
	}
}

// A server that may store less than it has stored must not look like one that
// has nothing: the stream would be made anew.
func TestSetup_ServerThatMayStoreLessThanItHas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := streamstest.New(t, streamstest.WithStoreDir(dir))
	last := first.Append(t, lines("p", 500)...)
	id := first.Stream.Identity().ID
	if err := first.Server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	small := streamstest.New(t, streamstest.WithStoreDir(dir), streamstest.WithoutStream(),
		streamstest.WithServer(func(c *embedded.Config) { c.MaxStore = 10_000 }))
	s, _, err := streams.Setup(t.Context(), small.Conn, streams.StreamOptions{})
	if err == nil {
		state, stateErr := s.State(t.Context())
		if stateErr != nil || state.LastSeq != last || state.Identity.ID != id {
			t.Fatalf("the stream is %+v, %v; want all of the one before", state, stateErr)
		}
		return
	}
	if !errors.Is(err, streams.ErrNoRoom) && !errors.Is(err, streams.ErrTooSmall) {
		t.Errorf("set up: %v, want ErrNoRoom", err)
	}
}

// A mirror is somebody else's copy until it is promoted; then it is set up like
// any stream.
func TestSetup_AMirrorSaysHowItBecomesTheStream(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	js := env.Conn.JetStream()
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORIGINAL", Subjects: []string{"original"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: streams.StreamName, Discard: jetstream.DiscardNew, Mirror: &jetstream.StreamSource{Name: "ORIGINAL"},
	}); err != nil {
		t.Fatal(err)
	}
	_, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
	var differs *streams.DifferenceError
	if !errors.As(err, &differs) || len(differs.Differences) != 1 || differs.Differences[0].Field != "mirror" {
		t.Fatalf("set up: %v, want a difference about the mirror", err)
	}
	cfg := streamConfig(t, env.Conn)
	cfg.Mirror = nil
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
	if err != nil || s.Identity().ID == "" {
		t.Errorf("set up after the promotion: %v", err)
	}
}
