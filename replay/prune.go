package replay

import (
	"context"
	"fmt"
	"time"

	"rosey/schema"
)

// pruning removes what is too old after a swap. A reader that has followed the link
// and not opened the file yet must find it: what was the current generation stays
// for a while, however few are kept.
type pruning struct {
	store schema.Store
	cfg   *Config
	// replaced is the generation that the swap took the place of.
	replaced schema.Generation
	// before is when the swap before this one had to have been for what it replaced to
	// go; later than now where that one was not long ago either.
	before time.Time
}

// maxSpared is how many generations too many there may be because swaps follow each
// other within Grace. Each is a whole database: beyond that they are waited for.
const maxSpared = 3

// newPruning looks at the store just before the swap.
func newPruning(store schema.Store, cfg *Config) pruning {
	p := pruning{store: store, cfg: cfg, before: time.Now().Add(store.Settling(cfg.Grace))}
	p.replaced, _ = store.Current() // without one there is nothing to spare
	return p
}

// after removes what can go now. The rest goes when somebody sweeps. Where nobody
// does, it is waited for if one generation alone is to be kept, and left to the next
// rebuild if not, unless that is too many. The tables are remade, whatever becomes of
// the old ones: the next pruning tries again.
func (p pruning) after(ctx context.Context, res *Result) {
	err := p.spare(ctx, res)
	if err == nil && time.Until(p.before) <= 0 {
		err = p.store.Prune(p.cfg.Keep, p.replaced)
	}
	switch {
	case err != nil:
	case p.cfg.sweep != nil:
		p.cfg.sweep(p.cfg.Keep)
	case p.cfg.Keep == 1:
		if p.wait(ctx, p.cfg.Grace, res) {
			err = p.store.Prune(p.cfg.Keep)
		}
	}
	if err != nil {
		p.cfg.Logger.Warn("old generations are not removed", "err", err)
		res.Note = fmt.Sprintf("old generations were not removed, and the next rebuild tries again: %v", err)
	}
}

// spare waits, where there are too many, until all but what was just replaced can go.
func (p pruning) spare(ctx context.Context, res *Result) error {
	left := time.Until(p.before)
	if left <= 0 {
		return nil
	}
	old, err := p.store.Old(p.cfg.Keep)
	if err == nil && len(old) > maxSpared {
		p.wait(ctx, left, res)
	}
	return err
}

// wait reports whether it waited for so long.
func (p pruning) wait(ctx context.Context, d time.Duration, res *Result) bool {
	p.cfg.Progress(p.cfg.meter.progress(PhaseRemoving, res.Seq))
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		res.Note = "the tables before are still there: a reader might have been about to open them; the next rebuild removes them"
		return false
	}
}
