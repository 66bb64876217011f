package bot

import (
	"time"

	"rosey/events"
)

// countEvery is how often the number of users is told: often enough that a crash
// hides little.
const countEvery = 300 * time.Second

func (s *session) chatUsers() int64 { return int64(len(s.users)) }

// connectedUsers is the server's count. Until it has come, those who are logged
// in are the least there can be.
func (s *session) connectedUsers() int64 {
	if s.sockets == nil {
		return s.chatUsers()
	}
	return *s.sockets
}

// counts appends what follows from a frame that changed who is there.
func (t *Translator) counts(out []*events.Event, f *frame) []*events.Event {
	switch f.event {
	case "userlist", "addUser", "userLeave":
	case "usercount":
		if t.session.joined && !t.session.counted && t.session.sockets != nil {
			out = append(out, t.userCount(f.at))
		}
	default:
		return out
	}
	return t.highWater(out, f.at)
}

// userCount is the regular count, and puts off the next one.
func (t *Translator) userCount(now time.Time) *events.Event {
	s := &t.session
	s.counted, s.countDue = true, now.Add(countEvery)
	return t.event(events.KindUserCount, &events.Counts{Chat: s.chatUsers(), Connected: s.connectedUsers()}, now)
}

// highWater appends the highest counts of this run when either rose. They need
// not have stood at the same time: the server tells of sockets late.
func (t *Translator) highWater(out []*events.Event, now time.Time) []*events.Event {
	s, rose := &t.session, false
	if chat := s.chatUsers(); chat > t.high.Chat {
		t.high.Chat, rose = chat, true
	}
	if s.sockets != nil && *s.sockets > t.high.Connected {
		t.high.Connected, rose = *s.sockets, true
	}
	if !rose {
		return out
	}
	high := t.high
	return append(out, t.event(events.KindHighWater, &high, now))
}

// countDueAt reports whether the regular count is due. A clock that was set back
// must not silence it.
func (s *session) countDueAt(now time.Time) bool {
	if !s.joined {
		return false
	}
	if s.countDue.Sub(now) > countEvery {
		s.countDue = now.Add(countEvery)
	}
	return !now.Before(s.countDue)
}
