package outbound

import (
	"strings"
	"time"

	"rosey/events"
)

// mark is an outcome as the stream holds it.
type mark struct {
	sent    bool // it was shown; else it failed
	payload events.OutboundMark
	channel string // empty where its publisher named none
	seq     uint64
	// by is the producer that recorded it, empty for publishers that do not number
	// what they publish.
	by string
	at time.Time // when its publisher wrote it, by its own clock
	in time.Time // when the stream stored it
}

const (
	// markSkew is how much the clocks of two servers may differ.
	markSkew = 2 * time.Second
	// idSkew is how much earlier than a message an outcome of it can seem, its caller's
	// clock being wrong. An id is given again after a week at the earliest.
	idSkew = 24 * time.Hour
	// maxReason bounds what a publisher may give as a reason.
	maxReason = 200
)

// verdict is what a mark does to a message.
type verdict struct {
	to     State
	change func(*Message)
}

// judge says to which state a mark moves a message, and whether it does. Marks come
// again, late and out of order, from the bot and from others; a message that a
// person has sent again meanwhile must not end by the outcome before that.
func (k mark) judge(m Message) (verdict, bool) {
	switch {
	case m.State == Sent:
		return verdict{}, false
	case k.in.Before(time.UnixMilli(m.QueuedMS).Add(-idSkew)):
		// About an earlier message of that id, which had the same key and has expired.
		return verdict{}, false
	case k.sent:
		// That it was shown is true whatever happened since.
		return verdict{Sent, func(n *Message) {
			n.MarkSeq, n.SentMS, n.Attempts = k.seq, k.payload.SentMS, max(n.Attempts, int(min(k.payload.Attempts, 1<<20)))
		}}, true
	case k.seq <= m.MarkSeq:
		return verdict{}, false
	case k.by != "" && k.payload.State != "":
		// The bot's own word about what it left in this state, should it have got no
		// further. It gave the message its time of sending by the same clock.
		if m.State != Sending || k.by != m.Holder || k.at.UnixMilli() < m.SendingMS {
			return verdict{}, false
		}
		return k.failure(m, max(m.Attempts, 1)), true
	case m.State != Queued && m.State != Claimed && m.State != Unknown:
		// Another's word about what the bot is sending, or about what is over.
		return verdict{}, false
	case k.in.Before(m.Changed.Add(-markSkew)):
		return verdict{}, false
	}
	return k.failure(m, m.Attempts+1), true
}

// failure is the verdict on a message that failed at its so many-th attempt.
func (k mark) failure(m Message, attempts int) verdict {
	reason := k.payload.Reason
	if reason == "" {
		reason = ReasonMarked
	}
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	to, next := Failed, int64(0)
	switch k.payload.Outcome() {
	case events.OutcomeAbandoned:
		to = Abandoned
	case events.OutcomeUnknown:
		to = Unknown
	}
	if k.payload.Permanent != nil && !*k.payload.Permanent && k.payload.State == "" && m.State != Unknown {
		to = Abandoned
		// By the stream's clock: its publisher's may be anything.
		if again, ok := NextAttempt(attempts, k.in); ok {
			to, next = Queued, again.UnixMilli()
		}
	}
	return verdict{to, func(n *Message) {
		n.MarkSeq, n.Reason, n.Attempts, n.NextAttemptMS = k.seq, reason, attempts, next
	}}
}

// readMark reads an outcome out of the stream. It reports false for what is none.
func readMark(subject string, data []byte, seq uint64, stored time.Time) (mark, bool) {
	kind, channel, ok := events.ParseSubject(subject)
	if !ok || kind != events.KindMarkSent && kind != events.KindMarkFailed {
		return mark{}, false
	}
	e, err := events.Decode(kind, data)
	if err != nil {
		return mark{}, false
	}
	payload, ok := e.Payload.(*events.OutboundMark)
	if !ok || payload.MessageID <= 0 || payload.MessageID > MaxID {
		return mark{}, false
	}
	if e.Channel != "" {
		channel = e.Channel
	}
	e.Default(stored.UnixMilli(), channel)
	k := mark{
		sent: kind == events.KindMarkSent, payload: *payload, channel: channel, seq: seq,
		at: time.UnixMilli(e.TimeMS), in: stored,
	}
	k.by, _, _ = events.ParseID(e.ID)
	return k, true
}
