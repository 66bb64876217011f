package outbound_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// putBack brings the bucket back to the values it had, as from a backup.
func (w *world) putBack(values map[string][]byte) {
	w.t.Helper()
	w.do(w.env.Conn.JetStream().DeleteKeyValue(w.t.Context(), streams.OutboundBucket))
	_, _, err := streams.Setup(w.t.Context(), w.env.Conn, streams.StreamOptions{})
	w.do(err)
	kv := w.bucket()
	for key, value := range values {
		_, err := kv.Create(w.t.Context(), key, value)
		w.do(err)
	}
}

func (w *world) bucket() jetstream.KeyValue {
	w.t.Helper()
	kv, err := w.env.Conn.JetStream().KeyValue(w.t.Context(), streams.OutboundBucket)
	w.do(err)
	return kv
}

// values are those of the bucket.
func (w *world) values() map[string][]byte {
	w.t.Helper()
	kv, values := w.bucket(), map[string][]byte{}
	keys, err := kv.Keys(w.t.Context())
	w.do(err)
	for _, key := range keys {
		e, err := kv.Get(w.t.Context(), key)
		w.do(err)
		values[key] = e.Value()
	}
	return values
}

// What an older state of the bucket has waiting, and the stream says was sent, is
// not said again: neither by a bot that was there all the time nor by one that
// comes.
func TestSender_BucketThatWasPutBack(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "under the sender", false: "before it began"}[running], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cytubetest.ChannelConfig{})
			ids := w.send("one", "two")
			before := w.values()
			r := w.bot(options{}).joined()
			for _, id := range ids {
				w.ends(id, outbound.Sent, "")
			}
			if !running {
				r.stop()
			}
			w.putBack(before)
			if !running {
				w.bot(options{}).joined()
			}
			for _, id := range ids {
				w.ends(id, outbound.Sent, "")
			}
			w.ends(w.send("three")[0], outbound.Sent, "")
			w.shown("one", "two", "three")
		})
	}
}

// Also what another told while nobody applied outcomes, and what the bot said of a
// message that nobody has touched since.
func TestSender_OutcomesThatTheQueueMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	ids := w.send("sent by another", "nobody knows", "of another time", "nothing told")
	j := &journal{w: w, producer: "gone"}
	record := func(kind events.Kind, m events.OutboundMark) {
		t.Helper()
		w.do(j.Record(t.Context(), kind, &m))
	}
	eventually(t, "time goes on", func() bool { return time.Since(w.get(ids[3]).Changed) > time.Millisecond })
	record(events.KindMarkSent, events.OutboundMark{MessageID: ids[0]})
	record(events.KindMarkFailed, events.OutboundMark{MessageID: ids[1], QueuedMS: w.get(ids[1]).QueuedMS, State: events.OutcomeUnknown, Reason: outbound.ReasonNoEcho, Attempts: 2})
	record(events.KindMarkFailed, events.OutboundMark{MessageID: ids[2], QueuedMS: w.get(ids[2]).QueuedMS - 1, State: events.OutcomeUnknown, Reason: outbound.ReasonNoEcho})
	w.bot(options{})
	w.ends(ids[0], outbound.Sent, "")
	if m := w.ends(ids[1], outbound.Unknown, outbound.ReasonNoEcho); m.Attempts != 2 {
		t.Errorf("after %d attempts, want 2", m.Attempts)
	}
	w.ends(ids[2], outbound.Sent, "")
	w.ends(ids[3], outbound.Sent, "")
	w.shown("of another time", "nothing told")
}

// A bot that may not read the stream says so once, with what helps, and speaks all
// the same.
func TestSender_MayNotReadTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, cytubetest.ChannelConfig{})
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true, Config: `authorization { users = [
		{user: admin, password: admin}
		{user: weak, password: weak, permissions: {
			publish: { deny: ["$JS.API.CONSUMER.CREATE.ROSEY.>", "$JS.API.CONSUMER.CREATE.ROSEY"] }, subscribe: ">" }}
	] }`})
	connect := func(user string, limit time.Duration) *streams.Conn {
		c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, User: user, Password: user, Timeout: limit})
		w.do(err)
		t.Cleanup(c.Close)
		return c
	}
	admin, weak := connect("admin", time.Minute), connect("weak", 5*time.Second)
	_, _, err := streams.Setup(t.Context(), admin, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	w.do(err)
	whole, err := streams.Open(t.Context(), admin)
	w.do(err)
	_, err = whole.Append(t.Context(), streams.AppendMessage{Subject: events.Subject(events.KindMarkSent), Data: []byte(`{"id":1}`)})
	w.do(err)
	s, err := streams.Open(t.Context(), weak)
	w.do(err)
	q, err := outbound.OpenQueue(t.Context(), s)
	w.do(err)
	w.queue = q
	id := w.send("all the same")[0]
	log := &suite.Output{}
	w.bot(options{change: func(c *outbound.SenderConfig) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) }})
	w.ends(id, outbound.Sent, "")
	w.ends(w.send("and again")[0], outbound.Sent, "")
	if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "CONSUMER.CREATE.ROSEY") || !strings.Contains(text, "let the bot's user") {
		t.Errorf("the log:\n%s", text)
	}
}
