package outbound

import (
	"context"
	"errors"
	"time"

	"rosey/events"
)

const (
	// freeFloods and freeUnseen are how many attempts do not count that the flood
	// limit refused, or that ended with the line to the channel.
	freeFloods = 5
	freeUnseen = 3
)

// uncounted takes back that an attempt was counted: the line never left.
func uncounted(n *Message) { n.Attempts = max(n.Attempts-1, 0) }

// ended does what follows from a line that was not shown, or of which that is not
// known.
func (s *Sender) ended(ctx context.Context, m Message, l flown) {
	switch l.what {
	case muted:
		s.finish(ctx, m, Failed, ReasonMuted, 0)
	case spam:
		s.finish(ctx, m, Failed, ReasonFiltered, 0)
	case refused:
		s.finish(ctx, m, Failed, ReasonRefused, 0)
	case absent:
		s.tryLater(ctx, m, ReasonAbsent, l.written)
	case flooded:
		s.hush(l.landing, l.rate)
		if m.Floods >= freeFloods {
			s.tryLater(ctx, m, ReasonFlood, l.written)
			return
		}
		s.cfg.Stats.Retried(ReasonFlood)
		s.giveBack(ctx, m, func(n *Message) {
			uncounted(n)
			n.Floods, n.Reason = m.Floods+1, ReasonFlood
		})
	case silence:
		if v := s.look(s.cfg.Now()); !m.Private() && v.joined && v.speaker.rank < v.speaker.chatRank {
			// The channel drops such lines without a word. Had it been shown before that
			// was so, its echo would have come before the news of it.
			s.finish(ctx, m, Failed, ReasonNoPermission, 0)
			return
		}
		s.finish(ctx, m, Unknown, ReasonNoEcho, 0)
	case gone: // settled by the next visit
	}
}

// tryLater queues a message again for a later attempt, or gives it up.
func (s *Sender) tryLater(ctx context.Context, m Message, reason string, last time.Time) {
	at, again := NextAttempt(m.Attempts, last)
	if !again {
		s.finish(ctx, m, Abandoned, reason, 0)
		return
	}
	s.cfg.Stats.Retried(reason)
	s.giveBack(ctx, m, func(n *Message) {
		n.NextAttemptMS, n.Reason, n.Floods = at.UnixMilli(), reason, 0
	})
}

// giveBack queues a message again that is known not to have been shown.
func (s *Sender) giveBack(ctx context.Context, m Message, change func(*Message)) {
	if s.conclude(ctx, m, Queued, change) {
		delete(s.departed, m.ID)
	}
}

// finish ends a message: first in the spool, from where the stream gets it, then in
// the queue.
func (s *Sender) finish(ctx context.Context, m Message, to State, reason string, sentMS int64) {
	mark := &events.OutboundMark{
		MessageID: m.ID, Message: m.Text, Recipient: m.Recipient, QueuedMS: m.QueuedMS, SentMS: sentMS,
		Attempts: int64(m.Attempts), Reason: reason,
	}
	kind := events.KindMarkSent
	if to != Sent {
		kind, mark.State = events.KindMarkFailed, string(to)
	}
	if !s.record(ctx, kind, mark) {
		return // the next run settles it
	}
	s.cfg.Crash(CrashRecorded)
	done := s.conclude(ctx, m, to, func(n *Message) {
		n.Reason, n.SentMS = reason, sentMS
		if to == Sent && n.Parts > 0 {
			n.PartsSent = n.Parts
		}
	})
	s.cfg.Crash(CrashFinished)
	if done {
		s.cfg.Stats.Finished(to, reason)
	}
}

// record commits an outcome, however long that takes: what cannot be recorded is
// not over, and nothing else could be recorded either. It reports false when the
// run ends first.
func (s *Sender) record(ctx context.Context, kind events.Kind, mark *events.OutboundMark) bool {
	failed := 0
	return persist(ctx, func() error {
		err := s.cfg.Journal.Record(ctx, kind, mark)
		if failed++; err != nil && failed == 10 {
			s.log.Warn("an outcome cannot be recorded yet; nothing more is sent", "kind", string(kind), "err", err)
		}
		return err
	}) == nil
}

// conclude moves a message of this run, however long that takes. It reports false
// where another has moved it to somewhere else, or the run ends first.
func (s *Sender) conclude(ctx context.Context, m Message, to State, change func(*Message)) bool {
	moved := false
	err := persist(ctx, func() error {
		next, err := s.q.Move(ctx, m, to, change)
		if err == nil {
			moved = true
			if to.Final() {
				s.over[m.ID] = next.Revision
			}
			s.hold(next)
			return nil
		}
		if !errors.Is(err, ErrChanged) && !errors.Is(err, ErrState) {
			return err
		}
		now, err := s.q.Get(ctx, m.Channel, m.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			s.drop(m.ID)
			return nil
		case err != nil:
			return err
		case now.State == m.State && now.Holder == m.Holder && now.Revision != m.Revision:
			m = now
			return ErrChanged // once more, over what is there
		case to.Final() && now.State == to:
			moved = true // by our own mark out of the stream, which was faster
		}
		s.hold(now)
		return nil
	})
	return moved && err == nil
}

// acceptProofs ends messages as sent whose line was shown after all.
func (s *Sender) acceptProofs(ctx context.Context) {
	s.mu.Lock()
	proofs := s.room.proofs
	s.room.proofs = nil
	s.mu.Unlock()
	for _, p := range proofs {
		m, err := s.q.Get(ctx, s.cfg.Channel, p.id)
		switch {
		case err == nil && (m.State == Unknown || m.State == Failed):
			s.finish(ctx, m, Sent, "", p.timeMS)
		case err != nil && !errors.Is(err, ErrNotFound):
			s.mu.Lock()
			s.room.proofs = append(s.room.proofs, p)
			s.mu.Unlock()
		}
	}
}
