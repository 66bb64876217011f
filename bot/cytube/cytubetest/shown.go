package cytubetest

import "slices"

// maxShown bounds what a long demo keeps of what clients wrote.
const maxShown = 100_000

// Shown is a line or private message of a client that the channel has shown.
type Shown struct {
	Author string
	To     string // of a private message
	Text   string // as the author wrote it, less what the server takes off: the end of a long one, control characters, a command
	HTML   string
	TimeMS int64 // the time it bears
	Shadow bool  // written by somebody shadow-muted: ordinary people were not shown it
}

// Shown returns what clients wrote and the channel showed, oldest first.
func (c *Channel) Shown() []Shown {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.shown)
}

// ShownBy returns the texts of the public lines of one client, oldest first.
func (c *Channel) ShownBy(author string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var texts []string
	for _, s := range c.shown {
		if s.Author == author && s.To == "" {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

func (c *Channel) noteShown(s Shown) {
	c.shown = append(c.shown, s)
	if extra := len(c.shown) - maxShown; extra > 0 {
		c.shown = slices.Delete(c.shown, 0, extra)
	}
}

// Dropped counts the lines and private messages of clients that were not shown.
type Dropped struct {
	Flood     int // punished with a cooldown
	Muted     int // answered with noflood
	Filtered  int // by a client who is too new
	Forbidden int // below the rank that may chat: no answer
	Blank     int // no answer
	Command   int // a command that the server knows: no echo
	Swallowed int // by SwallowChat
	Cut       int // by CutChat, not taken
}

// Dropped returns the counts so far.
func (c *Channel) Dropped() Dropped {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}
