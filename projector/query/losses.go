package query

import (
	"context"
	"fmt"

	"rosey/schema"
)

// Losses is what the producers' numbers say is missing from the tables.
type Losses struct {
	Producers int64
	// GapEvents are missing in the middle of a producer, TailEvents at its end, as
	// the next run on its spool says.
	GapEvents  int64
	TailEvents int64
	// Unaccounted counts the producers that have ended, as a later one on their
	// channel shows, and for whose end nobody vouches: no next run on their spool,
	// and not they themselves, by ending their last observation in good order.
	Unaccounted int64
}

// CountLosses sums up the table producer_positions.
func CountLosses(ctx context.Context, q schema.Queryer) (Losses, error) {
	var l Losses
	err := q.QueryRowContext(ctx, `
		WITH newest AS (SELECT channel, max(first_ms) AS at FROM producer_positions GROUP BY channel),
			last_sessions AS (SELECT producer, reason, max(seq) FROM bot_sessions GROUP BY producer)
		SELECT (SELECT count(*) FROM producer_positions),
			(SELECT coalesce(sum(g.value ->> 1 - g.value ->> 0 + 1), 0) FROM producer_positions p, json_each(p.gaps) g),
			(SELECT coalesce(sum(max(n.previous_seq - p.last_seq, 0)), 0)
				FROM producer_positions n JOIN producer_positions p ON p.producer = n.previous),
			(SELECT count(*) FROM producer_positions p JOIN newest n ON n.channel = p.channel
				WHERE p.last_ms < n.at AND p.producer NOT IN (SELECT previous FROM producer_positions)
				AND p.producer NOT IN (SELECT producer FROM last_sessions WHERE reason = 'stopped'))`).
		Scan(&l.Producers, &l.GapEvents, &l.TailEvents, &l.Unaccounted)
	if err != nil {
		return l, fmt.Errorf("query: losses: %w", err)
	}
	return l, nil
}
