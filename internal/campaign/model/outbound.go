package model

import "strings"

type outcomeKey struct {
	channel string
	id      int64
}

// outcome is a row of outbound_messages. Of its texts only hashes are kept.
type outcome struct {
	seq              int64
	status           string
	text, recipient  string // hashed
	queuedMS, sentMS int64
	attempts         int64
	reason           string
}

// outbound keeps the last outcome told of each message, by whomever; but nobody
// takes back that it was sent. Particulars that the last one leaves open are those
// told before. An id may be given again: what is told of a message queued later is
// about another one, of which nothing was told before, and what is told of one
// queued earlier comes too late.
func (m *Model) outbound(e *event) {
	mark, ok := strings.CutPrefix(e.kind, "messages.outbound.mark_")
	if !ok {
		return
	}
	key := outcomeKey{e.channelName, e.integer("message_id")}
	now := outcome{
		seq: e.seq, status: mark, text: hidden(e.text("message")), recipient: hidden(e.text("recipient")),
		queuedMS: e.integer("queued_ms"), sentMS: e.integer("sent_ms"), attempts: e.integer("attempts"), reason: e.text("reason"),
	}
	if state := e.text("state"); mark == "failed" && (state == "abandoned" || state == "unknown") {
		now.status = state
	}
	before, again := m.outcomes[key]
	dated := again && now.queuedMS != 0 && before.queuedMS != 0
	switch {
	case !again, dated && now.queuedMS > before.queuedMS:
	case dated && now.queuedMS < before.queuedMS, before.status == "sent" && now.status != "sent":
		return
	default:
		now.keep(before)
	}
	m.outcomes[key] = now
}

// keep fills what is open from an earlier outcome.
func (o *outcome) keep(before outcome) {
	nothing := hidden("")
	if o.text == nothing {
		o.text = before.text
	}
	if o.recipient == nothing {
		o.recipient = before.recipient
	}
	if o.queuedMS == 0 {
		o.queuedMS = before.queuedMS
	}
	if o.sentMS == 0 {
		o.sentMS = before.sentMS
	}
}
