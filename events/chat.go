package events

// MessageLog is one line of chat as the channel showed it.
type MessageLog struct {
	Username string
	// Message is plain text: tags dropped, entities decoded once.
	Message string
	// History marks a line that was re-sent as the bot joined.
	History bool
	// Notice names the speaker of a line that no person wrote: "server" or
	// "voteskip". Such lines are kept and never counted as a user's.
	Notice string
	// Style is how the line was shown: greentext, action, spoiler, shout, drink.
	Style string
	// Shadow marks a line of a shadow-muted user, shown to moderators only.
	Shadow bool
}

func (p *MessageLog) fields(c *coder) {
	c.name("username", &p.Username)
	c.str("message", &p.Message, "msg")
	c.flag("history", &p.History)
	c.text("notice", &p.Notice)
	c.text("style", &p.Style)
	c.flag("shadow", &p.Shadow)
}

// MessagePrivate is a private message to the bot, or the echo of one it sent.
type MessagePrivate struct {
	Username  string
	Recipient string
	Message   string
}

func (p *MessagePrivate) fields(c *coder) {
	c.name("username", &p.Username)
	c.name("recipient", &p.Recipient)
	c.str("message", &p.Message, "msg")
}
