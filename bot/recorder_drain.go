package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/bot/spool"
	"rosey/internal/standstill"
)

// drain finds the stream and sends what is in the spool, until the context ends.
// The error says that the spool is damaged.
func (r *Recorder) drain(ctx context.Context) error {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		stream, err := r.cfg.Stream(ctx)
		if err == nil {
			r.reached.Store(true)
			err = r.spool.Drain(ctx, stream)
		}
		switch {
		case errors.Is(err, spool.ErrDamaged):
			return fmt.Errorf("bot: %w", err)
		case ctx.Err() != nil, errors.Is(err, spool.ErrClosed):
			return nil
		}
		if attempt%10 == 0 {
			r.log.Warn("no stream to send to yet; events wait in the spool", "attempt", attempt+1, "err", err)
		}
		if !pause(ctx, min(3*time.Second, 100*time.Millisecond<<min(attempt, 5))) {
			return nil
		}
	}
	return nil
}

// settle gives the spool time to drain at a stop. Where the stream was never
// reached there is nothing to wait for. settling ends with the time for it, which
// what comes before may have left more of, where the run was stopped at all.
func (r *Recorder) settle(ctx, settling context.Context, stopped bool) {
	if !r.reached.Load() {
		r.log.Warn("no stream was reached; the next run sends what is in the spool", "count", r.spool.Depth().Events)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(settling, cancel)()
	if !stopped {
		ctx, cancel = standstill.WithTimeout(ctx, r.cfg.SettleLimit)
		defer cancel()
	}
	if err := r.spool.Settle(ctx); err != nil {
		r.log.Warn("events are left in the spool; the next run sends them", "count", r.spool.Depth().Events)
	}
}
