package doctor

import (
	"context"
	"fmt"
	"strings"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// toldTables have rows of which an event alone says what is in them, or some of it, if
// they are there. Whether they are, or what else is in them, may depend on others.
var toldTables = []string{"user_actions", "outbound_messages"}

const (
	// toldChannels bounds the channels that rows are looked at of.
	toldChannels = 8
	toldRows     = 40 // anywhere, of each table and channel
)

// channelsOf lists the channels that a table has rows of, without reading them.
func (s *sample) channelsOf(ctx context.Context, table string) (list []string, err error) {
	rows, err := schema.Rows(ctx, s.tables.tx, `WITH RECURSIVE c (name) AS (SELECT min(channel) FROM `+table+`
		UNION ALL SELECT (SELECT min(channel) FROM `+table+` WHERE channel > name) FROM c WHERE name IS NOT NULL)
		SELECT hex(name) AS name FROM c WHERE name IS NOT NULL LIMIT ?`, toldChannels)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		var name []byte
		if _, err := fmt.Sscanf(strings.Trim(r.Value("name"), `"`), "%x", &name); err == nil {
			list = append(list, string(name))
		}
	}
	return list, nil
}

// chooseTold picks sequences of rows of these tables, and of connections.
func (s *sample) chooseTold(ctx context.Context) error {
	if err := s.pick(ctx, "SELECT seq FROM bot_sessions ORDER BY seq DESC LIMIT ?", sampleNewest); err != nil {
		return err
	}
	s.channels = map[string][]string{}
	for _, table := range toldTables {
		list, err := s.channelsOf(ctx, table)
		if err != nil {
			return fmt.Errorf("doctor: sample %s: %w", table, err)
		}
		s.channels[table] = list
		for _, channel := range list {
			if err := s.pick(ctx, "SELECT seq FROM "+table+" WHERE channel = ?1 ORDER BY seq DESC LIMIT ?2", channel, sampleNewest); err != nil {
				return err
			}
			for range toldRows {
				from := int64(1 + s.rand.Uint64N(s.tables.checkpoint.Seq))
				if err := s.pick(ctx, "SELECT seq FROM "+table+" WHERE channel = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1", channel, from); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compareTold looks at the rows of a message of which it says what is in them.
func (s *sample) compareTold(ctx context.Context, m *streams.Message) error {
	it := projector.Decode(events.NewDecoder(), *m)
	if it.Event != nil {
		it.Event.Default(m.Time.UnixMilli(), s.tables.checkpoint.DefaultChannel)
	}
	for _, f := range []func(context.Context, uint64, *events.Event) error{s.compareCount, s.compareActions, s.compareConnection, s.compareOutcome} {
		if err := f(ctx, m.Seq, it.Event); err != nil {
			return err
		}
	}
	return nil
}

// compareCount looks at a number of users: there is none where the recorder did not lead.
func (s *sample) compareCount(ctx context.Context, seq uint64, e *events.Event) error {
	got, err := schema.RowAt(ctx, s.tables.tx, "user_count_history", seq)
	if err != nil || got == nil {
		return err
	}
	var counts *events.Counts
	if e != nil && e.Kind == events.KindUserCount {
		counts, _ = e.Payload.(*events.Counts)
	}
	if counts == nil {
		s.rows++
		s.find("user_count_history seq=%d should not be there", seq)
		return nil
	}
	for column, want := range map[string]int64{"chat_users": counts.Chat, "connected_users": counts.Connected, "timestamp": inSeconds(e.TimeMS)} {
		if got.Value(column) != fmt.Sprint(want) {
			s.find("user_count_history seq=%d (%s)", seq, column)
		}
	}
	return nil
}

// inSeconds is a time as the tables have it that know seconds alone.
func inSeconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

// compareActions looks at what users did: an event says what it can have been.
func (s *sample) compareActions(ctx context.Context, seq uint64, e *events.Event) error {
	channels := s.channels["user_actions"]
	if e != nil && !contains(channels, e.Channel) {
		channels = append(channels[:len(channels):len(channels)], e.Channel)
	}
	name, possible := actionsOf(e)
	seen := false
	for _, channel := range channels {
		rows, err := schema.Rows(ctx, s.tables.tx, "SELECT action, details, time_ms, timestamp, lower(username) = lower(?3) AS same FROM user_actions WHERE channel = ?1 AND seq = ?2", channel, int64(seq), name)
		if err != nil {
			return err
		}
		for _, r := range rows {
			s.rows++
			details, ok := possible[strings.Trim(r.Value("action"), `"`)]
			if !ok || channel != e.Channel || r.Value("same") != "1" {
				s.find("user_actions seq=%d should not be there", seq)
				continue
			}
			seen = true
			switch {
			case r.Value("details") != `"`+details+`"`:
				s.find("user_actions seq=%d (details)", seq)
			case r.Value("time_ms") != fmt.Sprint(e.Observed()), r.Value("timestamp") != fmt.Sprint(inSeconds(e.Observed())):
				s.find("user_actions seq=%d (timestamp, time_ms)", seq)
			}
		}
	}
	if _, ok := possible["pm"]; ok && !seen {
		// Whoever leads: it is there, unless it was told before.
		return s.unlessCopied(ctx, e, "user_actions seq=%d is missing", seq)
	}
	return nil
}

// unlessCopied finds something but where the event's producer sent some event twice.
func (s *sample) unlessCopied(ctx context.Context, e *events.Event, format string, seq uint64) error {
	producer, _, ok := events.ParseID(e.ID)
	if ok {
		var copies bool
		err := s.tables.tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM producer_positions WHERE producer = ? AND duplicates > 0", producer).Scan(&copies)
		if err != nil || copies {
			return err
		}
	}
	s.rows++
	s.find(format, seq)
	return nil
}

// actionsOf is who an event is about, and what of it can be in user_actions: each action
// with its details.
func actionsOf(e *events.Event) (name string, possible map[string]string) {
	if e == nil {
		return "", nil
	}
	switch p := e.Payload.(type) {
	case *events.MessagePrivate:
		if p.Username != "" {
			return p.Username, map[string]string{"pm": ""}
		}
	case *events.UserJoined:
		return p.Username, map[string]string{"join": ""}
	case *events.UserLeft:
		return p.Username, map[string]string{"leave": ""}
	case *events.UserUpdated:
		possible = map[string]string{}
		if p.AFK != nil && *p.AFK {
			possible["afk"] = ""
		}
		if p.AFK != nil && !*p.AFK {
			possible["back"] = ""
		}
		if p.Rank != nil {
			possible["rank"] = fmt.Sprint(*p.Rank)
		}
		return p.Username, possible
	}
	return "", nil
}

// compareConnection looks at what the beginning of a connection says of it.
func (s *sample) compareConnection(ctx context.Context, seq uint64, e *events.Event) error {
	got, err := schema.RowAt(ctx, s.tables.tx, "bot_sessions", seq)
	if err != nil {
		return err
	}
	var p *events.BotConnected
	if e != nil {
		p, _ = e.Payload.(*events.BotConnected)
	}
	switch {
	case p == nil && got == nil:
		return nil
	case p == nil:
		s.rows++
		s.find("bot_sessions seq=%d should not be there", seq)
		return nil
	case got == nil:
		return s.unlessCopied(ctx, e, "bot_sessions seq=%d is missing", seq)
	}
	s.rows++
	want, err := schema.RowAt(ctx, s.alone, "bot_sessions", seq)
	if err != nil || want == nil {
		return err
	}
	for _, column := range []string{"channel", "producer", "server", "connected_ms"} {
		if want.Value(column) != got.Value(column) {
			s.find("bot_sessions seq=%d (%s)", seq, column)
		}
	}
	return nil
}

// compareOutcome looks at what became of a message to the channel.
func (s *sample) compareOutcome(ctx context.Context, seq uint64, e *events.Event) error {
	var p *events.OutboundMark
	if e != nil {
		p, _ = e.Payload.(*events.OutboundMark)
	}
	channels := s.channels["outbound_messages"]
	for _, channel := range channels {
		rows, err := schema.Rows(ctx, s.tables.tx, "SELECT message_id FROM outbound_messages WHERE channel = ? AND seq = ?", channel, int64(seq))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if p == nil || channel != e.Channel || r.Value("message_id") != fmt.Sprint(p.MessageID) {
				s.rows++
				s.find("outbound_messages seq=%d should not be there", seq)
			}
		}
	}
	if p == nil || p.MessageID <= 0 {
		return nil
	}
	got, err := schema.Rows(ctx, s.tables.tx, "SELECT * FROM outbound_messages WHERE channel = ? AND message_id = ?", e.Channel, p.MessageID)
	if err != nil {
		return err
	}
	status := "sent"
	if e.Kind == events.KindMarkFailed {
		status = p.Outcome()
	}
	want, err := schema.Rows(ctx, s.alone, "SELECT ? AS message_id, ? AS seq, ? AS status, ? AS attempts, ? AS reason, ? AS message, ? AS recipient, ? AS queued_ms, ? AS sent_ms",
		p.MessageID, int64(seq), status, p.Attempts, p.Reason, p.Message, p.Recipient, p.QueuedMS, p.SentMS)
	if err != nil {
		return err
	}
	s.outcome(&want[0], got)
	if len(got) == 0 || got[0].Value("seq") != want[0].Value("seq") {
		return nil
	}
	// What an outcome does not tell is kept from those before it.
	for _, column := range []string{"message", "recipient", "queued_ms", "sent_ms"} {
		if v := want[0].Value(column); v != `""` && v != "0" && v != got[0].Value(column) {
			s.find("outbound_messages message_id=%d (%s)", p.MessageID, column)
		}
	}
	return nil
}
