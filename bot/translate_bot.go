package bot

import (
	"maps"
	"slices"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

// PreviousRun is the run before this one, as the spool remembers it.
type PreviousRun struct {
	Producer string // empty for the first run
	LastSeq  uint64 // the last sequence it committed
	Known    bool   // false where the spool that would know was lost
}

// Started begins the run: bot.started, which vouches for how the last run ended.
func (t *Translator) Started(now time.Time, previous PreviousRun) []*events.Event {
	t.started = now
	started := &events.BotStarted{
		Producer: t.cfg.Producer, Previous: events.PreviousUnknown, BotVersion: t.cfg.BotVersion,
	}
	if previous.Known {
		started.Previous, started.PreviousSeq = previous.Producer, int64(previous.LastSeq)
	}
	return []*events.Event{t.event(events.KindBotStarted, started, now)}
}

// Recording says that this run leads the recording of the channel from now on,
// by the lease of the given term, 0 where none could be had. What is the case in
// the channel already is told again: what was told before counted for nothing.
func (t *Translator) Recording(now time.Time, term uint64) []*events.Event {
	out := []*events.Event{t.event(events.KindBotRecording, &events.BotRecording{Producer: t.cfg.Producer, Term: int64(term)}, now)}
	s := &t.session
	if !s.joined {
		return out
	}
	roster := &events.UserRoster{Users: []events.User{}}
	for _, name := range slices.Sorted(maps.Keys(s.users)) {
		roster.Users = append(roster.Users, s.users[name])
	}
	out = append(out, t.event(events.KindUserRoster, roster, now))
	if p := s.playing; p != nil {
		out = append(out, t.event(events.KindMediaChanged, &events.MediaChanged{
			Type: p.kind, MediaID: p.id, Title: p.title, Seconds: p.seconds, Duration: p.duration, UID: p.uid, Resumed: true,
		}, now))
	}
	t.high, t.status = events.Counts{}, status{}
	return t.statusChanged(t.highWater(out, now), now)
}

// Stopped ends the run in good order. The last state is told first, however
// recently another was: no one will come after it.
func (t *Translator) Stopped(now time.Time) []*events.Event {
	out := t.statusChanged(t.end(nil, now), now)
	return append(out, t.event(events.KindBotStopped, &events.BotStopped{Reason: cytube.ReasonStopped}, now))
}

func (t *Translator) connected(it cytube.Connected) []*events.Event {
	t.session = session{connected: true, burst: true}
	return []*events.Event{t.event(events.KindBotConnected, &events.BotConnected{Server: it.Server}, it.At)}
}

func (t *Translator) joined(it cytube.Joined) []*events.Event {
	s := &t.session
	s.joined, s.burst, s.name = true, false, it.Name
	t.why = ""
	out := []*events.Event{t.event(events.KindBotJoined, &events.BotJoined{Username: it.Name, Guest: it.Guest}, it.At)}
	if s.sockets != nil {
		return append(out, t.userCount(it.At))
	}
	// The server's count comes up to ten seconds late. Should it not come at
	// all, the regular count must still.
	s.countDue = it.At.Add(countEvery)
	return out
}

func (t *Translator) disconnected(it cytube.Disconnected) []*events.Event {
	out := t.end(nil, it.At)
	observed := it.LastFrame
	if observed.IsZero() {
		observed = it.At
	}
	t.session = session{}
	t.why = it.Reason
	return append(out, t.event(events.KindBotDisconnected, &events.BotDisconnected{
		// The network's own words name addresses, the bot's among them.
		Reason: it.Reason, Detail: redactAddresses(it.Detail), ObservedMS: observed.UnixMilli(),
	}, it.At))
}

// reasonSpoolFull says that the bot left the channel by itself.
const reasonSpoolFull = events.ReasonSpoolFull

// SpoolFull ends the observation with the last event that was kept. What was
// translated since then is not in the stream: it is forgotten, and told again
// when the bot is back.
func (t *Translator) SpoolFull(now, observed time.Time) []*events.Event {
	t.session, t.why = session{}, reasonSpoolFull
	t.high, t.status = events.Counts{}, status{}
	return []*events.Event{t.event(events.KindBotDisconnected, &events.BotDisconnected{
		Reason: reasonSpoolFull, ObservedMS: observed.UnixMilli(),
	}, now)}
}

func readKick(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Reason string `json:"reason"`
	}](f)
	if err != nil {
		return nil, err
	}
	return &events.BotKicked{Reason: w.Reason}, nil
}

func readLogin(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[struct {
		Success *bool  `json:"success"`
		Name    string `json:"name"`
	}](f)
	if err != nil || w.Success == nil {
		return nil, errShape
	}
	if *w.Success {
		t.session.name = w.Name
	}
	return nil, nil
}

func readRank(t *Translator, f *frame) (events.Payload, error) {
	rank, err := argument[float64](f)
	if err != nil {
		return nil, err
	}
	t.session.rank = &rank
	return nil, nil
}

func readUserCount(t *Translator, f *frame) (events.Payload, error) {
	count, err := argument[int64](f)
	if err != nil {
		return nil, err
	}
	t.session.sockets = &count
	return nil, nil
}
