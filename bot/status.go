package bot

import (
	"time"

	"rosey/events"
)

// statusEvery is the least time between two reports of the status.
const statusEvery = 10 * time.Second

// status is what status.update tells, in a form that compares. Nothing in it
// changes by the mere passing of time.
type status struct {
	joined  bool
	why     string
	botName string
	rank    float64
	ranked  bool
	afk     bool
	chat    int64
	sockets int64
	counted bool
	items   int64
	listed  bool
	title   string
	length  string
}

func (t *Translator) statusNow() status {
	s := &t.session
	if !s.joined {
		return status{why: t.why}
	}
	now := status{joined: true, botName: s.name, afk: s.users[fold(s.name)].AFK, chat: s.chatUsers()}
	if s.rank != nil {
		now.rank, now.ranked = *s.rank, true
	}
	if s.sockets != nil {
		now.sockets, now.counted = *s.sockets, true
	}
	if s.itemCount != nil {
		now.items, now.listed = *s.itemCount, true
	}
	if s.playing != nil {
		now.title, now.length = s.playing.title, s.playing.duration
	}
	return now
}

// statusChanged appends status.update if there is something to tell. While a
// connection comes about there is not: what is known is half the truth.
func (t *Translator) statusChanged(out []*events.Event, at time.Time) []*events.Event {
	now := t.statusNow()
	if now == t.status || t.session.connected && !now.joined {
		return out
	}
	t.status, t.lastStatus = now, at
	return append(out, t.event(events.KindStatusUpdate, now.payload(t), at))
}

func (s status) payload(t *Translator) *events.StatusUpdate {
	channel := t.cfg.Channel
	p := &events.StatusUpdate{ChannelName: &channel, BotConnected: &s.joined, BotDisconnectWhy: &s.why}
	if !t.started.IsZero() {
		since := t.started.Unix()
		p.BotStartTime = &since
	}
	if !s.joined {
		return p
	}
	p.BotName, p.BotAFK, p.ChatUsers = &s.botName, &s.afk, &s.chat
	p.MediaTitle, p.MediaDuration = &s.title, &s.length
	if s.ranked {
		p.BotRank = &s.rank
	}
	if s.counted {
		p.ConnectedUsers = &s.sockets
	}
	if s.listed {
		p.PlaylistItems = &s.items
	}
	return p
}

// Tick returns what is due by time: the end of an item that nothing followed,
// the regular count, and the status if it changed. Calling it about once a
// second is enough.
func (t *Translator) Tick(now time.Time) []*events.Event {
	out := t.endDue(nil, now)
	if t.session.countDueAt(now) {
		out = append(out, t.userCount(now))
	}
	if since := now.Sub(t.lastStatus); t.lastStatus.IsZero() || since >= statusEvery || since < 0 {
		out = t.statusChanged(out, now)
	}
	return out
}

// View is what a status line shows.
type View struct {
	Joined     bool
	BotName    string
	Users      int64 // logged in to the channel
	Connected  int64 // all, anonymous ones too
	NowPlaying string
}

// View returns the present state.
func (t *Translator) View() View {
	s := &t.session
	v := View{Joined: s.joined, BotName: s.name, Users: s.chatUsers(), Connected: s.connectedUsers()}
	if s.playing != nil {
		v.NowPlaying = s.playing.title
	}
	return v
}
