package model

import (
	"math"
	"strconv"
)

// room is who is, and was, in one channel.
type room struct {
	all []*session
	// open are those present, by name without case.
	open map[string]*session
	// suspended are those whose stay ended because nobody looked any more. The
	// next roster decides which of them stayed.
	suspended map[string]*session
}

// session is one stay of one user.
type session struct {
	channel, username string
	openedSeq         int64
	startMS           int64
	openedBy          string
	endMS             int64
	endedBy           string // "" while present
	endedSeq          int64
	afkFinishedMS     int64
	afkSince          *int64
	rank              float64
}

// bridgeMS is how long nobody may have looked for those who are still there to
// have stayed.
const bridgeMS = 60_000

// presence follows who comes and goes: user_sessions, user_actions and what
// user_stats says of presence.
func (m *Model) presence(e *event, w watch) {
	r := m.rooms[e.channelName]
	if r == nil {
		r = &room{open: map[string]*session{}, suspended: map[string]*session{}}
		m.rooms[e.channelName] = r
	}
	if w.suspended {
		m.suspend(r, e, w)
	}
	name := e.text("username")
	if e.kind == "message.private" {
		// Private messages come to the bot itself; who writes one is there.
		m.private(e)
		return
	}
	if !w.leading {
		return
	}
	switch e.kind {
	case "user.roster":
		m.roster(r, e, w)
	case "user.joined":
		if name == "" {
			return
		}
		// A join of somebody present is a second login: the stay goes on, as
		// whoever came is now.
		if s := r.open[lower(name)]; s == nil {
			m.enter(r, e, e.values, "join")
		} else {
			s.rank = e.number("rank")
			s.setAFK(e.truth("afk"), e.at)
		}
		u := m.see(e.channelName, name, e.at)
		u.joins++
		u.rank = ptr(e.number("rank"))
		m.act(e, name, "join", "")
	case "user.left":
		if name == "" {
			return
		}
		if s := r.open[lower(name)]; s != nil {
			m.leave(r, s, e.seq, e.at, "leave")
		}
		m.see(e.channelName, name, e.at)
		m.act(e, name, "leave", "")
	case "user.updated":
		m.updated(r, e)
	}
}

// suspend ends every stay at the last moment observed.
func (m *Model) suspend(r *room, e *event, w watch) {
	// If the observation had begun again without a roster, those who were there
	// before that are no longer expected back.
	r.suspended = map[string]*session{}
	for name, s := range r.open {
		m.leave(r, s, e.seq, w.lastMS, "unobserved")
		r.suspended[name] = s
	}
}

func (m *Model) enter(r *room, e *event, u values, by string) {
	name := u.text("username")
	s := &session{channel: e.channelName, username: name, openedSeq: e.seq, startMS: e.at, openedBy: by, rank: u.number("rank")}
	if u.truth("afk") {
		s.afkSince = ptr(e.at)
	}
	r.all = append(r.all, s)
	r.open[lower(name)] = s
	delete(r.suspended, lower(name))
}

func (m *Model) leave(r *room, s *session, seq, at int64, by string) {
	s.endMS, s.endedBy, s.endedSeq = max(at, s.startMS), by, seq
	delete(r.open, lower(s.username))
	m.see(s.channel, s.username, s.endMS)
}

// roster makes presence equal the list.
func (m *Model) roster(r *room, e *event, w watch) {
	listed := map[string]bool{}
	for _, u := range e.users() {
		listed[lower(u.text("username"))] = true
	}
	// Who left without a word is missing from it.
	for name, s := range r.open {
		if !listed[name] {
			m.leave(r, s, e.seq, e.at, "roster")
		}
	}
	for _, u := range e.users() {
		name := lower(u.text("username"))
		if name == "" {
			continue
		}
		s := r.open[name]
		if was := r.suspended[name]; s == nil && was != nil && w.resumed && e.at-was.endMS <= bridgeMS {
			// Nobody looked for a moment, and they are still there: they stayed.
			s = was
			s.endMS, s.endedBy, s.endedSeq = 0, "", 0
			r.open[name] = s
		}
		if s == nil {
			m.enter(r, e, u, "roster")
		} else { // here before, or listed twice: the last word counts
			s.rank = u.number("rank")
			s.setAFK(u.truth("afk"), e.at)
		}
		m.see(e.channelName, u.text("username"), e.at).rank = ptr(u.number("rank"))
	}
	if w.resumed {
		r.suspended = map[string]*session{}
	}
}

// updated follows what changes about somebody present; of somebody absent
// nothing is known that could change. It is no sighting: away, one is not seen.
func (m *Model) updated(r *room, e *event) {
	s := r.open[lower(e.text("username"))]
	if s == nil {
		return
	}
	if afk, told := e.values["afk"].(bool); told && s.setAFK(afk, e.at) {
		m.act(e, s.username, map[bool]string{true: "afk", false: "back"}[afk], "")
	}
	if rank, told := e.values["rank"].(float64); told && rank != s.rank {
		s.rank = rank
		m.users[userKey{e.channelName, lower(s.username)}].rank = &rank
		m.act(e, s.username, "rank", strconv.FormatFloat(rank, 'g', -1, 64))
	}
}

// setAFK reports whether anything changed. Times clamp at zero.
func (s *session) setAFK(afk bool, at int64) bool {
	switch {
	case afk == (s.afkSince != nil):
		return false
	case afk:
		s.afkSince = &at
	default:
		s.afkFinishedMS += max(0, at-*s.afkSince)
		s.afkSince = nil
	}
	return true
}

func (s *session) open() bool { return s.endedBy == "" }

func (s *session) connectedMS() int64 { return max(0, s.endMS-s.startMS) }

// afkMS is the AFK time so far; of a finished stay never more than the stay.
func (s *session) afkMS() int64 {
	limit, ms := int64(math.MaxInt64), s.afkFinishedMS
	if !s.open() {
		limit = s.connectedMS()
		if s.afkSince != nil {
			ms += max(0, s.endMS-*s.afkSince)
		}
	}
	return min(limit, ms)
}

func ptr[T any](v T) *T { return &v }
