package projector

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func trimTo(t testing.TB, env *streamstest.Env, first uint64) {
	t.Helper()
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.Purge(t.Context(), jetstream.WithPurgeSequence(first))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func endOf(t testing.TB, env *streamstest.Env) uint64 {
	t.Helper()
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state.LastSeq
}

// refuseStart makes sure that a start is refused, offers the flag and names what
// the words say.
func refuseStart(t testing.TB, cfg Config, want error, flag string, words ...string) {
	t.Helper()
	p, err := New(t.Context(), cfg)
	if err == nil {
		_ = p.Close()
	}
	var refused *StartError
	if !errors.Is(err, want) || !errors.As(err, &refused) {
		t.Fatalf("started with %v, want a StartError for %v", err, want)
	}
	if refused.Flag != flag || refused.Remedy == "" {
		t.Errorf("flag %q, remedy %q, want flag %q and a remedy", refused.Flag, refused.Remedy, flag)
	}
	for _, w := range words {
		if !strings.Contains(refused.Error()+refused.Remedy, w) {
			t.Errorf("%q, %q: no word of %q", refused, refused.Remedy, w)
		}
	}
}

// project runs a projector until it has caught up.
func project(t testing.TB, cfg Config, upTo uint64) {
	t.Helper()
	l := run(t, cfg)
	l.waitFor(t, upTo)
	l.stop(t)
}

func stored(t testing.TB, store schema.Store, query string) string {
	t.Helper()
	db, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	return strings.TrimSpace(rows(t, db, query))
}

// lines is n messages.
func lines(n int) []step {
	var list []step
	for range n {
		list = append(list, after(time.Second), posted("ann", "hi"))
	}
	return list
}

const (
	holeRows     = "SELECT first_seq, last_seq FROM stream_holes ORDER BY 1"
	decisionRows = "SELECT seq, kind, first_seq, last_seq, checkpoint_seq FROM operator_decisions ORDER BY 1"
)

func TestAcceptGap_IsDecidedOnce(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	project(t, liveConfig(env, store), publish(t, env, s, lines(10)...)) // seq=1 to seq=10
	publish(t, env, s, lines(10)...)                                     // to seq=20
	trimTo(t, env, 15)
	refuseStart(t, liveConfig(env, store), ErrTrimmed, FlagAcceptGap, "4 events, seq=11 to seq=14", "--accept-gap")
	if end := endOf(t, env); end != 20 {
		t.Fatalf("a refused start appended to the stream: it ends at %d", end)
	}

	accepting := liveConfig(env, store)
	accepting.AcceptGap = true
	project(t, accepting, 21)
	if got := stored(t, store, holeRows); got != "11 14" {
		t.Errorf("holes %q", got)
	}
	const decision = "21 gap_accepted 11 14 10"
	if got := stored(t, store, decisionRows); got != decision {
		t.Errorf("decisions %q, want %q", got, decision)
	}
	// Later starts know, with the flag and without.
	project(t, liveConfig(env, store), 21)
	project(t, accepting, 21)
	if end := endOf(t, env); end != 21 {
		t.Errorf("the decision was taken again: the stream ends at %d", end)
	}
}

// A decision covers what it names and nothing more.
func TestAcceptGap_ALargerTrimIsRefusedAgain(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	project(t, liveConfig(env, store), publish(t, env, s, lines(10)...))
	publish(t, env, s, lines(10)...)
	trimTo(t, env, 15)
	if seq, err := AcceptGap(t.Context(), env.Stream, 10); err != nil || seq != 21 {
		t.Fatalf("accepted at seq=%d: %v", seq, err)
	}
	trimTo(t, env, 17)
	refuseStart(t, liveConfig(env, store), ErrTrimmed, FlagAcceptGap, "seq=11 to seq=16")
	trimTo(t, env, 22) // the decision itself is gone now
	refuseStart(t, liveConfig(env, store), ErrTrimmed, FlagAcceptGap, "seq=11 to seq=21")
	cfg := liveConfig(env, store)
	cfg.AcceptGap = true
	project(t, cfg, 22)
	if got := stored(t, store, holeRows); got != "11 21" {
		t.Errorf("holes %q", got)
	}
}

// While it runs nobody has said that more may be given up.
func TestAcceptGap_IsForTheStartAlone(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	publish(t, env, s, lines(10)...)
	trimTo(t, env, 5)
	cfg := liveConfig(env, store)
	cfg.AcceptGap = true
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	trimTo(t, env, 8)
	if err := p.Run(t.Context()); !errors.Is(err, ErrTrimmed) {
		t.Errorf("run: %v, want ErrTrimmed", err)
	}
}

// A live database that accepted a gap holds what came before the gap; a database
// rebuilt after the trim cannot. All that comes after is the same in both, and
// two rebuilt ones are equal.
func TestAcceptGap_LiveAndRebuilt(t *testing.T) {
	t.Parallel()
	env, live := streamstest.New(t), storeIn(t)
	s := newScript()
	project(t, liveConfig(env, live), publish(t, env, s, arrived("ann"), posted("ann", "before")))
	at := endOf(t, env)
	publish(t, env, s, posted("ann", "lost"), posted("ann", "lost, too"))
	last := publish(t, env, s, by("Z", in("radio", arrived("bob"), posted("bob", "after"))))
	first := at + 3
	trimTo(t, env, first)
	accepting := liveConfig(env, live)
	accepting.AcceptGap = true
	project(t, accepting, last+1)

	rebuilt := storeIn(t)
	refuseStart(t, liveConfig(env, rebuilt), ErrTrimmed, FlagAcceptGap, fmt.Sprintf("seq=1 to seq=%d", first-1))
	cfg := liveConfig(env, rebuilt)
	cfg.AcceptGap = true
	project(t, cfg, last+2)
	project(t, liveConfig(env, live), last+2)

	if got, want := stored(t, live, holeRows), fmt.Sprintf("%d %d", at+1, first-1); got != want {
		t.Errorf("live: holes %q, want %q", got, want)
	}
	if got, want := stored(t, rebuilt, holeRows), fmt.Sprintf("1 %d", first-1); got != want {
		t.Errorf("rebuilt: holes %q, want %q", got, want)
	}
	for _, query := range []string{
		decisionRows,
		"SELECT channel, username, message FROM chat_messages WHERE channel = 'radio'",
		"SELECT username, joins, total_chat_lines FROM user_stats WHERE channel = 'radio'",
		"SELECT producer, first_seq, last_seq, gaps FROM producer_positions WHERE producer = 'Z'",
		"SELECT seq, msg_id, stream_id FROM projection_state",
	} {
		if a, b := stored(t, live, query), stored(t, rebuilt, query); a != b || a == "" {
			t.Errorf("%s\nlive:    %q\nrebuilt: %q", query, a, b)
		}
	}
	if stored(t, live, "SELECT 1 FROM chat_messages WHERE message = 'before'") == "" {
		t.Error("the live database lost what it had")
	}
	// Two databases that begin with the same message are equal, however they came about.
	if got, want := dumpOf(t, rebuilt), replayed(t, env.Stream, last+2); got != want {
		t.Errorf("two rebuilt databases differ:\n%s", diff(want, got))
	}
}

func TestDecisions_Cover(t *testing.T) {
	t.Parallel()
	gap := func(first, last int64) *events.GapAccepted {
		return &events.GapAccepted{FirstSeq: first, LastSeq: last}
	}
	for _, tt := range []struct {
		name        string
		gaps        []*events.GapAccepted
		first, last uint64
		want        bool
	}{
		{"none", nil, 1, 9, false},
		{"the very one", []*events.GapAccepted{gap(1, 9)}, 1, 9, true},
		{"a larger one", []*events.GapAccepted{gap(1, 20)}, 5, 9, true},
		{"ends too early", []*events.GapAccepted{gap(1, 8)}, 1, 9, false},
		{"begins too late", []*events.GapAccepted{gap(2, 9)}, 1, 9, false},
		{"two that meet", []*events.GapAccepted{gap(5, 9), gap(1, 4)}, 1, 9, true},
		{"two that overlap", []*events.GapAccepted{gap(1, 6), gap(3, 9)}, 1, 9, true},
		{"two with one between", []*events.GapAccepted{gap(1, 4), gap(6, 9)}, 1, 9, false},
	} {
		if got := (&decisions{gaps: tt.gaps}).cover(tt.first, tt.last); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDecisions_Continues(t *testing.T) {
	t.Parallel()
	d := &decisions{streamID: "c", adopted: []*events.StreamAdopted{
		{StreamID: "c", PreviousID: "b"}, {StreamID: "b", PreviousID: "a"}, {StreamID: "y", PreviousID: "x"},
	}}
	for previous, want := range map[string]bool{"a": true, "b": true, "x": false, "y": false, "": false} {
		if got := d.continues(previous); got != want {
			t.Errorf("from %q: %v, want %v", previous, got, want)
		}
	}
}

// A decision accounts for what it gave up and for what its database had; not for what is
// trimmed later.
func TestDecided_OfWhatComesBefore(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	for n := range 40 {
		env.Append(t, streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: fmt.Sprint(n), Data: []byte("{}")})
	}
	decided := func(first uint64, want bool) {
		t.Helper()
		if got, err := Decided(t.Context(), env.Stream, first); err != nil || got != want {
			t.Errorf("before seq=%d: %v, %v", first, got, err)
		}
	}
	decided(1, true)
	trimTo(t, env, 21)
	decided(21, false)
	if _, err := AcceptGap(t.Context(), env.Stream, 10); err != nil {
		t.Fatal(err)
	}
	decided(21, true)
	decided(11, true)
	decided(22, false)
}
