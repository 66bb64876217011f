package outbound_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/suite"
	"rosey/streams/streamstest"
)

func newLogger(r *suite.Output) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// publish puts a mark into the stream as any program does.
func publish(t testing.TB, env *streamstest.Env, subject, body string) {
	t.Helper()
	if _, err := env.Conn.JetStream().Publish(t.Context(), prefix+subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func becomes(t testing.TB, q *outbound.Queue, id int64, want outbound.State) outbound.Message {
	t.Helper()
	var m outbound.Message
	eventually(t, fmt.Sprintf("message %d becomes %s", id, want), func() bool {
		var err error
		m, err = q.Get(t.Context(), "", id)
		return err == nil && m.State == want
	})
	return m
}

// The way of programs that send messages themselves: get, send, mark.
func TestService_MarksOfOthersMoveMessages(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{})
	// Two of them: each outcome is applied by either.
	s := []*outbound.Service{serve(t, env, outbound.ServiceConfig{}), serve(t, env, outbound.ServiceConfig{})}
	var queued []outbound.Message
	for range 6 {
		queued = append(queued, enqueue(t, q, outbound.Request{}))
	}
	if leased, err := q.Lease(t.Context(), "", "caller:x", 10, 3); err != nil || len(leased) != 6 {
		t.Fatalf("%d leased, %v", len(leased), err)
	}
	publish(t, env, "mark_sent", fmt.Sprintf(`{"message_id":%d}`, queued[0].ID))
	publish(t, env, "mark_sent", fmt.Sprintf(`{"id":%d}`, queued[1].ID))
	publish(t, env, "mark_failed", fmt.Sprintf(`{"message_id":%d}`, queued[2].ID))
	publish(t, env, "mark_failed.lounge", fmt.Sprintf(`{"message_id":%d,"error":"net split","is_permanent":true}`, queued[3].ID))
	publish(t, env, "mark_failed", fmt.Sprintf(`{"message_id":%d,"channel":"Lounge","permanent":false}`, queued[4].ID))
	publish(t, env, "mark_sent", `{"message_id":12345}`)
	publish(t, env, "mark_sent", `no mark`)
	// An answer to a request is the stream's own.
	if m, err := env.Conn.NATS().Request(prefix+"mark_sent", fmt.Appendf(nil, `{"message_id":%d,"sent_ms":77}`, queued[5].ID), time.Minute); err != nil || len(m.Data) == 0 {
		t.Errorf("request: %v", err)
	}
	becomes(t, q, queued[0].ID, outbound.Sent)
	becomes(t, q, queued[1].ID, outbound.Sent)
	if m := becomes(t, q, queued[2].ID, outbound.Failed); m.Reason != outbound.ReasonMarked || m.Attempts != 1 || m.FinishedMS == 0 {
		t.Errorf("failed: %+v", m)
	}
	if m := becomes(t, q, queued[3].ID, outbound.Failed); m.Reason != "net split" {
		t.Errorf("failed with a reason: %+v", m)
	}
	m := becomes(t, q, queued[4].ID, outbound.Queued)
	if wait := m.NextAttemptMS - time.Now().UnixMilli(); m.Attempts != 1 || wait < 60_000 || wait > 121_000 || m.Holder != "" {
		t.Errorf("to be tried again: %+v", m)
	}
	if m := becomes(t, q, queued[5].ID, outbound.Sent); m.SentMS != 77 {
		t.Errorf("sent: %+v", m)
	}
	// Once more, and the other way round: sent stays sent, failed becomes sent.
	publish(t, env, "mark_failed", fmt.Sprintf(`{"message_id":%d}`, queued[0].ID))
	publish(t, env, "mark_sent", fmt.Sprintf(`{"message_id":%d}`, queued[1].ID))
	publish(t, env, "mark_sent", fmt.Sprintf(`{"message_id":%d}`, queued[2].ID))
	becomes(t, q, queued[2].ID, outbound.Sent)
	eventually(t, "all outcomes are counted", func() bool {
		var sum outbound.MarkCounts
		for _, s := range s {
			c := s.Marks()
			sum.Applied, sum.Passed, sum.Unknown, sum.Unreadable = sum.Applied+c.Applied, sum.Passed+c.Passed, sum.Unknown+c.Unknown, sum.Unreadable+c.Unreadable
		}
		return sum == outbound.MarkCounts{Applied: 7, Passed: 2, Unknown: 1, Unreadable: 1}
	})
	becomes(t, q, queued[0].ID, outbound.Sent)
}

// What was published while no service ran is applied by the next.
func TestService_MarksWaitForIt(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	q := open(t, env, outbound.QueueConfig{})
	first, second := enqueue(t, q, outbound.Request{}), enqueue(t, q, outbound.Request{})
	publish(t, env, "mark_sent", fmt.Sprintf(`{"message_id":%d}`, first.ID))
	serve(t, env, outbound.ServiceConfig{})
	becomes(t, q, first.ID, outbound.Sent)
	if err := env.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server takes it", func() bool {
		// One that is sent while the line is being lost gets no answer at all.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := env.Conn.JetStream().Publish(ctx, prefix+"mark_sent", fmt.Appendf(nil, `{"message_id":%d}`, second.ID))
		return err == nil
	})
	becomes(t, q, second.ID, outbound.Sent)
	// The service answers again as well.
	eventually(t, "the service answers", func() bool {
		m, err := env.Conn.NATS().Request(prefix+"status", fmt.Appendf(nil, `{"id":%d}`, second.ID), 5*time.Second)
		return err == nil && code(t, string(m.Data)) == ""
	})
}
