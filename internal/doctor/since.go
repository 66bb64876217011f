package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// What played, who was there, which polls there were and the playlist follow from many
// events each. All of it is told anew when a bot joins a channel: so what the recorder
// of a channel has told since it joined last is applied by itself, and has to come to
// the rows that there are since.
const (
	// sinceEvents bounds the events that are read of each channel, of any kind, and
	// sinceBytes what they take. Where there is more since the join it is looked at what
	// was over by then.
	sinceEvents = 5_000
	sinceBytes  = 32 << 20
	// sinceChannels bounds the channels, sinceListed the events about a playlist.
	sinceChannels = 4
	sinceListed   = 5_000
)

// since is what happened in a channel since its recorder joined last.
type since struct {
	*sample
	channel, leader string
	from, to        uint64
	whole           bool // to is the checkpoint

	messages []streams.Message
	db       *schema.DB // what they come to

	roster     uint64 // the first roster
	early      bool   // somebody came or left before it
	replaced   bool   // the playlist was told as a whole
	changed    bool   // a change of it was told before that
	current    bool   // which item plays was told
	locked     bool   // whether the playlist is locked was told
	otherPolls bool   // another recorder told of polls
}

// lookSinceTheJoin looks at the channels that one recorder has led since it joined.
func (s *sample) lookSinceTheJoin(ctx context.Context, first uint64) error {
	rows, err := s.tables.tx.QueryContext(ctx, `SELECT o.channel, o.leader, o.connected_seq FROM channel_observation o
		JOIN bot_sessions b ON b.seq = o.connected_seq AND b.producer = o.leader AND b.channel = o.channel
		WHERE o.connected_seq >= ? ORDER BY o.last_observed_ms DESC, o.channel LIMIT ?`, int64(first), sinceChannels)
	if err != nil {
		return fmt.Errorf("doctor: sample channels: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []*since
	for rows.Next() {
		c := &since{sample: s}
		if err := rows.Scan(&c.channel, &c.leader, &c.from); err != nil {
			return fmt.Errorf("doctor: sample channels: %w", err)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("doctor: sample channels: %w", err)
	}
	for _, c := range list {
		if err := c.look(ctx); err != nil {
			return fmt.Errorf("doctor: sample what happened since the last join: %w", err)
		}
	}
	return nil
}

func (c *since) look(ctx context.Context) error {
	checkpoint := c.tables.checkpoint.Seq
	c.to = min(checkpoint, c.from+sinceEvents-1)
	c.whole = c.to == checkpoint
	if err := c.compareWith(ctx, nil, c.lookAtMedia, c.lookAtPolls, c.lookAtSessions, c.lookAtPlaylist,
		c.lookAtCounts, c.lookAtActions, c.lookAtConnections, c.lookAtOutcomes, c.lookAtStatus, c.lookAtObservation, c.lookAtSeen); err != nil || c.whole {
		return err
	}
	// The playlist is what all events have made of it. They are few among the others.
	list := &since{sample: c.sample, channel: c.channel, leader: c.leader, from: c.from, to: checkpoint, whole: true}
	var subjects []string
	for _, k := range []events.Kind{
		events.KindPlaylistReplaced, events.KindPlaylistAdded, events.KindPlaylistRemoved, events.KindPlaylistMoved, events.KindPlaylistTemp,
		events.KindPlaylistCurrent, events.KindPlaylistLocked, events.KindMediaEnded, events.KindBotRecording, events.KindBotPart,
	} {
		subject := events.Subject(k)
		subjects = append(subjects, subject, subject+".*")
	}
	return list.compareWith(ctx, subjects, list.lookAtPlaylist)
}

// compareWith applies what the leader told, and calls the comparisons where that is
// all there was.
func (c *since) compareWith(ctx context.Context, subjects []string, compare ...func(context.Context) error) (err error) {
	messages, certain, err := c.read(ctx, subjects)
	if err != nil || !certain {
		return err
	}
	c.messages = messages
	c.since += len(messages)
	if c.db, err = projector.Led(ctx, c.stream.Identity(), c.channel, c.leader, messages); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.db.Close()) }()
	for _, f := range compare {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

// read reads the messages of the leader, up to a sequence before c.to where they take
// too much. What is certain of them: nothing was erased,
// nobody else began to lead, and none of them was there before.
func (c *since) read(ctx context.Context, subjects []string) (list []streams.Message, certain bool, err error) {
	runs, _, err := c.stream.Erased(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, run := range runs {
		if run[0] <= c.to && run[1] >= c.from {
			return nil, false, nil
		}
	}
	r, err := c.stream.Reader(ctx, streams.ReadOptions{From: c.from, UpTo: c.to, Subjects: subjects, InFlight: sinceEvents})
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	dec := events.NewDecoder()
	begin, least, bytes := time.Now(), uint64(0), 0
	for read := 0; ; read++ {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return list, len(list) > 0, nil
		}
		if err != nil {
			return nil, false, err
		}
		if subjects != nil && read == sinceListed || read >= sampleLeast && time.Since(begin) > c.limit {
			return nil, false, nil
		}
		if bytes += len(m.Data); bytes > sinceBytes {
			if subjects != nil {
				return nil, false, nil
			}
			c.to, c.whole = m.Seq-1, false
			return list, len(list) > 0, nil
		}
		it := projector.Decode(dec, m)
		if it.Event == nil {
			continue // it has no row but that of a dead letter
		}
		it.Event.Default(m.Time.UnixMilli(), c.tables.checkpoint.DefaultChannel)
		if it.Event.Channel != c.channel {
			continue
		}
		producer, number, _ := events.ParseID(it.Event.ID)
		if producer != c.leader {
			if c.others(it.Event) {
				return nil, false, nil
			}
			if it.Event.Kind != events.KindBotStarted {
				continue
			}
		} else {
			if least == 0 {
				least = number
			}
			if number < least {
				return nil, false, nil // it was appended a second time
			}
			c.note(it.Event, m.Seq)
		}
		list = append(list, m)
	}
}

// others takes note of what somebody else told, and reports whether that one may lead.
func (c *since) others(e *events.Event) (claimed bool) {
	kind := e.Kind
	if p, ok := e.Payload.(*events.BotPart); ok {
		kind = p.Whole
	}
	switch kind {
	case events.KindBotRecording:
		return true
	case events.KindPollOpened, events.KindPollUpdated, events.KindPollClosed:
		c.otherPolls = true
	}
	return false
}

// note takes note of what the leader has told.
func (c *since) note(e *events.Event, seq uint64) {
	kind := e.Kind
	if p, ok := e.Payload.(*events.BotPart); ok {
		kind = p.Whole
	}
	switch kind {
	case events.KindUserRoster:
		if c.roster == 0 {
			c.roster = seq
		}
	case events.KindUserJoined, events.KindUserLeft:
		c.early = c.early || c.roster == 0
	case events.KindPlaylistReplaced:
		c.replaced = true
	case events.KindPlaylistAdded, events.KindPlaylistRemoved, events.KindPlaylistMoved, events.KindPlaylistTemp:
		c.changed = c.changed || !c.replaced
	case events.KindPlaylistCurrent, events.KindMediaEnded:
		c.current = true
	case events.KindPlaylistLocked:
		c.locked = true
	}
}

// both reads the rows of a query from what the events come to and from the tables.
func (c *since) both(ctx context.Context, query string, args ...any) (want, got []schema.Row, err error) {
	if want, err = schema.Rows(ctx, c.db, query, args...); err == nil {
		got, err = schema.Rows(ctx, c.tables.tx, query, args...)
	}
	return want, got, err
}

// pair matches rows by their keys, in the order of the first list, then what the
// second has more.
func pair(want, got []schema.Row, key ...string) [][2]*schema.Row {
	of := func(r *schema.Row) string {
		var parts []string
		for _, k := range key {
			parts = append(parts, r.Value(k))
		}
		return strings.ToLower(strings.Join(parts, "\x00"))
	}
	there := map[string]*schema.Row{}
	for i := range got {
		there[of(&got[i])] = &got[i]
	}
	var list [][2]*schema.Row
	for i := range want {
		k := of(&want[i])
		list = append(list, [2]*schema.Row{&want[i], there[k]})
		delete(there, k)
	}
	for i := range got {
		if there[of(&got[i])] != nil {
			list = append(list, [2]*schema.Row{nil, &got[i]})
		}
	}
	return list
}

// judge compares two rows that are to be the same, but for some columns.
func (c *since) judge(what string, want, got *schema.Row, but ...string) {
	c.rows++
	switch {
	case got == nil:
		c.find("%s is missing", what)
	case want == nil:
		c.find("%s should not be there", what)
	default:
		var columns []string
		for _, column := range want.Differing(got) {
			if !contains(but, column) {
				columns = append(columns, column)
			}
		}
		if len(columns) > 0 {
			c.find("%s (%s)", what, strings.Join(columns, ", "))
		}
	}
}
