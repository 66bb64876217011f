package streams_test

import (
	"fmt"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// lines makes n messages with ids p-1, p-2, ….
func lines(producer string, n int) []streams.AppendMessage {
	list := make([]streams.AppendMessage, n)
	for i := range list {
		list[i] = line(producer, i+1)
	}
	return list
}

func line(producer string, seq int) streams.AppendMessage {
	return streams.AppendMessage{
		Subject: events.Subject(events.KindMessageLog),
		MsgID:   fmt.Sprintf("%s-%d", producer, seq),
		Data:    fmt.Appendf(nil, `{"id":"%s-%d","username":"ann","message":"line %d"}`, producer, seq, seq),
	}
}

func TestStream_AppendedMessagesAreReadBack(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	ack, err := env.Stream.Append(t.Context(), line("p", 1))
	if err != nil || ack.Seq != 1 || ack.Duplicate {
		t.Fatalf("append: %+v, %v; want sequence 1", ack, err)
	}
	if last := env.Append(t, lines("q", 2500)...); last != 2501 {
		t.Fatalf("last sequence %d, want 2501", last)
	}
	got := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{})
	if len(got) != 2501 {
		t.Fatalf("read %d messages, want 2501", len(got))
	}
	for i, m := range got {
		if m.Seq != uint64(i+1) || m.Pending != uint64(2500-i) {
			t.Fatalf("message %d: sequence %d, pending %d", i, m.Seq, m.Pending)
		}
	}
	if got[2500].MsgID != "q-2500" || got[2500].Subject != "rosey.db.message.log" || got[2500].Time.IsZero() {
		t.Errorf("last message is %+v", got[2500])
	}
	m, err := env.Stream.Get(t.Context(), 1)
	if err != nil || m.MsgID != "p-1" || string(m.Data) != string(line("p", 1).Data) {
		t.Errorf("get: %+v, %v", m, err)
	}
}

func TestConsumer_DeliversFromTheGivenSequence(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	env.Append(t, lines("p", 1000)...)
	c, err := env.Stream.Consumer(t.Context(), "main", streams.ConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []uint64{1, 700, 3, 1000} {
		d, err := c.Start(t.Context(), from, 100)
		if err != nil {
			t.Fatalf("start at %d: %v", from, err)
		}
		for want := from; want <= 1000; want++ {
			m, err := d.Next(t.Context())
			if err != nil || m.Seq != want {
				t.Fatalf("from %d: got %d, %v; want %d", from, m.Seq, err, want)
			}
			if want%50 == 0 {
				if err := d.Ack(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
		}
		d.Stop()
	}
}
