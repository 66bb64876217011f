package outbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Sweep removes messages that are over for longer than they are kept, and returns
// how many. It does nothing where the server ends them itself. A message that is
// taken up again in that moment stays.
func (q *Queue) Sweep(ctx context.Context) (int, error) {
	if q.bucket.Expires() {
		return 0, nil
	}
	all, err := q.list(ctx, "")
	if err != nil {
		return 0, fmt.Errorf("outbound: sweep: %w", err)
	}
	before := q.cfg.Now().Add(-q.cfg.KeepFinished).UnixMilli()
	over := slices.DeleteFunc(all, func(m Message) bool { return !m.State.Final() || m.FinishedMS > before })
	var errs []error
	removed := 0
	for _, m := range over {
		if err := q.bucket.Remove(ctx, keyOf(m.Channel, m.ID), m.Revision); err != nil {
			errs = append(errs, fmt.Errorf("outbound: sweep message %d: %w", m.ID, err))
			break // what keeps one keeps all
		}
		removed++
	}
	return removed, errors.Join(errs...)
}
