package cytubetest

import "maps"

// Ledger counts what at least one client in the channel was shown: what
// a bot that stays connected has to have seen. A chat line that a client gets
// only in the history, on joining, counts once as well.
type Ledger struct {
	ChatLines   int            // of people; notices of the server do not count
	ChatByUser  map[string]int // by name as spelled
	JoinsByUser map[string]int // a client is not told of its own
	Leaves      int
	AFKChanges  int
	Polls       int
	Votes       int
	MediaStarts int // while somebody watched; what played when they came does not count

	MaxUsers     int // logged in at once, clients included
	MaxConnected int // greatest count the channel told
}

// Ledger returns the counts so far.
func (c *Channel) Ledger() Ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.ledger
	l.ChatByUser = maps.Clone(l.ChatByUser)
	l.JoinsByUser = maps.Clone(l.JoinsByUser)
	return l
}

// count changes the ledger if a client is there to see it.
func (c *Channel) count(change func(*Ledger)) {
	for _, v := range c.visitors {
		if v.inside {
			change(&c.ledger)
			c.ledger.MaxUsers = max(c.ledger.MaxUsers, len(c.people))
			return
		}
	}
}

// countPoll counts the open poll the first time somebody is shown it.
func (c *Channel) countPoll() {
	if !c.poll.counted {
		c.poll.counted = true
		c.ledger.Polls++
	}
}

// countLine counts a line of chat the first time somebody is shown it.
func (c *Channel) countLine(line *chatLine) {
	if line.counted {
		return
	}
	line.counted = true
	c.ledger.ChatLines++
	c.ledger.ChatByUser[line.Username]++
}
