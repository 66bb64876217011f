package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/bot/spool"
)

// recoveryHolds is how long a recovered spool has to work for another recovery to
// be worth trying. A disk that spoils what is written to it is for a person.
const recoveryHolds = time.Minute

// begin opens the spool and begins a run on it. Opening recovers what a damaged
// one holds.
func (r *Recorder) begin(ctx context.Context) error {
	sp, err := spool.Open(ctx, r.cfg.Spool)
	if err != nil {
		return fmt.Errorf("bot: %w", err)
	}
	run, prev, err := sp.Begin(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("bot: %w", err), sp.Close())
	}
	translator := NewTranslator(TranslatorConfig{
		Channel: r.cfg.CyTube.Channel, Producer: run.Producer, BotVersion: r.cfg.BotVersion,
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spool, r.keeper, r.run, r.prev, r.translator = sp, sp, run, prev, translator
	r.items, r.taken = make(chan heard, gatherLimit), make(chan struct{})
	return nil
}

// reopen begins again on the same spool, once nothing uses it any more.
func (r *Recorder) reopen(ctx context.Context) error {
	r.recovered = true
	if err := r.spool.Close(); err != nil {
		// What was committed is on the disk, whatever a damaged file says at its end.
		r.log.Warn("the damaged spool was not closed in good order", "err", err)
	}
	return r.untilBegun(ctx, r.begin)
}

// untilBegun tries again where a disk is full or fails, until the context ends, as
// for a commit. The error then is why it had not begun before: an attempt that the
// context broke off knows no cause.
func (r *Recorder) untilBegun(ctx context.Context, begin func(context.Context) error) error {
	var cause error
	for attempt := 1; ; attempt++ {
		err := begin(ctx)
		if err == nil || errors.Is(err, spool.ErrNotASpool) || errors.Is(err, spool.ErrNewerSchema) {
			return err
		}
		cause = whyNot(ctx, cause, err)
		r.log.Error("the damaged spool cannot be opened again, trying again", "attempt", attempt, "err", err)
		if !pause(ctx, backOff(attempt)) {
			return cause
		}
	}
}
