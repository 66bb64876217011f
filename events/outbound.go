package events

// Outcomes that a failed OutboundMark may name in its State.
const (
	OutcomeFailed    = "failed"    // known not to have been shown
	OutcomeAbandoned = "abandoned" // tried as often as it is worth
	OutcomeUnknown   = "unknown"   // nobody can tell whether it was shown
)

// OutboundMark is the outcome of a message that somebody asked the bot to send.
type OutboundMark struct {
	// MessageID is a positive integer. Older publishers sent it as "id", some of them
	// as a text of digits.
	MessageID int64
	Message   string
	// Recipient is who a private message is for.
	Recipient string
	QueuedMS  int64
	// SentMS is when the channel showed it, by CyTube's clock.
	SentMS   int64
	Attempts int64
	Reason   string
	// State is one of the outcomes above where a mark_failed says which; publishers
	// other than the bot say none.
	State string
	// Permanent is nil where nobody said whether another attempt is worth it; a
	// failure is then for good.
	Permanent *bool
}

// Outcome is what the mark says became of the message: the State of a failure,
// OutcomeFailed where that names no outcome.
func (p *OutboundMark) Outcome() string {
	switch p.State {
	case OutcomeAbandoned, OutcomeUnknown:
		return p.State
	}
	return OutcomeFailed
}

// takeID takes the message's id from the event's where nothing else names it: that
// is a text of digits then, which no event's own id is.
func (p *OutboundMark) takeID(e *Event) {
	if p.MessageID != 0 {
		return
	}
	if n, ok := parseDigits(e.ID); ok {
		p.MessageID, e.ID = n, ""
	}
}

func (p *OutboundMark) fields(c *coder) {
	c.quotableInt("message_id", &p.MessageID)
	c.text("message", &p.Message)
	c.text("recipient", &p.Recipient)
	c.optionalInt("queued_ms", &p.QueuedMS)
	c.optionalInt("sent_ms", &p.SentMS)
	c.optionalInt("attempts", &p.Attempts)
	c.text("reason", &p.Reason, "error")
	c.text("state", &p.State)
	c.optBool("permanent", &p.Permanent, "is_permanent")
}
