package events

// MediaChanged says that an item began to play, or (Resumed) that it was
// already playing as the bot joined.
type MediaChanged struct {
	Type     string
	MediaID  string
	Title    string
	Seconds  float64
	Duration string
	// CurrentTime is the position in seconds; negative during the lead-in.
	CurrentTime float64
	Paused      bool
	// UID and QueuedBy come from the playlist where the bot may see it.
	UID      *int64
	QueuedBy string
	Resumed  bool
}

func (p *MediaChanged) fields(c *coder) {
	c.str("media_type", &p.Type, "type")
	c.str("media_id", &p.MediaID)
	c.str("title", &p.Title)
	c.float("seconds", &p.Seconds)
	c.str("duration", &p.Duration)
	c.float("current_time", &p.CurrentTime)
	c.boolean("paused", &p.Paused)
	c.optInt("uid", &p.UID)
	c.text("queued_by", &p.QueuedBy)
	c.flag("resumed", &p.Resumed)
}

// MediaUpdated reports the position of the playing item.
type MediaUpdated struct {
	CurrentTime float64
	Paused      bool
}

func (p *MediaUpdated) fields(c *coder) {
	c.float("current_time", &p.CurrentTime)
	c.boolean("paused", &p.Paused)
}

// MediaEnded says that nothing plays any more. CyTube has no event for this; the
// bot infers it when the playing item is removed and no other follows.
type MediaEnded struct {
	Type    string
	MediaID string
	Reason  string
}

func (p *MediaEnded) fields(c *coder) {
	c.str("media_type", &p.Type, "type")
	c.str("media_id", &p.MediaID)
	c.str("reason", &p.Reason)
}
