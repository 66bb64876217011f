package backup_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"rosey/events"
	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// A bot that was connected before sends what it has spooled as soon as there is a
// stream again, and lets go of what is acknowledged: nothing is, while a restore that
// begins again would throw it away.
func TestRestore_TakesNoEventBeforeItIsFinished(t *testing.T) {
	t.Parallel()
	set := full(t)
	env := streamstest.New(t)
	bot, err := streams.Open(t.Context(), env.Connect(t))
	must(t, err)
	for _, stream := range []string{streams.StreamName, streams.OutboundStream} {
		must(t, env.Conn.Discard(t.Context(), stream))
	}
	to := backup.Target{Conn: env.Connect(t), Data: installation.Dir(filepath.Join(t.TempDir(), "data")), MaxBytes: 1 << 30}
	if !crashesOnto(t, set, to, 1) {
		t.Fatal("it did not crash")
	}
	var late []streams.AppendMessage
	for i := range 3 {
		late = append(late, streams.AppendMessage{
			Subject: events.Subject(events.KindMessageLog), MsgID: fmt.Sprintf("late-%d", i), Data: []byte(`{"username":"ann","message":"late"}`),
		})
	}
	if ack, err := bot.Append(t.Context(), late[0]); !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("one event: %+v, %v", ack, err)
	}
	if acks, err := bot.AppendBatch(t.Context(), late); len(acks) > 0 || errors.Is(err, streams.ErrRefused) || err == nil {
		t.Errorf("a batch: %+v, %v", acks, err)
	}
	to.Conn = env.Connect(t)
	_, err = set.Restore(t.Context(), to)
	must(t, err)
	whole(t, set, env)
	if acks, err := bot.AppendBatch(t.Context(), late); err != nil || len(acks) != len(late) || acks[0].Duplicate {
		t.Errorf("once it is finished: %+v, %v", acks, err)
	}
}
