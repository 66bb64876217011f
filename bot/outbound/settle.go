package outbound

import (
	"context"
	"errors"
	"time"

	"rosey/streams"
)

// earlierPatience is how long after the start other messages wait for those that an
// earlier run left: the order in which they were queued is kept where that is
// possible.
const earlierPatience = 5 * time.Second

// sighting is a message that another bot was sending when it was seen first.
type sighting struct {
	revision uint64
	visit    uint64 // ours at that time
	at       time.Time
}

// settle works out what became of messages that left, or may have, and of which
// nobody waits for the end any more: their line to the channel was lost, or the run
// that sent them. It returns 0 where it moved a message, else when to look again,
// and whether all others wait for that.
func (s *Sender) settle(ctx context.Context) (wait time.Duration, first bool) {
	wait = never
	for _, m := range s.open {
		var again time.Duration
		var before bool
		switch m.State {
		case Claimed:
			again, before = s.settleClaimed(ctx, m)
		case Sending:
			again, before = s.settleSending(ctx, m)
		default:
			continue
		}
		if again == 0 {
			return 0, false
		}
		wait, first = min(wait, again), first || before
	}
	return wait, first
}

// settleClaimed takes back what an earlier run claimed, and what this run claimed
// without getting an answer.
func (s *Sender) settleClaimed(ctx context.Context, m Message) (time.Duration, bool) {
	mine := m.Holder == s.cfg.Producer
	if !mine {
		earlier, err := s.isEarlier(ctx, m.Holder)
		if err != nil {
			return time.Second, false
		}
		if !earlier {
			return never, false
		}
	}
	s.giveBack(ctx, m, nil)
	return 0, false
}

func (s *Sender) isEarlier(ctx context.Context, holder string) (bool, error) {
	if known, ok := s.earlier[holder]; ok {
		return known, nil
	}
	is, err := s.cfg.IsEarlier(ctx, holder)
	if err == nil {
		s.earlier[holder] = is
	}
	return is, err
}

// settleSending works out what became of one message.
func (s *Sender) settleSending(ctx context.Context, m Message) (wait time.Duration, first bool) {
	if m.Holder == s.cfg.Producer {
		visit, left := s.departed[m.ID]
		if !left {
			s.giveBack(ctx, m, uncounted)
			return 0, false
		}
		return s.settleBy(ctx, m, visit)
	}
	earlier, err := s.isEarlier(ctx, m.Holder)
	if err != nil {
		return time.Second, false
	}
	if earlier {
		select {
		case <-s.settled:
		default:
			// What it recorded last may still be on its way into the stream.
			return time.Second, time.Since(s.began) < earlierPatience
		}
	}
	if wait := time.Until(s.lookAfter); wait > 0 {
		return wait, false
	}
	if s.asked[m.ID] != m.Revision {
		found, err := s.marked(ctx, m)
		if err != nil {
			return s.cannotLook(err), time.Since(s.began) < earlierPatience
		}
		if found {
			return 0, false
		}
		s.asked[m.ID] = m.Revision
	}
	if earlier {
		return s.settleBy(ctx, m, 0)
	}
	return s.settleStrange(ctx, m)
}

// settleStrange settles a message that another bot was sending.
//
// One in our name is thrown out by our join, and nothing that it wrote before is
// taken afterwards: the history of a visit that begins later decides. So does that
// of the present one, if nobody has thrown us out since, for longer than we could
// miss that. Of a bot in another name nothing is known but the time that has
// passed.
func (s *Sender) settleStrange(ctx context.Context, m Message) (time.Duration, bool) {
	now, v := s.cfg.Now(), s.look(s.cfg.Now())
	seen, ok := s.strange[m.ID]
	if !ok || seen.revision != m.Revision {
		seen = sighting{revision: m.Revision, visit: v.visit, at: now}
		s.strange[m.ID] = seen
	}
	since, left := seen.visit, s.cfg.Patience-now.Sub(seen.at)
	if left <= 0 && v.joined && v.visit == seen.visit {
		since--
	}
	line, what, wait := s.consult(m, since)
	switch {
	case what == shown:
		s.wasShown(ctx, m, line)
	case what == notShown && wait > 0:
		return wait, false
	case what == notShown:
		s.wasNotShown(ctx, m)
	case left <= 0:
		s.finish(ctx, m, Unknown, ReasonDisconnected, 0)
	case wait > 0:
		return min(wait, left), false
	default:
		return left, false
	}
	return 0, false
}

// settleBy settles a message of ours by the histories of visits after the given one.
// What they leave open is unknown for good.
func (s *Sender) settleBy(ctx context.Context, m Message, since uint64) (time.Duration, bool) {
	if m.Private() {
		s.finish(ctx, m, Unknown, ReasonDisconnected, 0)
		return 0, false
	}
	line, what, wait := s.consult(m, since)
	switch {
	case what == shown:
		s.wasShown(ctx, m, line)
	case wait > 0:
		return wait, wait < never
	case what == notShown:
		s.wasNotShown(ctx, m)
	default:
		s.finish(ctx, m, Unknown, ReasonDisconnected, 0)
	}
	return 0, false
}

// consult asks what was heard in visits after the given one. It says how long to
// wait where it is too early to tell.
func (s *Sender) consult(m Message, since uint64) (chatLine, finding, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.room
	if m.Private() {
		return chatLine{}, unclear, 0
	}
	name := m.As
	if name == "" {
		name = r.self.name
	}
	by := r.self
	by.name, by.rank, by.chatRank, by.shadow = name, max(by.rank, by.drinkRank, shoutRank), 0, false
	lines, _ := compose(m, by, s.cfg.Limits.Units)
	if m.PartsSent >= len(lines) {
		return chatLine{}, unclear, 0
	}
	e := evidence{name: name, shown: lines[m.PartsSent].shown, afterMS: m.AfterMS, used: r.used}
	best := unclear
	visits := 0
	for _, h := range r.visited {
		if h.visit <= since {
			continue
		}
		visits++
		l, what := e.judge(h)
		if what == shown {
			r.use(l)
			return l, shown, 0
		}
		best = max(best, what)
	}
	for _, l := range r.stray {
		if l.by(name) && l.timeMS > m.AfterMS && compare(l.text, e.shown) > unlike && !r.used[keyOfLine(l)] {
			r.use(l)
			return l, shown, 0
		}
	}
	if visits == 0 || !r.joined {
		return chatLine{}, unclear, never // until the next join
	}
	if best == notShown && !r.isSelf(name) {
		// Our join threw nobody out: that one may have gone on for a moment.
		best = unclear
	}
	if early := s.cfg.SettleWait - s.cfg.Now().Sub(r.joinedAt); best == notShown && early > 0 {
		return chatLine{}, notShown, early
	}
	return chatLine{}, best, 0
}

// wasShown goes on with a message whose line was shown: with its next, or to its
// end.
func (s *Sender) wasShown(ctx context.Context, m Message, l chatLine) {
	if m.PartsSent+1 < m.Parts {
		s.giveBack(ctx, m, func(n *Message) { n.PartsSent = m.PartsSent + 1 })
		return
	}
	s.finish(ctx, m, Sent, "", l.timeMS)
}

// wasNotShown queues a message again whose line was not shown. The first few times
// that is at once, as nothing was wrong with it.
func (s *Sender) wasNotShown(ctx context.Context, m Message) {
	if m.Unseen >= freeUnseen {
		s.tryLater(ctx, m, ReasonNotShown, time.UnixMilli(m.SendingMS))
		return
	}
	s.cfg.Stats.Retried(ReasonNotShown)
	s.giveBack(ctx, m, func(n *Message) {
		uncounted(n)
		n.Unseen, n.Reason = m.Unseen+1, ReasonNotShown
	})
}

// marked looks in the stream for an outcome that was recorded of a message before
// its sender ended, and applies it.
func (s *Sender) marked(ctx context.Context, m Message) (found bool, err error) {
	var moved error
	each := func(k mark) bool {
		if !k.isOf(m) {
			return true
		}
		v, ok := k.judge(m)
		if ok {
			found, moved = true, s.apply(ctx, m, v)
		}
		return !ok
	}
	err = s.q.eachMark(ctx, streams.ReadOptions{From: m.StreamSeq + 1}, each)
	if errors.Is(err, streams.ErrBeyondEnd) {
		// Nothing was stored since, or the stream is an older one than that.
		err = s.q.eachMark(ctx, streams.ReadOptions{}, each)
	}
	return found && moved == nil, errors.Join(err, moved)
}

// apply moves a message as an outcome says, or reads it where another did.
func (s *Sender) apply(ctx context.Context, m Message, v verdict) error {
	next, err := s.q.move(ctx, m, v.to, v.change)
	if errors.Is(err, ErrChanged) {
		return s.refresh(ctx, m)
	}
	if errors.Is(err, ErrState) {
		return nil // there is no such way from where it is
	}
	if err == nil {
		s.hold(next)
	}
	return err
}

// refresh reads a message that another has moved.
func (s *Sender) refresh(ctx context.Context, m Message) error {
	now, err := s.q.Get(ctx, m.Channel, m.ID)
	if errors.Is(err, ErrNotFound) {
		s.drop(m.ID)
		return nil
	}
	if err == nil {
		s.hold(now)
	}
	return err
}
