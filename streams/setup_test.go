package streams_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestSetup_CreatesTheStreamOnceAndThenChangesNothing(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrNoStream) {
		t.Fatalf("open before set-up: %v, want ErrNoStream", err)
	}
	first, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil || len(changes) != 1 || changes[0].Now != "created" {
		t.Fatalf("set up: %v, %v", changes, err)
	}
	if first.Identity().ID == "" || first.Identity().Created.IsZero() {
		t.Errorf("identity is %+v", first.Identity())
	}
	// The disk has less now; that alone changes nothing.
	again, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytesIfNew: 1 << 20})
	if err != nil || len(changes) != 0 {
		t.Errorf("second set-up: %v, %v; want no changes", changes, err)
	}
	opened, err := streams.Open(t.Context(), env.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if again.Identity() != first.Identity() || opened.Identity() != first.Identity() {
		t.Errorf("identities differ: %+v, %+v, %+v", first.Identity(), again.Identity(), opened.Identity())
	}
	state, err := first.State(t.Context())
	if err != nil || state.MaxBytes != 1<<30 || state.LastSeq != 0 || state.FirstSeq != 1 {
		t.Errorf("state of the empty stream: %+v, %v", state, err)
	}
	info := streamConfig(t, env.Conn)
	if info.Storage != jetstream.FileStorage || info.Discard != jetstream.DiscardNew || info.MaxAge != 0 ||
		info.Compression != jetstream.S2Compression || info.Duplicates != 10*time.Minute || !info.AllowDirect ||
		!info.AllowAtomicPublish || info.DenyDelete || info.DenyPurge || info.AllowMsgTTL || info.Retention != jetstream.LimitsPolicy {
		t.Errorf("stream is not as designed: %+v", info)
	}
	diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{})
	if err != nil || len(diffs) != 0 {
		t.Errorf("check: %v, %v; want no differences", diffs, err)
	}
}

func streamConfig(t *testing.T, c *streams.Conn) jetstream.StreamConfig {
	t.Helper()
	s, err := c.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

func TestSetup_ManyAtOnceAgreeOnOneStream(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		conn := env.Connect(t)
		wg.Go(func() {
			s, _, err := streams.Setup(t.Context(), conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
			if err != nil {
				t.Errorf("set up: %v", err)
				return
			}
			ids[i] = s.Identity().ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("identities are %v, want one", ids)
		}
	}
}

func TestSetup_RepairsWhatCanBeChangedAndReportsIt(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 3)...)
	want := streamConfig(t, env.Conn)
	tests := []struct {
		field string
		spoil func(*jetstream.StreamConfig)
	}{
		{"max age", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }},
		{"max messages", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }},
		{"max messages per subject", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 100 }},
		{"max message size", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1024 }},
		{"discard", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }},
		{"compression", func(c *jetstream.StreamConfig) { c.Compression = jetstream.NoCompression }},
		{"duplicate window", func(c *jetstream.StreamConfig) { c.Duplicates = time.Minute }},
		{"direct access", func(c *jetstream.StreamConfig) { c.AllowDirect = false }},
		{"atomic batches", func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false }},
		{"acknowledgements", func(c *jetstream.StreamConfig) { c.NoAck = true }},
		{"subjects", func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[1:] }},
		{"identity", func(c *jetstream.StreamConfig) { c.Metadata = map[string]string{"team": "kept"} }},
	}
	for _, test := range tests {
		spoilt := want
		test.spoil(&spoilt)
		if _, err := env.Conn.JetStream().UpdateStream(t.Context(), spoilt); err != nil {
			t.Fatalf("spoil %s: %v", test.field, err)
		}
		diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{})
		if err != nil || len(diffs) != 1 || diffs[0].Field != test.field || !diffs[0].Changeable {
			t.Errorf("%s: check says %v, %v", test.field, diffs, err)
		}
		_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
		if err != nil || len(changes) != 1 || changes[0].Field != test.field {
			t.Errorf("%s: changes are %v, %v", test.field, changes, err)
		}
		if diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{}); err != nil || len(diffs) != 0 {
			t.Errorf("%s: check after repair says %v, %v", test.field, diffs, err)
		}
	}
	if got := streamConfig(t, env.Conn).Metadata["team"]; got != "kept" {
		t.Errorf("other metadata is %q, want it kept", got)
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.Messages != 3 {
		t.Errorf("messages after all repairs: %+v, %v", state, err)
	}
}

func TestSetup_ConfiguredSizeIsApplied(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytes: 2 << 30})
	if err != nil || len(changes) != 1 || changes[0] != (streams.Change{Field: "max bytes", Was: "8589934592", Now: "2147483648"}) {
		t.Errorf("changes are %v, %v", changes, err)
	}
}

func TestSetup_NamesWhatCannotBeChangedAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		field string
		spoil func(*jetstream.StreamConfig)
	}{
		{"storage", func(c *jetstream.StreamConfig) { c.Storage, c.MaxBytes = jetstream.MemoryStorage, 1<<20 }},
		{"retention", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }},
		{"deny delete", func(c *jetstream.StreamConfig) { c.DenyDelete = true }},
		{"deny purge", func(c *jetstream.StreamConfig) { c.DenyPurge = true }},
		{"message ttl", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }},
		{"asynchronous persistence", func(c *jetstream.StreamConfig) {
			c.PersistMode, c.AllowAtomicPublish = jetstream.AsyncPersistMode, false
		}},
	}
	env := streamstest.New(t)
	want := streamConfig(t, env.Conn)
	for _, test := range tests {
		if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
			t.Fatal(err)
		}
		spoilt := want
		spoilt.MaxAge = time.Hour // could be changed, but not half of it all
		test.spoil(&spoilt)
		if _, err := env.Conn.JetStream().CreateStream(t.Context(), spoilt); err != nil {
			t.Fatalf("spoil %s: %v", test.field, err)
		}
		_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
		var diff *streams.DifferenceError
		if !errors.Is(err, streams.ErrCannotChange) || !errors.As(err, &diff) || len(changes) != 0 {
			t.Errorf("%s: %v, %v; want ErrCannotChange", test.field, changes, err)
			continue
		}
		if len(diff.Differences) != 1 || diff.Differences[0].Field != test.field || diff.Differences[0].Remedy == "" {
			t.Errorf("%s: differences are %v", test.field, diff.Differences)
		}
		if got := streamConfig(t, env.Conn).MaxAge; got != time.Hour {
			t.Errorf("%s: max age was changed to %v all the same", test.field, got)
		}
	}
}

func TestSetup_ExtraSubjectsAreReportedAndKept(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := streamConfig(t, env.Conn)
	cfg.Subjects = append(cfg.Subjects, "elsewhere.>")
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	_, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
	if err != nil || len(changes) != 0 {
		t.Errorf("set up: %v, %v; want no change", changes, err)
	}
	diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{})
	if err != nil || len(diffs) != 1 || diffs[0].Changeable || !strings.Contains(diffs[0].Is, "elsewhere.>") {
		t.Errorf("check: %v, %v; want the extra subject", diffs, err)
	}
}

func TestSetup_StreamThatCapturesAServiceIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"FOREIGN":          {"rosey.db.query.*"},
		"EVERYTHING":       {"rosey.db.stats.recent_chat.get"},
		"OUTBOUND_CAPTURE": {"rosey.db.messages.outbound.enqueue", "other"},
	}
	env := streamstest.New(t)
	for name, subjects := range tests {
		if _, err := env.Conn.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: subjects}); err != nil {
			t.Fatal(err)
		}
		_, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
		var capture *streams.CaptureError
		if !errors.Is(err, streams.ErrCaptures) || !errors.As(err, &capture) || capture.Stream != name {
			t.Errorf("set up beside %s: %v, want ErrCaptures", name, err)
		}
		if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrCaptures) {
			t.Errorf("open beside %s: %v, want ErrCaptures", name, err)
		}
		if diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{}); err != nil || len(diffs) != 1 {
			t.Errorf("check beside %s: %v, %v", name, diffs, err)
		}
		if err := env.Conn.JetStream().DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// The established mistake: the stream binds everything.
func TestOpen_StreamThatBindsEverythingIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	cfg := jetstream.StreamConfig{Name: streams.StreamName, Subjects: []string{"rosey.db.>"}, Metadata: map[string]string{"rosey_identity": "x"}}
	if _, err := env.Conn.JetStream().CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrCaptures) {
		t.Errorf("open: %v, want ErrCaptures", err)
	}
	if _, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{}); !errors.Is(err, streams.ErrCaptures) {
		t.Errorf("set up: %v, want ErrCaptures", err)
	}
}

func TestOpen_StreamThatMissesASubjectIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := streamConfig(t, env.Conn)
	for i, s := range cfg.Subjects {
		cfg.Subjects[i] = strings.ReplaceAll(s, ".user.>", ".user")
	}
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrMisses) || !strings.Contains(err.Error(), "rosey.db.user.") {
		t.Errorf("open: %v, want ErrMisses that names a subject", err)
	}
}

func TestOpen_StreamWithoutIdentityIsRefused(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := streamConfig(t, env.Conn)
	cfg.Metadata = nil
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Open(t.Context(), env.Conn); !errors.Is(err, streams.ErrNoIdentity) {
		t.Errorf("open: %v, want ErrNoIdentity", err)
	}
}

func TestStream_RecreatedStreamHasAnotherIdentity(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	again, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state.Identity == env.Stream.Identity() || state.Identity != again.Identity() {
		t.Errorf("identity was %+v and is %+v", env.Stream.Identity(), state.Identity)
	}
}

// Requests reach their service, each and every time, and none is stored.
func TestStream_AnswersNoRequest(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	var served atomic.Int64
	for _, subject := range events.ServiceSubjects() {
		sub, err := env.Conn.NATS().Subscribe(subject, func(m *nats.Msg) {
			served.Add(1)
			_ = m.Respond([]byte("service"))
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
	caller := env.Connect(t)
	if err := env.Conn.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	const rounds = 50
	for i := range rounds {
		for _, subject := range events.ServiceSubjects() {
			m, err := caller.NATS().Request(subject, fmt.Appendf(nil, `{"n":%d}`, i), time.Minute)
			if err != nil || string(m.Data) != "service" {
				t.Fatalf("request %d on %s: %q, %v", i, subject, m.Data, err)
			}
		}
	}
	if got, want := served.Load(), int64(rounds*len(events.ServiceSubjects())); got != want {
		t.Errorf("services answered %d requests, want %d", got, want)
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 0 {
		t.Errorf("the stream stored requests: %+v, %v", state, err)
	}
}

func TestStreamOptions_Validate(t *testing.T) {
	t.Parallel()
	for _, o := range []streams.StreamOptions{{Replicas: 2}, {Replicas: -1}, {MaxBytes: -1}, {MaxBytesIfNew: -1}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestSetup_ReplicasWithoutAClusterSayWhatToDo(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	_, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{Replicas: 3})
	if err == nil || !strings.Contains(err.Error(), "set replicas to 1") {
		t.Errorf("set up: %v, want the remedy", err)
	}
}
