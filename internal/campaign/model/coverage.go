package model

// coverage is a row of bot_sessions: one connection of one bot.
type coverage struct {
	seq                                int64
	channel, producer, server, botName string
	connectedMS, lastMS                int64
	joinedMS, disconnectedMS           *int64
	reason                             string // "" while it stands
}

// cover follows every bot's connections, whoever leads.
func (m *Model) cover(e *event) {
	c := m.standing[e.producer]
	switch e.kind {
	case "bot.started":
		// The next run on the same spool shows that the one before is gone.
		if before := e.text("previous"); before != "" && m.standing[before] != nil {
			m.standing[before].reason = "lost"
			delete(m.standing, before)
		}
		return
	case "bot.connected":
		if c != nil {
			c.reason = "lost"
		}
		c = &coverage{seq: e.seq, channel: e.channelName, producer: e.producer, server: e.text("server"), connectedMS: e.at, lastMS: e.at}
		m.coverage = append(m.coverage, c)
		m.standing[e.producer] = c
		return
	}
	if c == nil {
		return
	}
	switch e.kind {
	case "bot.joined":
		c.joinedMS, c.botName, c.lastMS = ptr(e.at), e.text("username"), max(c.lastMS, e.at)
		return
	case "bot.disconnected":
		if at := e.integer("observed_ms"); at > 0 && at <= e.at {
			c.lastMS = max(c.lastMS, at)
		}
		c.disconnectedMS, c.reason = ptr(e.at), e.text("reason")
		delete(m.standing, e.producer)
	case "bot.stopped":
		c.disconnectedMS, c.reason = ptr(e.at), e.text("reason")
		delete(m.standing, e.producer)
	}
	if observes(e.kind) {
		c.lastMS = e.latest(c.lastMS)
	}
}
