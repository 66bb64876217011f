package model

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// table is one table, or view, as the model has it.
type table struct {
	name    string
	columns []column
	rows    func(m *Model, add func(row ...any))
}

// column is one that is compared.
type column struct {
	name string
	// sql reads it where its name alone does not.
	sql string
	use use
}

// use says what a column is for in a comparison.
type use int

const (
	plain        use = iota
	key              // names the row
	nameKey          // the same, compared without case, and then as it is
	personal         // a text that no difference may show
	personalList     // the same, a JSON array of texts in any spelling
)

func columns(names ...string) []column {
	var list []column
	for _, n := range names {
		list = append(list, column{name: n})
	}
	return list
}

// keyed begins a list of columns with those of the key.
func keyed(keys []column, names ...string) []column { return append(keys, columns(names...)...) }

func k(name string) column             { return column{name: name, use: key} }
func nk(name string) column            { return column{name: name, use: nameKey} }
func secret(name string) column        { return column{name: name, use: personal} }
func computed(name, sql string) column { return column{name: name, sql: sql} }

// tables are all that Compare looks at, in the order of its answer.
var tables = []table{
	{"projection_state", keyed([]column{k("id")}, "seq", "stream_time_ms", "default_channel", "msg_id"), (*Model).stateRows},
	{"stream_holes", keyed([]column{k("first_seq")}, "last_seq"), (*Model).holeRows},
	{"dead_letters", append(keyed([]column{k("seq")}, "subject", "msg_id", "stream_time_ms", "reason_class"), computed("reason", "reason <> ''"), secret("payload")), (*Model).letterRows},
	{"event_parts", append(keyed([]column{k("of"), k("part")}, "parts", "kind", "seq"), secret("data")), (*Model).partRows},
	{
		"producer_positions",
		keyed([]column{k("producer")}, "channel", "first_seq", "last_seq", "events", "duplicates", "gaps", "first_ms", "last_ms", "previous", "previous_seq"),
		(*Model).producerRows,
	},
	{
		"channel_observation",
		keyed([]column{k("channel")}, "leader", "term", "leased", "since_ms", "ended", "successor", "observing", "last_observed_ms", "suspended_seq",
			"suspended_ms", "connected_seq"),
		(*Model).observationRows,
	},
	{
		"chat_messages",
		append(keyed([]column{k("seq")}, "channel", "time_ms", "timestamp", "username", "notice", "style", "history", "shadow"), secret("message")),
		(*Model).chatRows,
	},
	{
		"user_stats",
		keyed([]column{k("channel"), nk("username")}, "first_seen", "last_seen", "total_chat_lines", "total_time_connected", "current_session_start", "joins",
			"connected_ms", "afk_ms", "rank"),
		(*Model).userRows,
	},
	{
		"user_sessions",
		keyed([]column{k("channel"), nk("username"), k("opened_seq")}, "started_ms", "ended_ms", "opened_by", "ended_by", "ended_seq", "afk_finished_ms",
			"afk_since_ms", "afk_ms", "connected_ms", "rank"),
		(*Model).sessionRows,
	},
	{
		"user_actions",
		keyed([]column{k("channel"), k("seq"), nk("username"), k("action")}, "timestamp", "time_ms", "details"),
		(*Model).actionRows,
	},
	{
		"channel_stats",
		keyed([]column{k("channel")}, "max_users", "max_users_timestamp", "max_connected", "max_connected_timestamp"),
		(*Model).markRows,
	},
	{"user_count_history", keyed([]column{k("seq")}, "channel", "timestamp", "chat_users", "connected_users"), (*Model).countRows},
	{"current_status", append(keyed([]column{k("channel")}, "last_updated"), columns(statusColumns...)...), (*Model).statusRows},
	{
		"media_history",
		keyed([]column{k("seq")}, "channel", "started_ms", "ended_ms", "ended_by", "media_type", "media_id", "title", "seconds", "queued_by", "resumed", "last_seq"),
		(*Model).playRows,
	},
	{
		"playlist", // the view: positions, not the numbers that they follow from
		keyed([]column{k("channel"), k("uid")}, "position", "media_type", "media_id", "title", "seconds", "temp", "queued_by", "playing"),
		(*Model).itemRows,
	},
	// A row without a value says no more than none.
	{"playlist_state", keyed([]column{k("channel")}, "current", "locked"), (*Model).listRows},
	{
		"polls",
		append(keyed([]column{k("channel"), k("opened_ms"), nk("initiator")}, "counts", "closed_ms", "closed_by", "first_seq", "last_seq"), secret("title"),
			column{name: "options", use: personalList}),
		(*Model).pollRows,
	},
	{
		"outbound_messages",
		append(keyed([]column{k("channel"), k("message_id")}, "status", "queued_ms", "sent_ms", "attempts", "reason", "seq"), secret("message"), secret("recipient")),
		(*Model).outcomeRows,
	},
	{
		"bot_sessions",
		keyed([]column{k("seq")}, "channel", "producer", "server", "bot_name", "connected_ms", "joined_ms", "last_observed_ms", "disconnected_ms", "reason"),
		(*Model).coverageRows,
	},
	{
		"operator_decisions",
		keyed([]column{k("seq")}, "kind", "time_ms", "first_seq", "last_seq", "checkpoint_seq", "stream_id", "previous_id", "msg_id"),
		(*Model).decisionRows,
	},
}

var statusColumns = []string{
	"bot_name", "bot_rank", "bot_afk", "channel_name", "current_chat_users", "current_connected_users", "playlist_items", "current_media_title",
	"current_media_duration", "bot_start_time", "bot_connected", "disconnect_reason",
}

// hidden stands for a text that must not be seen. Texts that are equal have
// equal ones.
func hidden(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:12])
}

func (m *Model) stateRows(add func(...any)) {
	if m.lastSeq > 0 {
		add(1, m.lastSeq, m.lastStreamMS, m.cfg.DefaultChannel, told(m.lastMsgID))
	}
}

func (m *Model) holeRows(add func(...any)) {
	for _, h := range m.holes {
		add(h[0], h[1])
	}
}

func (m *Model) letterRows(add func(...any)) {
	for _, l := range m.letters {
		add(l.seq, l.subject, told(l.msgID), l.streamMS, l.class, true, hidden(string(l.data)))
	}
}

func (m *Model) partRows(add func(...any)) {
	for of, list := range m.parts {
		for _, p := range list {
			add(of, p.number, p.parts, p.kind, p.seq, hidden(p.data))
		}
	}
}

func (m *Model) producerRows(add func(...any)) {
	for _, p := range m.producers {
		add(p.name, p.channel, p.first, p.last, p.events, p.duplicates, p.gaps(), p.firstMS, p.lastMS, p.previous, p.previousSeq)
	}
}

func (m *Model) observationRows(add func(...any)) {
	for channel, o := range m.watched {
		if *o == (observation{}) {
			continue // nobody has said anything of recording it
		}
		add(channel, o.leader, o.term, o.leased, o.sinceMS, o.ended, o.successor, o.observing, o.lastMS, o.suspendedSeq, o.suspendedMS, o.connectedSeq)
	}
}

func (m *Model) chatRows(add func(...any)) {
	for _, l := range m.chat.lines {
		add(l.seq, l.channel, l.timeMS, l.timeMS/1000, l.username, l.notice, l.style, l.history, l.shadow, l.text)
	}
}

func (m *Model) userRows(add func(...any)) {
	type sums struct {
		connected, afk int64
		start          any
	}
	of := map[userKey]*sums{}
	for key := range m.users {
		of[key] = &sums{}
	}
	for channel, r := range m.rooms {
		for _, s := range r.all {
			u := of[userKey{channel, lower(s.username)}]
			if s.open() {
				u.start = seconds(s.startMS)
				continue
			}
			u.connected += s.connectedMS()
			u.afk += s.afkMS()
		}
	}
	for key, u := range m.users {
		s := of[key]
		add(key.channel, u.username, u.first, u.last, u.lines, s.connected/1000, s.start, u.joins, s.connected, s.afk, maybe(u.rank))
	}
}

func (m *Model) sessionRows(add func(...any)) {
	for _, r := range m.rooms {
		for _, s := range r.all {
			var ended, endedBy, endedSeq, connected any
			if !s.open() {
				ended, endedBy, endedSeq, connected = s.endMS, s.endedBy, s.endedSeq, s.connectedMS()
			}
			add(s.channel, s.username, s.openedSeq, s.startMS, ended, s.openedBy, endedBy, endedSeq, s.afkFinishedMS, maybe(s.afkSince), s.afkMS(), connected,
				s.rank)
		}
	}
}

func (m *Model) actionRows(add func(...any)) {
	for _, a := range m.actions {
		add(a.channel, a.seq, a.username, a.action, seconds(a.timeMS), a.timeMS, a.details)
	}
}

func (m *Model) markRows(add func(...any)) {
	for channel, h := range m.marks {
		add(channel, h.chat, h.chatAt, h.connected, h.connectedAt)
	}
}

func (m *Model) countRows(add func(...any)) {
	for _, c := range m.counts {
		add(c.seq, c.channel, c.at, c.chat, c.connected)
	}
}

func (m *Model) statusRows(add func(...any)) {
	for channel, s := range m.statuses {
		row := []any{channel, s.updated}
		for _, name := range statusColumns {
			row = append(row, s.values[name])
		}
		add(row...)
	}
}

func (m *Model) playRows(add func(...any)) {
	for _, list := range m.plays {
		for _, p := range list {
			var ended, by any
			if p.endedBy != "" {
				ended, by = p.endMS, p.endedBy
			}
			add(p.seq, p.channel, p.startMS, ended, by, p.mediaType, p.mediaID, p.title, p.seconds, p.queuedBy, p.resumed, p.lastSeq)
		}
	}
}

func (m *Model) itemRows(add func(...any)) {
	for channel, l := range m.lists {
		for i, it := range l.items {
			playing := l.current != nil && *l.current == it.uid
			add(channel, it.uid, i+1, it.mediaType, it.mediaID, it.title, it.seconds, it.temp, it.queuedBy, playing)
		}
	}
}

func (m *Model) listRows(add func(...any)) {
	for channel, l := range m.lists {
		if l.current != nil || l.locked != nil {
			add(channel, maybe(l.current), maybe(l.locked))
		}
	}
}

func (m *Model) pollRows(add func(...any)) {
	for _, list := range m.polls {
		for _, p := range list {
			var closed, by any
			if p.closedBy != "" {
				closed, by = p.closedMS, p.closedBy
			}
			add(p.channel, p.openedMS, p.initiator, p.counts, closed, by, p.firstSeq, p.lastSeq, hidden(p.title), hidden(p.options))
		}
	}
}

func (m *Model) outcomeRows(add func(...any)) {
	zeroNull := func(n int64) any {
		if n == 0 {
			return nil
		}
		return n
	}
	for key, o := range m.outcomes {
		add(key.channel, key.id, o.status, zeroNull(o.queuedMS), zeroNull(o.sentMS), o.attempts, o.reason, o.seq, o.text, o.recipient)
	}
}

func (m *Model) coverageRows(add func(...any)) {
	for _, c := range m.coverage {
		var reason any
		if c.reason != "" {
			reason = c.reason
		}
		add(c.seq, c.channel, c.producer, c.server, c.botName, c.connectedMS, maybe(c.joinedMS), c.lastMS, maybe(c.disconnectedMS), reason)
	}
}

// unknown stands for a value that the events do not tell.
type unknown struct{}

// told is a header's id, where the line told of it.
func told(id *string) any {
	if id == nil {
		return unknown{}
	}
	return *id
}

// maybe is NULL for nil.
func maybe[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// show is the one way in which a value of either side is compared and told.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return strconv.Quote(string(v))
	case string:
		return strconv.Quote(v)
	}
	return "?"
}
