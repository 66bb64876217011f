package query_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"rosey/events"
	"rosey/projector/query"
)

// outcomes is an evening with twelve outcomes in two channels: every third one
// failed, and every fourth of the bot's own is a mystery.
func outcomes(t *testing.T) *evening {
	e := newEvening(t).joined("ann")
	for i := range int64(12) {
		kind, m := events.KindMarkSent, &events.OutboundMark{MessageID: i + 1, Message: fmt.Sprint("line ", i+1), QueuedMS: 5, SentMS: 7, Attempts: 1}
		switch {
		case i%3 == 2:
			kind, m.SentMS, m.Reason = events.KindMarkFailed, 0, "muted"
		case i%4 == 3:
			kind, m.SentMS, m.Reason, m.State, m.Recipient = events.KindMarkFailed, 0, "no_echo", events.OutcomeUnknown, "Bob"
		}
		e.in([]string{"tv", "tv", "radio"}[i%3]).happened(kind, m)
	}
	return e
}

func ids(list []query.OutboundMessage) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%d ", m.MessageID)
	}
	return b.String()
}

func TestOutboundHistory_Situations(t *testing.T) {
	t.Parallel()
	q := outcomes(t).tables()
	for _, tt := range []struct {
		name string
		ask  query.OutboundOptions
		want string
	}{
		{"everything, the newest first", query.OutboundOptions{}, "12 11 10 9 8 7 6 5 4 3 2 1 "},
		{"of one channel", query.OutboundOptions{Channel: "radio"}, "12 9 6 3 "},
		{"of one status", query.OutboundOptions{Status: "failed"}, "12 9 6 3 "},
		{"of both", query.OutboundOptions{Channel: "tv", Status: "unknown"}, "8 4 "},
		{"of neither", query.OutboundOptions{Channel: "radio", Status: "sent"}, ""},
		{"another channel", query.OutboundOptions{Channel: "tv' OR '1'='1"}, ""},
	} {
		p, err := query.OutboundHistory(t.Context(), q, tt.ask)
		if err != nil || ids(p.Messages) != tt.want || p.Before != 0 || p.Messages == nil {
			t.Errorf("%s: got %s %d, %v, want %s", tt.name, ids(p.Messages), p.Before, err, tt.want)
		}
	}
}

func TestOutboundHistory_Rows(t *testing.T) {
	t.Parallel()
	p, err := query.OutboundHistory(t.Context(), outcomes(t).happened(events.KindMarkSent, &events.OutboundMark{MessageID: 4}).tables(), query.OutboundOptions{Limit: 2})
	const want = `{"messages":[` +
		`{"channel":"radio","message_id":4,"status":"sent","message":"","recipient":"","queued_ms":null,"sent_ms":null,"attempts":0,"reason":"","seq":14},` +
		`{"channel":"radio","message_id":12,"status":"failed","message":"line 12","recipient":"","queued_ms":5,"sent_ms":null,"attempts":1,"reason":"muted","seq":13}],"before":13}`
	if got := asJSON(t, p); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestOutboundHistory_PagesJoinWithoutGapOrOverlap(t *testing.T) {
	t.Parallel()
	q := outcomes(t).tables()
	var got string
	for before, pages := int64(0), 0; ; pages++ {
		p, err := query.OutboundHistory(t.Context(), q, query.OutboundOptions{Before: before, Limit: 5})
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		got += ids(p.Messages)
		if before = p.Before; before == 0 {
			break
		}
	}
	if got != "12 11 10 9 8 7 6 5 4 3 2 1 " {
		t.Errorf("got %s", got)
	}
}

func TestOutboundHistory_RefusesAStatusThatIsNone(t *testing.T) {
	t.Parallel()
	q := newEvening(t).tables()
	for _, status := range []string{"queued", "Sent", "sent'", "\x00"} {
		if _, err := query.OutboundHistory(t.Context(), q, query.OutboundOptions{Status: status}); !errors.Is(err, query.ErrInvalid) {
			t.Errorf("%q: %v", status, err)
		}
	}
}

func TestCountOutbound_CountsEachOutcome(t *testing.T) {
	t.Parallel()
	q := outcomes(t).tables()
	for channel, want := range map[string]map[string]int64{"tv": {"sent": 6, "unknown": 2}, "radio": {"failed": 4}, "elsewhere": {}} {
		if got, err := query.CountOutbound(t.Context(), q, channel); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", channel, got, err, want)
		}
	}
}
