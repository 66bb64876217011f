package events

// OutboundMark is the outcome of a message that somebody asked the bot to send.
type OutboundMark struct {
	// MessageID is a positive integer; older publishers sent it as "id".
	MessageID int64
	Message   string
	QueuedMS  int64
	SentMS    int64
	Attempts  int64
	Reason    string
}

func (p *OutboundMark) fields(c *coder) {
	c.integer("message_id", &p.MessageID)
	c.text("message", &p.Message)
	c.optionalInt("queued_ms", &p.QueuedMS)
	c.optionalInt("sent_ms", &p.SentMS)
	c.optionalInt("attempts", &p.Attempts)
	c.text("reason", &p.Reason, "error")
}
