package events

import "encoding/json"

// Poll is the state of a poll as it opened or as a vote changed it. CyTube gives
// polls no id: OpenedMS and Initiator identify one.
type Poll struct {
	Title     string
	Options   []string
	Counts    json.RawMessage
	Initiator string
	OpenedMS  int64
	// Resumed marks a poll that was already open as the bot joined.
	Resumed bool
}

func (p *Poll) fields(c *coder) {
	c.str("title", &p.Title)
	c.strs("options", &p.Options)
	c.raw("counts", &p.Counts)
	c.str("initiator", &p.Initiator)
	c.integer("opened_ms", &p.OpenedMS)
	c.flag("resumed", &p.Resumed)
}

// PollClosed names the poll that closed, as far as the bot saw it open.
type PollClosed struct {
	Initiator string
	OpenedMS  int64
}

func (p *PollClosed) fields(c *coder) {
	c.str("initiator", &p.Initiator)
	c.integer("opened_ms", &p.OpenedMS)
}
