package model

// highWater are the two marks of a channel, each with its time in seconds.
type highWater struct {
	chat, chatAt           int64
	connected, connectedAt int64
}

// count is a row of user_count_history.
type count struct {
	seq             int64
	channel         string
	at              int64 // seconds
	chat, connected int64
}

// status is a row of current_status; a field not among the values is NULL.
type status struct {
	updated int64 // seconds
	values  values
}

// channel follows the counts and the state that the leader tells.
func (m *Model) channel(e *event, w watch) {
	if w.lost {
		m.tell(e, "bot_connected", false, "disconnect_reason", "lost")
	}
	if !w.leading {
		return
	}
	switch e.kind {
	case "stats.user_count", "stats.high_water":
		m.mark(e)
		if e.kind == "stats.user_count" {
			m.counts = append(m.counts, count{e.seq, e.channelName, seconds(e.timeMS), e.integer("chat_count"), e.integer("connected_count")})
		}
	case "status.update":
		m.tell(e)
		for name, v := range e.values {
			m.statuses[e.channelName].values[name] = v
		}
	case "bot.started", "bot.connected":
		m.tell(e, "bot_connected", false) // not in the channel yet
	case "bot.joined":
		m.tell(e, "bot_connected", true, "disconnect_reason", "", "bot_name", e.text("username"))
	case "bot.disconnected", "bot.stopped":
		m.tell(e, "bot_connected", false, "disconnect_reason", e.text("reason"))
	}
}

// mark raises the marks; a count that was reached before is no new one.
func (m *Model) mark(e *event) {
	chat, connected := e.integer("chat_count"), e.integer("connected_count")
	if chat <= 0 && connected <= 0 {
		return
	}
	h := m.marks[e.channelName]
	if h == nil {
		h = &highWater{}
		m.marks[e.channelName] = h
	}
	if chat > h.chat {
		h.chat, h.chatAt = chat, seconds(e.timeMS)
	}
	if connected > h.connected {
		h.connected, h.connectedAt = connected, seconds(e.timeMS)
	}
}

// tell updates the status; what is not mentioned stays as it was.
func (m *Model) tell(e *event, pairs ...any) {
	s := m.statuses[e.channelName]
	if s == nil {
		s = &status{values: values{}}
		m.statuses[e.channelName] = s
	}
	s.updated = max(s.updated, seconds(e.timeMS))
	for i := 0; i < len(pairs); i += 2 {
		s.values[pairs[i].(string)] = pairs[i+1]
	}
}
