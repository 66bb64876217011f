package events

// PreviousUnknown stands for the previous producer where the spool that would
// know it was lost.
const PreviousUnknown = "unknown"

// BotStarted begins a producer: one run of one bot on one channel.
type BotStarted struct {
	// Producer is the run that begins.
	Producer string
	// Previous is the run before on the same spool, empty for the first one,
	// PreviousUnknown where nobody vouches for how the last one ended.
	Previous string
	// PreviousSeq is the last sequence the previous run committed to its spool.
	PreviousSeq int64
	// BotVersion is the version of the program.
	BotVersion string
}

func (p *BotStarted) fields(c *coder) {
	c.str("producer", &p.Producer)
	c.str("previous", &p.Previous)
	c.integer("previous_seq", &p.PreviousSeq)
	c.text("bot_version", &p.BotVersion)
}

// BotRecording says that from here on this producer leads the recording of the
// channel: presence, counts and media are taken from it alone.
type BotRecording struct {
	Producer string
	// Term orders those who hold the lease of a channel, one after the other: the
	// greater leads. It is 0 for a producer that records without a lease.
	Term int64
}

func (p *BotRecording) fields(c *coder) {
	c.str("producer", &p.Producer)
	c.optionalInt("term", &p.Term)
}

// BotConnected says that a connection to the channel's server stands.
type BotConnected struct{ Server string }

func (p *BotConnected) fields(c *coder) { c.str("server", &p.Server) }

// BotJoined says that the bot is in the channel and sees everything.
type BotJoined struct {
	Username string
	Guest    bool
}

func (p *BotJoined) fields(c *coder) {
	c.str("username", &p.Username)
	c.boolean("guest", &p.Guest)
}

// ReasonSpoolFull says of an observation that it ended because the bot had no
// room left for what it heard.
const ReasonSpoolFull = "spool_full"

// BotDisconnected says that the channel is no longer observed.
type BotDisconnected struct {
	// Reason is one stable word, such as "connection_lost" or "spool_full".
	Reason string
	// Detail is what the server said, if anything.
	Detail string
	// ObservedMS is the last moment at which the line was known to be alive.
	ObservedMS int64
}

func (p *BotDisconnected) fields(c *coder) {
	c.str("reason", &p.Reason)
	c.text("detail", &p.Detail)
	c.integer("observed_ms", &p.ObservedMS)
}

// BotKicked says that the bot was thrown out.
type BotKicked struct{ Reason string }

func (p *BotKicked) fields(c *coder) { c.str("reason", &p.Reason) }

// BotStopped ends a producer in good order.
type BotStopped struct{ Reason string }

func (p *BotStopped) fields(c *coder) { c.str("reason", &p.Reason) }

// BotUnreadable stands for a frame from the server that may have been an event
// and could not be read. What it held is not kept.
type BotUnreadable struct {
	// Bytes is how long the frame was.
	Bytes int64
	// Reason is one stable word: "json", "packet", "oversized" or "binary".
	Reason string
}

func (p *BotUnreadable) fields(c *coder) {
	c.integer("bytes", &p.Bytes)
	c.str("reason", &p.Reason)
}

// BotPart is one numbered part of an event that was too large for one message.
type BotPart struct {
	// Of identifies the whole event: the ID of its first part.
	Of string
	// Whole is the kind of the whole event.
	Whole Kind
	// Part counts from 1 to Parts.
	Part  int64
	Parts int64
	// Data is this part's share of the encoded whole event.
	Data string
}

func (p *BotPart) fields(c *coder) {
	c.str("of", &p.Of)
	c.str("kind", (*string)(&p.Whole))
	c.integer("part", &p.Part)
	c.integer("parts", &p.Parts)
	c.str("data", &p.Data)
}

// BotSetAside takes the sequence of an event that the server refused for good;
// the event itself is kept beside the bot's spool.
type BotSetAside struct {
	Refused Kind
	Bytes   int64
	Reason  string
}

func (p *BotSetAside) fields(c *coder) {
	c.str("kind", (*string)(&p.Refused))
	c.integer("bytes", &p.Bytes)
	c.str("reason", &p.Reason)
}
