package model

import "strings"

type outcomeKey struct {
	channel string
	id      int64
}

// outcome is a row of outbound_messages. Of its text only a hash is kept.
type outcome struct {
	seq              int64
	status           string
	text             string // hashed
	queuedMS, sentMS int64
	attempts         int64
	reason           string
}

// outbound keeps the last outcome told of each message, by whomever.
func (m *Model) outbound(e *event) {
	status, ok := strings.CutPrefix(e.kind, "messages.outbound.mark_")
	if !ok {
		return
	}
	m.outcomes[outcomeKey{e.channelName, e.integer("message_id")}] = outcome{
		seq: e.seq, status: status, text: hidden(e.text("message")), queuedMS: e.integer("queued_ms"), sentMS: e.integer("sent_ms"),
		attempts: e.integer("attempts"), reason: e.text("reason"),
	}
}
