package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/internal/installation"
)

// endLimit bounds how long a process may take to end after an interrupt. Ten seconds
// are promised where the machine has nothing else to do; here it has.
const endLimit = time.Minute

// settle waits until everything that was said is in the tables, and the bot has
// said what it was asked to, and ends bot and projector in good order. The server of a layout that has one goes on.
func (s *segment) settle(ctx context.Context) error {
	said := s.talk.said()
	held := 0
	arrived := s.until(ctx, progressLimit, func() bool {
		pause(ctx, 50*time.Millisecond)
		held = s.held(ctx)
		return held >= said || s.fallen() != nil
	})
	if p := s.fallen(); p != nil {
		return s.endedByItself(p)
	}
	if !arrived {
		// What is missing comes to light in the comparison.
		s.fail(fmt.Sprintf("%d of %d lines are in the tables after %s; %d are known to be safe", held, said, progressLimit, s.witness.look(ctx)), s.projector)
	}
	s.restOfSpeech(ctx)
	// A bot that is only just starting would end before it has sent what its last
	// life left in the spool.
	if !s.until(ctx, progressLimit, func() bool { return s.channel.Clients() > 0 }) && ctx.Err() == nil {
		return &Failure{What: "the bot does not come back", Log: s.bot.life.lastWords()}
	}
	if err := s.stopBot(ctx); err != nil || s.layout == together {
		return err
	}
	if err := s.projected(ctx); err != nil {
		return err
	}
	return s.stop(ctx, s.projector)
}

// held is how many lines of people are in the tables.
func (s *segment) held(ctx context.Context) (n int) {
	if ask(ctx, s.witness.tables, "SELECT count(*) FROM chat_messages WHERE notice = '' AND username <> '"+botName+"'", &n) != nil {
		return 0
	}
	return n
}

// stop ends a part in good order.
func (s *segment) stop(ctx context.Context, p *part) error {
	if err := p.life.interrupt(ctx, endLimit); err != nil {
		return &Failure{What: fmt.Sprintf("the %s: %v", p.name, err), Log: p.life.lastWords()}
	}
	return nil
}

// stopBot ends the bot in good order. Where a disk takes more time for what is left to do
// than an orderly end has, the bot says so, and its next life does it.
func (s *segment) stopBot(ctx context.Context) error {
	for end := time.Now().Add(progressLimit); ; {
		if err := s.stop(ctx, s.bot); err != nil || !s.bot.life.left() || time.Now().After(end) {
			return err
		}
		s.note("the %s left something to do", s.bot.name)
		if err := s.start(ctx, s.bot); err != nil {
			return err
		}
		if !s.until(ctx, progressLimit, func() bool { return s.channel.Clients() > 0 }) && ctx.Err() == nil {
			return &Failure{What: "the bot does not come back for what it left", Log: s.bot.life.lastWords()}
		}
	}
}

// projected waits until the tables stand where the stream ends.
func (s *segment) projected(ctx context.Context) (err error) {
	a, err := installation.Attach(ctx, s.data, nil)
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	state, err := a.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	var at uint64
	if !s.until(ctx, progressLimit, func() bool {
		return ask(ctx, s.witness.tables, "SELECT seq FROM projection_state", &at) == nil && at >= state.LastSeq
	}) {
		s.fail(fmt.Sprintf("the tables stand at seq=%d, the stream ends at seq=%d", at, state.LastSeq), s.projector)
	}
	return nil
}
