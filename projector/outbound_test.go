package projector

import (
	"testing"

	"rosey/events"
)

func TestOutbound_Situations(t *testing.T) {
	t.Parallel()
	const query = `SELECT channel, message_id, status, message, (queued_ms - 1700000000000) / 1000, (sent_ms - 1700000000000) / 1000, attempts, reason
		FROM outbound_messages ORDER BY channel, message_id`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"sent", []step{marked(events.KindMarkSent, 7, "hello", "")}, []string{"tv 7 sent hello -2 0 1 ''"}},
		{"failed", []step{marked(events.KindMarkFailed, 7, "hello", "muted")}, []string{"tv 7 failed hello -2 0 1 muted"}},
		{"failed first", []step{marked(events.KindMarkFailed, 7, "hello", "flood"), marked(events.KindMarkSent, 7, "hello", "")}, []string{"tv 7 sent hello -2 0 1 ''"}},
		{"told twice", []step{marked(events.KindMarkSent, 7, "hello", ""), again(1), by("B", marked(events.KindMarkSent, 7, "hello", ""))}, []string{"tv 7 sent hello -2 0 1 ''"}},
		{
			"two channels",
			[]step{marked(events.KindMarkSent, 7, "a", ""), in("radio", marked(events.KindMarkSent, 7, "b", ""))},
			[]string{"radio 7 sent b -2 0 1 ''", "tv 7 sent a -2 0 1 ''"},
		},
		{
			"the older spelling",
			[]step{raw(events.KindMarkSent, `{"id":7}`), raw(events.KindMarkFailed, `{"id":8,"error":"muted"}`)},
			[]string{"tv 7 sent '' - - 0 ''", "tv 8 failed '' - - 0 muted"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "outcomes", query, tt.want...)
		})
	}
}
