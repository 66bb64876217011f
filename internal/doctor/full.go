package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"rosey/events"
)

// fullSpools is what is known of observations that ended because a spool had no
// room: what was said then was never recorded, and no number tells of it.
type fullSpools struct {
	now    []string // the spools that are full
	times  int64
	lastMS int64 // the last moment observed before the last one
}

func (f *fullSpools) note(times, lastMS int64) {
	f.times += times
	f.lastMS = max(f.lastMS, lastMS)
}

// lookAtFull tells of them: those that wait in a spool, and those that were sent.
func (e *examination) lookAtFull(ctx context.Context) {
	switch {
	case e.scan != nil:
		e.full.note(e.scan.full.times, e.scan.full.lastMS)
	case e.tables != nil:
		var n int64
		var at sql.NullInt64
		err := e.tables.tx.QueryRowContext(ctx, "SELECT count(*), max(last_observed_ms) FROM bot_sessions WHERE reason = ?", events.ReasonSpoolFull).Scan(&n, &at)
		if err != nil {
			e.unknown(SpoolFull, "try again", "whether a spool was full cannot be told: %v", err)
			return
		}
		e.full.note(n, at.Int64)
	case len(e.report.Spools) == 0:
		return // nothing was looked at
	}
	past := fmt.Sprintf("the channel was not observed %s, because a spool was full; the last time after %s",
		plural(int(e.full.times), "time"), time.UnixMilli(e.full.lastMS).UTC().Format(time.RFC3339))
	switch {
	case len(e.full.now) > 0:
		e.wrong(SpoolFull, "let server and bot run until the spool is sent; give the bot a larger --spool-max where outages last",
			"%s full, and the channel is not observed: %s", plural(len(e.full.now), "spool is", "spools are"), some(e.full.now))
	case e.full.times > 0:
		e.ok(SpoolFull, "%s", past)
	default:
		e.ok(SpoolFull, "no spool was ever full")
	}
}
