package projector

import "rosey/events"

// session is one stay of one user in a channel.
type session struct {
	channel   string
	username  string // as displayed
	openedSeq uint64
	startMS   int64
	openedBy  string
	rank      float64
	afkMS     int64  // finished AFK time
	afkSince  *int64 // nil when not AFK

	endMS    *int64
	endedBy  string
	endedSeq uint64
	dirty    bool
}

// How sessions begin and end.
const (
	byJoin       = "join"
	byRoster     = "roster"
	byLeave      = "leave"
	byUnobserved = "unobserved"
)

// connected is how long the session lasted. Clocks step back; a stay does not.
func (s *session) connected() int64 {
	if s.endMS == nil {
		return 0
	}
	return max(0, *s.endMS-s.startMS)
}

// afkTotal is the AFK time of a finished session.
func (s *session) afkTotal() int64 {
	total := s.afkMS
	if s.afkSince != nil && s.endMS != nil {
		total += max(0, *s.endMS-*s.afkSince)
	}
	return min(total, s.connected())
}

func (s *session) setAFK(afk bool, at int64) (changed bool) {
	if afk == (s.afkSince != nil) {
		return false
	}
	if afk {
		s.afkSince = &at
	} else {
		s.afkMS += max(0, at-*s.afkSince)
		s.afkSince = nil
	}
	s.dirty = true
	return true
}

// presence is who is in one channel.
type presence struct {
	open map[string]*session // by name without case
	// suspended are the sessions that ended because the channel was no longer
	// observed. The next roster decides which of them went on.
	suspended map[string]*session
}

// change is what an event did to a session; users.go counts it.
type change struct {
	s      *session
	opened bool // began, or goes on after all
	closed bool
	// undone is set with opened when an end is taken back.
	undoneConnected, undoneAFK int64
}

func newPresence() *presence {
	return &presence{open: map[string]*session{}, suspended: map[string]*session{}}
}

// suspend ends every session at the last moment observed.
func (p *presence) suspend(seq uint64, at int64) []change {
	clear(p.suspended)
	var list []change
	for _, name := range sortedKeys(p.open) {
		s := p.open[name]
		list = append(list, s.close(seq, at, byUnobserved))
		p.suspended[name] = s
	}
	clear(p.open)
	return list
}

func (s *session) close(seq uint64, at int64, by string) change {
	end := max(at, s.startMS)
	s.endMS, s.endedBy, s.endedSeq, s.dirty = &end, by, seq, true
	return change{s: s, closed: true}
}

// enter makes a user present. It returns nil for one who already is.
func (p *presence) enter(channel string, u events.User, seq uint64, at int64, by string) *change {
	name := foldName(u.Username)
	if p.open[name] != nil {
		return nil
	}
	s := &session{channel: channel, username: u.Username, openedSeq: seq, startMS: at, openedBy: by, rank: u.Rank, dirty: true}
	if u.AFK {
		s.afkSince = &at
	}
	p.open[name] = s
	// Who comes in during a gap had left: the stay before it does not go on.
	delete(p.suspended, name)
	return &change{s: s, opened: true}
}

func (p *presence) leave(name string, seq uint64, at int64) *change {
	name = foldName(name)
	s := p.open[name]
	if s == nil {
		return nil
	}
	delete(p.open, name)
	c := s.close(seq, at, byLeave)
	return &c
}

// roster makes presence equal the list. After a short gap those still there have
// stayed; nobody else's unobserved time counts.
func (p *presence) roster(f *fact, users []events.User) []change {
	var list []change
	there := make(map[string]bool, len(users))
	for _, u := range users {
		name := foldName(u.Username)
		if u.Username == "" || there[name] {
			continue
		}
		there[name] = true
		if s := p.suspended[name]; s != nil && p.open[name] == nil && f.watch.resumed && f.watch.gapMS <= bridgeMS {
			list = append(list, s.reopen())
			p.open[name] = s
		}
		if c := p.enter(f.Channel, u, f.seq, f.at, byRoster); c != nil {
			list = append(list, *c)
		}
	}
	clear(p.suspended)
	for _, name := range sortedKeys(p.open) {
		if s := p.open[name]; !there[name] {
			delete(p.open, name)
			list = append(list, s.close(f.seq, f.at, byRoster))
		}
	}
	return list
}

// reopen takes an end back.
func (s *session) reopen() change {
	c := change{s: s, opened: true, undoneConnected: s.connected(), undoneAFK: s.afkTotal()}
	s.endMS, s.endedBy, s.endedSeq, s.dirty = nil, "", 0, true
	return c
}
