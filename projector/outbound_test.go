package projector

import (
	"fmt"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema/schematest"
)

func TestOutbound_Situations(t *testing.T) {
	t.Parallel()
	const query = `SELECT channel, message_id, status, message, (queued_ms - 1700000000000) / 1000, (sent_ms - 1700000000000) / 1000, attempts, reason, recipient, seq
		FROM outbound_messages ORDER BY channel, message_id`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"sent", []step{marked(events.KindMarkSent, 7, "hello", "")}, []string{"tv 7 sent hello -2 0 1 '' '' 1"}},
		{"failed", []step{marked(events.KindMarkFailed, 7, "hello", "muted")}, []string{"tv 7 failed hello -2 0 1 muted '' 1"}},
		{"failed first", []step{marked(events.KindMarkFailed, 7, "hello", "flood"), marked(events.KindMarkSent, 7, "hello", "")}, []string{"tv 7 sent hello -2 0 1 '' '' 2"}},
		{"told twice", []step{marked(events.KindMarkSent, 7, "hello", ""), again(1), by("B", marked(events.KindMarkSent, 7, "hello", ""))}, []string{"tv 7 sent hello -2 0 1 '' '' 3"}},
		{
			"two channels",
			[]step{marked(events.KindMarkSent, 7, "a", ""), in("radio", marked(events.KindMarkSent, 7, "b", ""))},
			[]string{"radio 7 sent b -2 0 1 '' '' 2", "tv 7 sent a -2 0 1 '' '' 1"},
		},
		{
			"the older spelling",
			[]step{raw(events.KindMarkSent, `{"id":7}`), raw(events.KindMarkFailed, `{"id":8,"error":"muted"}`)},
			[]string{"tv 7 sent '' - - 0 '' '' 1", "tv 8 failed '' - - 0 muted '' 2"},
		},
		{
			"the states of a failure",
			[]step{failing(1, "failed"), failing(2, "abandoned"), failing(3, "unknown"), failing(4, ""), failing(5, "sent"), failing(6, "queued")},
			[]string{
				"tv 1 failed '' - - 0 '' '' 1", "tv 2 abandoned '' - - 0 '' '' 2", "tv 3 unknown '' - - 0 '' '' 3", "tv 4 failed '' - - 0 '' '' 4",
				"tv 5 failed '' - - 0 '' '' 5", "tv 6 failed '' - - 0 '' '' 6",
			},
		},
		{"a state says nothing of what was sent", []step{raw(events.KindMarkSent, `{"id":7,"state":"unknown"}`)}, []string{"tv 7 sent '' - - 0 '' '' 1"}},
		{
			"what was sent stays so",
			[]step{marked(events.KindMarkSent, 7, "hello", ""), marked(events.KindMarkFailed, 7, "other", "muted"), failing(7, "unknown")},
			[]string{"tv 7 sent hello -2 0 1 '' '' 1"},
		},
		{
			"the latest failure counts",
			[]step{failing(7, "unknown"), failing(7, "abandoned"), marked(events.KindMarkFailed, 7, "hello", "muted")},
			[]string{"tv 7 failed hello -2 0 1 muted '' 3"},
		},
		{
			"proof comes later", // unknown until somebody tells that it was shown
			[]step{
				marking(events.KindMarkFailed, events.OutboundMark{MessageID: 7, Message: "psst", Recipient: "ann", QueuedMS: epochMS, Attempts: 2, Reason: "no_echo", State: "unknown"}),
				raw(events.KindMarkSent, `{"message_id":7}`),
			},
			[]string{"tv 7 sent psst 0 - 0 '' ann 2"},
		},
		{
			"a caller's word after the bot's",
			[]step{marked(events.KindMarkSent, 7, "hello", ""), raw(events.KindMarkSent, `{"id":7}`)},
			[]string{"tv 7 sent hello -2 0 0 '' '' 2"},
		},
		{
			"ids as texts",
			[]step{raw(events.KindMarkSent, `{"id":"7"}`), raw(events.KindMarkFailed, `{"message_id":"8"}`), raw(events.KindMarkSent, `{"message_id":"nine"}`)},
			[]string{"tv 7 sent '' - - 0 '' '' 1", "tv 8 failed '' - - 0 '' '' 2"},
		},
		{
			"what is told anew counts",
			[]step{
				marked(events.KindMarkFailed, 7, "hello", "flood"), after(10 * time.Second),
				marking(events.KindMarkFailed, events.OutboundMark{MessageID: 7, Message: "ho", Recipient: "bob", QueuedMS: epochMS + 1000, SentMS: epochMS + 3000, Attempts: 2}),
			},
			[]string{"tv 7 failed ho 1 3 2 '' bob 2"},
		},
		{
			"a key that is used again", // its id with it
			[]step{
				marking(events.KindMarkSent, events.OutboundMark{MessageID: 7, Message: "hello", Recipient: "ann", QueuedMS: epochMS, SentMS: epochMS + 1000, Attempts: 3}),
				marking(events.KindMarkFailed, events.OutboundMark{MessageID: 7, Message: "hello", QueuedMS: epochMS + 5000, Reason: "muted"}),
			},
			[]string{"tv 7 failed hello 5 - 0 muted '' 2"},
		},
		{
			"a message that nothing but its time is told of",
			[]step{
				marking(events.KindMarkSent, events.OutboundMark{MessageID: 7, Message: "hello", QueuedMS: epochMS, SentMS: epochMS + 1000}),
				marking(events.KindMarkFailed, events.OutboundMark{MessageID: 7, QueuedMS: epochMS + 5000}),
				raw(events.KindMarkFailed, `{"id":7,"error":"muted"}`),
			},
			[]string{"tv 7 failed '' 5 - 0 muted '' 3"},
		},
		{
			"the message before that had the same key",
			[]step{
				marking(events.KindMarkFailed, events.OutboundMark{MessageID: 7, Message: "hello", QueuedMS: epochMS + 5000, Reason: "muted"}),
				marking(events.KindMarkSent, events.OutboundMark{MessageID: 7, Message: "hello", QueuedMS: epochMS, SentMS: epochMS + 1000}),
			},
			[]string{"tv 7 failed hello 5 - 0 muted '' 1"},
		},
		{"no message", []step{failing(0, ""), failing(-1, "")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "outcomes", query, tt.want...)
		})
	}
}

// failing is told with nothing but the state.
func failing(id int64, state string) step {
	return marking(events.KindMarkFailed, events.OutboundMark{MessageID: id, State: state})
}

// The rule needs what is in the table: whether outcomes come in one batch, which
// writes many rows with one statement, or each in its own, the rows are the same.
func TestOutbound_ManyMarksInAnyBatches(t *testing.T) {
	t.Parallel()
	var steps []step
	for i := range int64(3 * bulkRows[0]) {
		kind := events.KindMarkFailed
		if i%7 == 3 {
			kind = events.KindMarkSent
		}
		m := events.OutboundMark{MessageID: 1 + i*i%11, Attempts: i, State: []string{"", "unknown", "abandoned"}[i%3]}
		if i%5 == 0 {
			m.Message, m.QueuedMS, m.SentMS = fmt.Sprint("text ", i), i/30, 2*i
		}
		if i%4 == 0 {
			m.Recipient = fmt.Sprint("user ", i)
		}
		steps = append(steps, marking(kind, m))
	}
	want := schematest.Dump(t, projectedIn(t, len(steps), steps...))
	for _, size := range []int{1, 2, 7, bulkRows[0], bulkRows[0] + 1} {
		if got := schematest.Dump(t, projectedIn(t, size, steps...)); got != want {
			t.Errorf("in batches of %d:\n%s", size, diff(want, got))
		}
	}
}
