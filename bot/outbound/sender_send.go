package outbound

import (
	"context"
	"errors"
	"time"

	"rosey/bot/cytube"
)

// headStart is how long before a line may leave its message is claimed: what that
// takes is not added to the pace.
const headStart = 25 * time.Millisecond

// visitOver is how long nothing is sent once a line was refused because the visit
// is over: that may be known here before it is heard.
const visitOver = 100 * time.Millisecond

// view is what the room looks like at one moment.
type view struct {
	joined    bool
	visit     uint64
	speaker   speaker
	rankKnown bool
	rankIn    time.Duration // until it counts as known
	rate      Rate          // of chat lines
	anchor    int64
}

func (s *Sender) look(now time.Time) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.room
	return view{
		joined: r.joined, visit: r.visit, speaker: r.self, rate: r.rate(s.cfg.Limits.Chat), anchor: r.anchor(now),
		rankKnown: r.rankKnown(now), rankIn: rankGrace - now.Sub(r.joinedAt),
	}
}

// pick chooses the oldest message that is due. Where none is, it says in how long
// one will be.
func (s *Sender) pick(now time.Time, v view) (best Message, found bool, wait time.Duration) {
	wait = never
	for _, m := range s.open {
		if m.State != Queued && m.State != Claimed {
			continue
		}
		if !m.Due(now) {
			wait = min(wait, max(m.DueAt().Sub(now), time.Millisecond))
			continue
		}
		if !m.Private() && !v.rankKnown && v.speaker.rank < v.speaker.chatRank {
			wait = min(wait, max(v.rankIn, time.Millisecond))
			continue
		}
		if !found || byPosition(m, best) < 0 {
			best, found = m, true
		}
	}
	return best, found, wait
}

// sendNext sends the message whose turn it is. It returns how long to wait before
// looking again.
func (s *Sender) sendNext(ctx context.Context) time.Duration {
	now := s.cfg.Now()
	v := s.look(now)
	if !v.joined || !s.cfg.Leads() {
		return never
	}
	s.cooled(v)
	if quiet := s.quiet.Sub(now); quiet > 0 {
		return quiet
	}
	m, found, wait := s.pick(now, v)
	if !found {
		return wait
	}
	if v.speaker.name == "" {
		// It is heard of when that changes, or another bot sends them.
		if s.nameless != v.visit {
			s.nameless = v.visit
			s.log.Warn("the bot is an anonymous visitor and cannot speak; messages wait for a bot with a name")
		}
		return never
	}
	if wait := s.ahead(m, now); wait > 0 {
		return wait
	}
	if wait := s.unsure(ctx, v, now); wait > 0 {
		return wait
	}
	lines, reason := compose(m, v.speaker, s.cfg.Limits.Units)
	if reason == "" && m.PartsSent >= len(lines) {
		reason = ReasonRefused // it was put together in another way before
	}
	if reason == "" {
		l, rate := lines[m.PartsSent], s.rateOf(m, v)
		if !rate.possible(l.weight) {
			reason = ReasonFlood
		} else if wait := s.paceOf(v.visit).wait(now, rate, l.weight) - headStart; wait > 0 {
			return wait
		}
	}
	claimed, err := s.q.Claim(ctx, m, s.cfg.Producer)
	if err != nil {
		return s.notMoved(ctx, m, err)
	}
	s.hold(claimed)
	s.cfg.Crash(CrashClaimed)
	if reason != "" {
		s.finish(ctx, claimed, Failed, reason, 0)
	} else {
		s.say(ctx, claimed, lines, v)
	}
	return 0
}

// notMoved is what follows when a message could not be claimed: another was first,
// or the queue cannot be reached. It returns how long to wait.
func (s *Sender) notMoved(ctx context.Context, m Message, err error) time.Duration {
	if !errors.Is(err, ErrChanged) && !errors.Is(err, ErrState) {
		s.log.Debug("a message could not be claimed", "err", err)
		return 250 * time.Millisecond
	}
	switch now, err := s.q.Get(ctx, m.Channel, m.ID); {
	case err == nil:
		s.hold(now)
	case errors.Is(err, ErrNotFound):
		s.drop(m.ID)
	default:
		return 250 * time.Millisecond
	}
	return 0
}

// rateOf is the limit that a message's lines are under.
func (s *Sender) rateOf(m Message, v view) Rate {
	if m.Private() {
		return s.cfg.Limits.Chat
	}
	return v.rate
}

// paceOf is the pace in a visit; each begins afresh, as the server's does.
func (s *Sender) paceOf(visit uint64) *pace {
	if s.paced != visit {
		s.pace, s.paced = pace{}, visit
	}
	return &s.pace
}

// say sends the lines of a message that is claimed, each after the one before was
// shown, and does what follows from the end of the last.
func (s *Sender) say(ctx context.Context, m Message, lines []line, v view) {
	due := max(m.QueuedMS, m.NotBeforeMS, m.NextAttemptMS)
	first := m.PartsSent
	for part := first; part < len(lines); part++ {
		if !s.may() {
			s.giveBack(ctx, m, func(n *Message) { n.PartsSent = part })
			return
		}
		now := s.cfg.Now()
		next, err := s.q.move(ctx, m, Sending, func(n *Message) {
			if len(lines) > 1 {
				n.Parts = len(lines)
			}
			n.PartsSent, n.As, n.SendingMS = part, v.speaker.name, now.UnixMilli()
			n.AfterMS, n.StreamSeq = s.look(now).anchor, s.cfg.Acknowledged()
			if part == first {
				n.Attempts++
			}
		})
		if err != nil {
			s.giveBack(ctx, m, func(n *Message) { n.PartsSent = part })
			return
		}
		m = next
		s.hold(m)
		s.cfg.Crash(CrashSending)
		l, ok := s.fly(ctx, m, lines[part], part == len(lines)-1, v)
		if !ok {
			return
		}
		if part == first {
			s.cfg.Stats.Written(max(0, l.written.Sub(time.UnixMilli(due))), true)
		} else {
			s.cfg.Stats.Written(0, false)
		}
		if l.what != echoed {
			s.ended(ctx, m, l)
			return
		}
		s.cfg.Crash(CrashEchoed)
		m.SentMS = l.timeMS
	}
	s.finish(ctx, m, Sent, "", m.SentMS)
}

// flown is the end of a flight, and when it began.
type flown struct {
	landing
	written time.Time
	rate    Rate
}

// fly writes one line and waits for its end. It reports false where there is
// nothing more to do about the message now.
func (s *Sender) fly(ctx context.Context, m Message, l line, last bool, v view) (flown, bool) {
	rate := s.rateOf(m, v)
	if !s.holdBack(v.visit, rate, l.weight) {
		s.giveBack(ctx, m, uncounted)
		return flown{}, false
	}
	event, args := "chatMsg", map[string]any{"msg": l.text, "meta": map[string]any{}}
	if m.Private() {
		event, args["to"] = "pm", m.Recipient
	}
	f := &flight{
		id: m.ID, line: l, recipient: m.Recipient, last: last, visit: v.visit, afterMS: m.AfterMS,
		written: s.cfg.Now(), landed: make(chan landing, 1),
	}
	s.departed[m.ID] = v.visit
	err := cytube.ErrNotJoined
	if s.depart(f) {
		err = s.cfg.Line.SendIn(ctx, v.visit, event, args)
	}
	s.cfg.Crash(CrashWritten)
	switch {
	case errors.Is(err, cytube.ErrNotJoined), errors.Is(err, cytube.ErrTooLarge):
		// It was surely not written.
		s.callOff(f)
		delete(s.departed, m.ID)
		if errors.Is(err, cytube.ErrTooLarge) {
			s.finish(ctx, m, Failed, ReasonTooLong, 0)
		} else {
			s.quiet = s.cfg.Now().Add(visitOver) // we shall hear of it
			s.giveBack(ctx, m, uncounted)
		}
		return flown{}, false
	case err != nil:
		// It may be on the wire; the line to the channel ends with such an error.
		s.log.Debug("a line may not have been written", "err", err)
	}
	land := s.await(ctx, f)
	if land.what == 0 {
		return flown{}, false // stopped: the next run settles it
	}
	p := s.paceOf(v.visit)
	switch land.what {
	case flooded:
		p.refused(land.heard, rate, land.pause)
	case gone:
	default:
		p.counted(f.written, land.heard, rate, l.weight)
	}
	if land.what == echoed {
		s.cfg.Stats.Echoed(land.heard.Sub(f.written))
	}
	return flown{landing: land, written: f.written, rate: rate}, true
}

// holdBack waits until the pace lets a line leave. It reports false where the visit
// ends first, or the run is to.
func (s *Sender) holdBack(visit uint64, rate Rate, weight int) bool {
	for {
		now := s.cfg.Now()
		v := s.look(now)
		if !v.joined || v.visit != visit {
			return false
		}
		wait := s.paceOf(visit).wait(now, rate, weight)
		if wait <= 0 {
			return true
		}
		if s.stopped() {
			return false
		}
		if err := s.rest(wait); err != nil {
			s.broken <- err // for the loop
			return false
		}
	}
}

func (s *Sender) depart(f *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room.depart(f)
}

func (s *Sender) callOff(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room.flight == f {
		s.room.flight = nil
	}
}

// await waits for the end of a flight. Where the context ends first it returns
// nothing.
func (s *Sender) await(ctx context.Context, f *flight) landing {
	timer, early := time.NewTimer(s.cfg.EchoTimeout), time.NewTimer(s.askAfter())
	defer timer.Stop()
	defer early.Stop()
	late := false
	for {
		select {
		case l := <-f.landed:
			return l
		case c := <-s.changes:
			s.note(c)
		case <-early.C:
			late = true
			s.ask(ctx, f.visit)
		case <-s.news:
			if late {
				s.ask(ctx, f.visit)
			}
		case <-timer.C:
			s.mu.Lock()
			defer s.mu.Unlock()
			select {
			case l := <-f.landed:
				return l
			default:
			}
			s.room.giveUp(f)
			return landing{what: silence, heard: s.cfg.Now()}
		case <-ctx.Done():
			return landing{}
		}
	}
}
