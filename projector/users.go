package projector

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"rosey/events"
	"rosey/schema"
)

// users projects user_stats, user_sessions and user_actions.
type users struct {
	channels map[string]*presence
	touched  []*session
	stats    userDeltas
	actions  bulk
}

type userKey struct{ channel, name string }

// userDelta is what a batch adds to one row of user_stats.
type userDelta struct {
	username    string
	first, last int64 // Unix seconds
	lines       int64
	joins       int64
	connectedMS int64
	afkMS       int64
	rank        *float64
	start       *int64 // current session
	startSet    bool
}

const (
	sessionColumns = "username, started_ms, ended_ms, opened_by, ended_by, ended_seq, afk_finished_ms, afk_since_ms, rank"
	actionsHead    = "INSERT INTO user_actions (channel, seq, username, timestamp, time_ms, action, details) VALUES"
)

func newUsers() projection {
	return &users{
		channels: map[string]*presence{}, stats: newUserDeltas(),
		actions: bulk{head: actionsHead, cols: 7},
	}
}

func (u *users) channel(name string) *presence {
	p := u.channels[name]
	if p == nil {
		p = newPresence()
		u.channels[name] = p
	}
	return p
}

func (u *users) load(ctx context.Context, q schema.Queryer) error {
	return each(ctx, q, func(r *sql.Rows) error {
		var s session
		var end, afkSince sql.NullInt64
		var by sql.NullString
		var endedSeq sql.NullInt64
		if err := r.Scan(&s.channel, &s.username, &s.openedSeq, &s.startMS, &end, &s.openedBy, &by, &endedSeq, &s.afkMS, &afkSince, &s.rank); err != nil {
			return err
		}
		if afkSince.Valid {
			s.afkSince = &afkSince.Int64
		}
		p, name := u.channel(s.channel), foldName(s.username)
		if !end.Valid {
			p.open[name] = &s
			return nil
		}
		s.endMS, s.endedBy, s.endedSeq = &end.Int64, by.String, uint64(endedSeq.Int64)
		p.suspended[name] = &s
		return nil
	}, `SELECT s.channel, username, opened_seq, started_ms, ended_ms, opened_by, ended_by, ended_seq, afk_finished_ms, afk_since_ms, rank
		FROM user_sessions s JOIN channel_observation o ON o.channel = s.channel
		WHERE s.ended_seq IS NULL OR (o.suspended_seq > 0 AND s.ended_seq = o.suspended_seq AND s.ended_by = '`+byUnobserved+`'
			AND NOT EXISTS (SELECT 1 FROM user_sessions l WHERE l.channel = s.channel AND l.username = s.username AND l.opened_seq > s.ended_seq))`)
}

func (u *users) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (u *users) fold(f *fact) error {
	p := u.channel(f.Channel)
	if f.watch.suspended {
		u.count(p.suspend(f.seq, f.watch.lastMS))
	}
	switch e := f.Payload.(type) {
	case *events.MessageLog:
		if e.Notice == "" && e.Username != "" && f.fresh {
			u.seen(f.Channel, e.Username, f.TimeMS).lines++
		}
		return nil
	case *events.MessagePrivate:
		if e.Username != "" {
			u.seen(f.Channel, e.Username, f.TimeMS)
			u.act(f, e.Username, "pm", "")
		}
		return nil
	}
	if !f.leading {
		return nil
	}
	switch e := f.Payload.(type) {
	case *events.UserJoined:
		u.joined(f, p, e.User)
	case *events.UserLeft:
		u.left(f, p, e.Username)
	case *events.UserRoster:
		u.roster(f, p, e.Users)
	case *events.UserUpdated:
		u.updated(f, p, e)
	}
	return nil
}

func (u *users) joined(f *fact, p *presence, user events.User) {
	if user.Username == "" {
		return
	}
	if c := p.enter(f.Channel, user, f.seq, f.at, byJoin); c != nil {
		u.count([]change{*c})
	} else {
		// Somebody whose leave was missed, or who came a second time: the stay goes
		// on, as whoever came is now.
		s := p.open[foldName(user.Username)]
		s.setAFK(user.AFK, f.at)
		if s.rank != user.Rank {
			s.rank, s.dirty = user.Rank, true
		}
		u.touch(s)
	}
	d := u.seen(f.Channel, user.Username, f.at)
	d.joins++
	d.rank = &user.Rank
	u.act(f, user.Username, "join", "")
}

func (u *users) left(f *fact, p *presence, name string) {
	if name == "" {
		return
	}
	c := p.leave(name, f.seq, f.at)
	if c != nil {
		u.count([]change{*c})
	}
	u.seen(f.Channel, name, f.at)
	u.act(f, name, "leave", "")
}

func (u *users) roster(f *fact, p *presence, list []events.User) {
	u.count(p.roster(f, list))
	for i := range list {
		user := &list[i]
		s := p.open[foldName(user.Username)]
		if s == nil {
			continue
		}
		d := u.seen(f.Channel, user.Username, f.at)
		d.rank = &user.Rank
		if s.rank != user.Rank {
			s.rank, s.dirty = user.Rank, true
		}
		s.setAFK(user.AFK, f.at)
		u.touch(s)
	}
}

func (u *users) updated(f *fact, p *presence, e *events.UserUpdated) {
	s := p.open[foldName(e.Username)]
	if s == nil {
		// An absent user's rank can change too; it shows when they come.
		return
	}
	if e.AFK != nil && s.setAFK(*e.AFK, f.at) {
		action := "back"
		if *e.AFK {
			action = "afk"
		}
		u.act(f, s.username, action, "")
	}
	if e.Rank != nil && s.rank != *e.Rank {
		s.rank, s.dirty = *e.Rank, true
		u.delta(f.Channel, s.username).rank = e.Rank
		u.act(f, s.username, "rank", fmt.Sprint(*e.Rank))
	}
	u.touch(s)
}

// count adds what changed about sessions to the users' rows.
func (u *users) count(list []change) {
	for _, c := range list {
		s := c.s
		d := u.delta(s.channel, s.username)
		d.startSet = true
		switch {
		case c.closed:
			d.connectedMS += s.connected()
			d.afkMS += s.afkTotal()
			d.start = nil
			d.see(seconds(*s.endMS))
		case c.opened:
			d.connectedMS -= c.undoneConnected
			d.afkMS -= c.undoneAFK
			start := seconds(s.startMS)
			d.start = &start
			d.see(start)
		}
		u.touch(s)
	}
}

func (u *users) touch(s *session) { u.touched = append(u.touched, s) }

func (u *users) delta(channel, username string) *userDelta {
	k := userKey{channel, foldName(username)}
	d := u.stats.of[k]
	if d == nil {
		d = &userDelta{first: math.MaxInt64, last: math.MinInt64}
		u.stats.of[k] = d
		u.stats.order = append(u.stats.order, k)
	}
	d.username = username
	return d
}

func (u *users) seen(channel, username string, ms int64) *userDelta {
	d := u.delta(channel, username)
	d.see(seconds(ms))
	return d
}

func (d *userDelta) see(sec int64) {
	d.first = min(d.first, sec)
	d.last = max(d.last, sec)
}

func (u *users) act(f *fact, username, action, details string) {
	u.actions.add(f.Channel, int64(f.seq), username, seconds(f.at), f.at, action, details)
}

func (u *users) flush(ctx context.Context, w *writer) error {
	stats, sessions := u.stats, u.changed()
	u.stats = newUserDeltas()
	if w.held != nil {
		w.held.totals.batch = stats
		w.held.sessions.take(sessions)
		if err := w.held.flush(ctx, w); err != nil {
			return err
		}
		return u.actions.flush(ctx, w)
	}
	if err := stats.write(ctx, w); err != nil {
		return err
	}
	if err := writeSessions(ctx, w, sessions); err != nil {
		return err
	}
	return u.actions.flush(ctx, w)
}

// write adds the deltas to the rows. Whether the current session changed decides
// between two statements: NULL means "not present", so it cannot also mean "as
// before".
func (l *userDeltas) write(ctx context.Context, w *writer) error {
	const head = `INSERT INTO user_stats (channel, username, first_seen, last_seen, total_chat_lines, current_session_start, joins,
		connected_ms, afk_ms, rank) VALUES`
	const add = `ON CONFLICT (channel, username) DO UPDATE SET username = excluded.username,
		first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),
		total_chat_lines = total_chat_lines + excluded.total_chat_lines, joins = joins + excluded.joins,
		connected_ms = connected_ms + excluded.connected_ms, afk_ms = afk_ms + excluded.afk_ms,
		rank = coalesce(excluded.rank, rank)`
	same := &bulk{head: head, tail: add, cols: 10}
	moved := &bulk{head: head, tail: add + ", current_session_start = excluded.current_session_start", cols: 10}
	for _, k := range l.order {
		d := l.of[k]
		b := same
		if d.startSet {
			b = moved
		}
		b.add(k.channel, d.username, d.first, d.last, d.lines, optional(d.start), d.joins, d.connectedMS, d.afkMS, optional(d.rank))
	}
	if err := same.flush(ctx, w); err != nil {
		return err
	}
	return moved.flush(ctx, w)
}

// changed returns the sessions that the batch changed, each once.
func (u *users) changed() []*session {
	list := u.touched[:0]
	for _, s := range u.touched {
		if s.dirty {
			s.dirty = false
			list = append(list, s)
		}
	}
	u.touched = u.touched[:0]
	return list
}

func writeSessions(ctx context.Context, w *writer, list []*session) error {
	b := &bulk{
		head: "INSERT INTO user_sessions (channel, opened_seq, " + sessionColumns + ") VALUES", cols: 11,
		tail: upsert("channel, username, opened_seq", sessionColumns),
	}
	for _, s := range list {
		var endedBy, endedSeq any
		if s.endMS != nil {
			endedBy, endedSeq = s.endedBy, int64(s.endedSeq)
		}
		b.add(s.channel, int64(s.openedSeq), s.username, s.startMS, optional(s.endMS), s.openedBy, endedBy, endedSeq, s.afkMS, optional(s.afkSince), s.rank)
	}
	return b.flush(ctx, w)
}
