package projector

import (
	"context"
	"time"
)

// syncEvery is the least time between two syncs of the database's log.
const syncEvery = 100 * time.Millisecond

// syncLog writes the log through to the disk a little at a time, beside the commits,
// which do not wait for it. Where the disk is left to the moment at which the log is
// moved into the file, all of it is written then, while the next event waits: at a
// hundred events a second 16 MB and 17 ms every three seconds. A failure is told by
// that moment.
func (p *Projector) syncLog(ctx context.Context) {
	for {
		select {
		case <-p.committed:
		case <-ctx.Done():
			return
		}
		if err := p.db.SyncLog(); err != nil {
			p.log.Debug("the database's log is not synced yet", "err", err)
		}
		select {
		case <-time.After(syncEvery):
		case <-ctx.Done():
			return
		}
	}
}

// hasCommitted lets the log be synced soon.
func (p *Projector) hasCommitted() {
	select {
	case p.committed <- struct{}{}:
	default:
	}
}
