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
	// recent says that the swap before this one was not long ago either, so that what
	// that one replaced has to stay, too.
	recent bool
}

// newPruning looks at the store just before the swap.
func newPruning(store schema.Store, cfg *Config) pruning {
	p := pruning{store: store, cfg: cfg, recent: time.Since(store.LastSwap()) < cfg.Grace}
	p.replaced, _ = store.Current() // without one there is nothing to spare
	return p
}

// after removes what can go now. The rest goes when somebody sweeps. Where nobody
// does, it is waited for if one generation alone is to be kept, and left to the next
// rebuild if not. The tables are remade, whatever becomes of the old ones: the next
// pruning tries again.
func (p pruning) after(ctx context.Context, res *Result) {
	var err error
	if !p.recent {
		err = p.store.Prune(p.cfg.Keep, p.replaced)
	}
	switch {
	case err != nil:
	case p.cfg.sweep != nil:
		p.cfg.sweep(p.cfg.Keep)
	case p.cfg.Keep == 1:
		p.cfg.Progress(p.cfg.meter.progress(PhaseRemoving, res.Seq))
		select {
		case <-time.After(p.cfg.Grace):
			err = p.store.Prune(p.cfg.Keep)
		case <-ctx.Done():
			res.Note = "the tables before are still there: a reader might have been about to open them; the next rebuild removes them"
		}
	}
	if err != nil {
		p.cfg.Logger.Warn("old generations are not removed", "err", err)
		res.Note = fmt.Sprintf("old generations were not removed, and the next rebuild tries again: %v", err)
	}
}
