package model

type userKey struct{ channel, name string }

// user is what user_stats says beyond what follows from the sessions.
type user struct {
	username    string // as last spelled
	first, last int64  // seconds
	lines       int64
	joins       int64
	rank        *float64
}

// action is a row of user_actions.
type action struct {
	channel  string
	seq      int64
	username string
	timeMS   int64
	action   string
	details  string
}

// see notes that somebody was seen.
func (m *Model) see(channel, name string, ms int64) *user {
	key, sec := userKey{channel, lower(name)}, seconds(ms)
	u := m.users[key]
	if u == nil {
		u = &user{first: sec, last: sec}
		m.users[key] = u
	}
	u.username = name
	u.first, u.last = min(u.first, sec), max(u.last, sec)
	return u
}

// act keeps an action, at its moment on the recorder's clock as sessions are.
func (m *Model) act(e *event, name, what, details string) {
	m.actions = append(m.actions, action{e.channelName, e.seq, name, e.at, what, details})
}

// private keeps that somebody wrote to the bot, never what.
func (m *Model) private(e *event) {
	name := e.text("username")
	if name == "" {
		return
	}
	m.see(e.channelName, name, e.timeMS)
	m.act(e, name, "pm", "")
}
