package model

// lineKey is all that a line of chat is known by when it comes again.
type lineKey struct {
	channel, name string
	timeMS        int64
	text          string
	id            string // set where the rest does not tell lines apart
	seq           int64
}

// line is a row of chat_messages. Of its text only a hash is kept.
type line struct {
	seq      int64
	channel  string
	timeMS   int64
	username string
	text     string // hashed
	notice   string
	style    string
	history  bool
	shadow   bool
}

type chat struct {
	lines []*line
	known map[lineKey]*line
}

// line keeps a line of chat, from whatever recorder, once. CyTube sends recent
// lines again at every join: name, time and text tell that one came before.
func (m *Model) line(e *event) {
	if e.kind != "message.log" {
		return
	}
	l := &line{
		seq: e.seq, channel: e.channelName, timeMS: e.timeMS, username: e.text("username"), text: hidden(e.text("message")),
		notice: e.text("notice"), style: e.text("style"), history: e.truth("history"), shadow: e.truth("shadow"),
	}
	key := lineKey{channel: l.channel, name: lower(l.username), timeMS: l.timeMS, text: l.text}
	if e.producer == "" && !e.fine {
		// Two equal lines within a second are two where nobody numbered them: all
		// that tells them apart is their own id, or else their place.
		key.id = e.id
		if e.id == "" {
			key.seq = e.seq
		}
	}
	if m.chat.known[key] != nil {
		return
	}
	m.chat.known[key] = l
	m.keep(e, l)
}

func (m *Model) keep(e *event, l *line) {
	m.chat.lines = append(m.chat.lines, l)
	// What the server or a vote says is nobody's line.
	if l.notice == "" && l.username != "" {
		m.see(e.channelName, l.username, l.timeMS).lines++
	}
}
