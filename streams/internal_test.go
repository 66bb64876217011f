package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestParsePosition_BothForms(t *testing.T) {
	t.Parallel()
	want := position{stream: 4711, delivery: 12, time: time.Unix(0, 1700000000123456789).UTC(), pending: 99}
	tests := map[string]bool{
		"$JS.ACK.ROSEY.c.1.4711.12.1700000000123456789.99":             true,
		"$JS.ACK._.hash.ROSEY.c.1.4711.12.1700000000123456789.99":      true,
		"$JS.ACK.hub.hash.ROSEY.c.1.4711.12.1700000000123456789.99.tk": true,
		"$JS.ACK.ROSEY.c.1.4711.12.1700000000123456789":                false,
		"$JS.ACK.x.ROSEY.c.1.4711.12.1700000000123456789.99":           false,
		"$JS.ACK.ROSEY.c.1.x.12.1700000000123456789.99":                false,
		"_INBOX.a.b": false,
		"":           false,
	}
	for reply, ok := range tests {
		got, err := parsePosition(reply)
		if (err == nil) != ok || ok && got != want {
			t.Errorf("%q: %+v, %v", reply, got, err)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add("$JS.ACK.ROSEY.c.1.4711.12.1700000000123456789.99")
	f.Add("$JS.ACK._.hash.ROSEY.c.1.4711.12.1700000000123456789.99")
	f.Add("$JS.ACK.......")
	f.Fuzz(func(t *testing.T, reply string) {
		p, err := parsePosition(reply)
		if err != nil {
			return
		}
		for _, n := range []uint64{p.stream, p.delivery, p.pending} {
			if !strings.Contains(reply, fmt.Sprint(n)) {
				t.Errorf("%q: %d is not in it", reply, n)
			}
		}
	})
}

func TestParseDenial(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want PermissionError
	}{
		{`Permissions Violation for Publish to "$JS.API.INFO"`, PermissionError{"publish", "$JS.API.INFO"}},
		{`Permissions Violation for Subscription to "a.>" using queue "q"`, PermissionError{"subscribe", "a.>"}},
	}
	for _, test := range tests {
		got := parseDenial(fmt.Errorf("%w: %s", nats.ErrPermissionViolation, test.text))
		if got == nil || *got != test.want {
			t.Errorf("%s: %+v, want %+v", test.text, got, test.want)
		}
	}
	if got := parseDenial(nats.ErrTimeout); got != nil {
		t.Errorf("a time-out is a denial: %+v", got)
	}
}

func TestDenials_KeepTheNewest(t *testing.T) {
	t.Parallel()
	var d denials
	d.add(&PermissionError{Subject: "early"})
	mark := d.mark()
	any := func(string) bool { return true }
	if got := d.since(mark, any); got != nil {
		t.Errorf("before the mark: %+v", got)
	}
	for i := range 40 {
		d.add(&PermissionError{Subject: fmt.Sprint(i)})
	}
	if got := d.since(mark, any); got == nil || got.Subject != "39" {
		t.Errorf("newest is %+v, want 39", got)
	}
	if got := d.since(mark, func(s string) bool { return s == "3" }); got != nil {
		t.Errorf("a forgotten one came back: %+v", got)
	}
}

func TestClassifyAppend(t *testing.T) {
	t.Parallel()
	api := func(code jetstream.ErrorCode, text string) error {
		return &jetstream.APIError{ErrorCode: code, Description: text}
	}
	tests := []struct {
		err  error
		want error
		not  error
	}{
		{nats.ErrTimeout, ErrUncertain, ErrUnavailable},
		{nats.ErrDisconnected, ErrUncertain, ErrUnavailable},
		{nats.ErrConnectionClosed, ErrUncertain, ErrUnavailable},
		{ErrDisconnected, ErrUncertain, ErrUnavailable},
		{jetstream.ErrInvalidJSAck, ErrUncertain, ErrUnavailable},
		{nats.ErrReconnectBufExceeded, ErrUnavailable, ErrUncertain},
		{nats.ErrNoResponders, ErrUnavailable, ErrUncertain},
		{&PermissionError{}, ErrUnavailable, ErrUncertain},
		{nats.ErrMaxPayload, ErrRefused, ErrUnavailable},
		{api(10054, ""), ErrRefused, ErrUnavailable},
		{api(10097, ""), ErrRefused, ErrUnavailable},
		{api(10077, "maximum bytes exceeded"), ErrFull, ErrUncertain},
		{api(10077, "write error"), ErrUncertain, ErrUnavailable},
		{api(10047, ""), ErrFull, ErrUncertain},
		{api(10158, ""), ErrUncertain, ErrUnavailable},
		{api(10201, ""), ErrDuplicateInBatch, ErrUncertain},
		{api(10199, ""), ErrBatchTooLarge, ErrUncertain},
		{api(10176, ""), ErrUnavailable, ErrUncertain},
		{api(10060, ""), ErrUnavailable, ErrRefused},
		{api(19999, "unknown"), ErrUnavailable, ErrRefused},
	}
	for _, test := range tests {
		got := classifyAppend(test.err)
		if !errors.Is(got, test.want) || errors.Is(got, test.not) || !errors.Is(got, test.err) {
			t.Errorf("%v: classified as %v, want %v", test.err, got, test.want)
		}
	}
}

func TestVersionAtLeast(t *testing.T) {
	t.Parallel()
	tests := []struct {
		version string
		want    bool
	}{{"2.12.0", true}, {"2.12.0-RC.1", true}, {"2.11.9", false}, {"3.0.0", true}, {"1.99.0", false}, {"v2.12", true}, {"", true}, {"devel", true}}
	for _, test := range tests {
		if got := versionAtLeast(test.version, 2, 12); got != test.want {
			t.Errorf("%q at least 2.12: %v", test.version, got)
		}
	}
}

func TestSubjectWithin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subject, filter string
		want            bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.*", true},
		{"a.b.c", "a.*", false},
		{"a.b.c", "a.>", true},
		{"a", "a.>", false},
		{"a.*", "a.>", true},
		{"a.>", "a.*", false},
		{"a.*", "a.b", false},
		{"a.>", "a.>", true},
		{"a.>", ">", true},
		{"a.b", "a.b.c", false},
	}
	for _, test := range tests {
		if got := subjectWithin(test.subject, test.filter); got != test.want {
			t.Errorf("%s within %s: %v, want %v", test.subject, test.filter, got, test.want)
		}
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	if Lag(10, 4) != 6 || Lag(4, 10) != 0 || Lag(4, 4) != 0 {
		t.Error("lag is not the distance")
	}
}

// The client asks again by itself after a reconnect. What comes then has a hole
// in front of it.
func TestPull_TakesNothingAfterALostConnection(t *testing.T) {
	t.Parallel()
	lost := make(chan struct{})
	p := &pull{capacity: 2, more: make(chan struct{}, 1), lost: lost}
	p.room = sync.NewCond(&p.mu)
	p.receive(nil)
	close(lost)
	p.receive(nil)
	if n := len(p.queue); n != 1 {
		t.Errorf("%d messages are handed on, want the one from before", n)
	}
}

// Who lost its connection is not told of a context that nobody cancelled, and a
// message without an id goes by its subject.
func TestRequest_ThatLostItsConnectionBlamesNothingElse(t *testing.T) {
	t.Parallel()
	r := &request{c: &Conn{}}
	r.lost.Store(true)
	for name, err := range map[string]error{
		"a request":      r.explain(context.Canceled),
		"an open batch":  classifyOpen(r.explain(context.Canceled)),
		"a sent message": classifyAppend(r.explain(context.Canceled)),
	} {
		if !errors.Is(err, ErrDisconnected) || errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "canceled") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrDisconnected)
	if err := because(ctx, context.Canceled); !errors.Is(err, ErrDisconnected) || strings.Contains(err.Error(), "canceled") {
		t.Errorf("a snapshot: %v", err)
	}
	if err := classifyOpen(ErrDisconnected); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUncertain) {
		t.Errorf("a batch that was not committed: %v", err)
	}
	if got := (AppendMessage{Subject: "a.b"}).name(); got != "subject=a.b" {
		t.Errorf("a message without an id is %q", got)
	}
}

// A compressed copy does not survive what happens to those of several servers.
func TestCompare_SeveralReplicasAreNotCompressed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was, asked int // replicas
		want       jetstream.StoreCompression
	}{
		{1, 0, jetstream.S2Compression},
		{1, 3, jetstream.NoCompression},
		{3, 0, jetstream.NoCompression},
		{3, 1, jetstream.S2Compression},
	} {
		is := definition(StreamOptions{Replicas: c.was}, "2.15.2")
		is.Compression = jetstream.S2Compression // as it always was once
		o := StreamOptions{Replicas: c.asked}
		want := definition(o, "2.15.2")
		keepUnset(&want, &is, o)
		diffs, repaired := compare(&is, &want)
		if repaired.Compression != c.want || repaired.Replicas != want.Replicas {
			t.Errorf("from %d replicas to %d: %s and %d, want %s", c.was, c.asked, repaired.Compression, repaired.Replicas, c.want)
		}
		told := slices.ContainsFunc(diffs, func(d Difference) bool {
			return d.Field == "compression" && d.Changeable && strings.Contains(d.Remedy, "stop each in turn")
		})
		if told != (c.want == jetstream.NoCompression) {
			t.Errorf("from %d replicas to %d: %v", c.was, c.asked, diffs)
		}
		if now := definition(StreamOptions{Replicas: max(c.asked, c.was)}, "2.15.2").Compression; c.asked >= c.was && now != c.want {
			t.Errorf("a new stream of %d replicas has compression %s", c.asked, now)
		}
	}
}
