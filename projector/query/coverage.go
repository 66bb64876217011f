package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// Coverage is how much of the last seven days a channel was observed.
type Coverage struct {
	Channel string `json:"channel"`
	// SinceMS is the beginning of the seven days, or the channel's first observation
	// where that is later; UntilMS is the newest moment the stream told.
	SinceMS int64 `json:"since_ms"`
	UntilMS int64 `json:"until_ms"`
	// ObservedMS is the part of it in which some bot was connected, moments seen by
	// several counted once.
	ObservedMS int64 `json:"observed_ms"`
}

const coverageMS = 7 * 24 * 3600 * 1000

// ChannelCoverage tells of each channel that was ever observed.
func ChannelCoverage(ctx context.Context, q schema.Queryer) ([]Coverage, error) {
	c, err := schema.ReadCheckpoint(ctx, q)
	if err != nil {
		return nil, err
	}
	begin := max(0, c.TimeMS-coverageMS)
	type connection struct {
		channel  string
		from, to int64
	}
	list, err := collect(ctx, q, "bot_sessions", func(r *sql.Rows, s *connection) error { return r.Scan(&s.channel, &s.from, &s.to) },
		`SELECT channel, connected_ms, coalesce(disconnected_ms, last_observed_ms) FROM bot_sessions
		WHERE coalesce(disconnected_ms, last_observed_ms) > ? ORDER BY channel, connected_ms`, begin)
	if err != nil {
		return nil, err
	}
	first := map[string]int64{}
	err = each(ctx, q, "bot_sessions", func(r *sql.Rows) error {
		var channel string
		var at int64
		err := r.Scan(&channel, &at)
		first[channel] = at
		return err
	}, `SELECT channel, min(connected_ms) FROM bot_sessions GROUP BY channel`)
	if err != nil {
		return nil, err
	}
	all := []Coverage{}
	var covered int64 // up to where the present channel is counted
	for _, s := range list {
		if len(all) == 0 || all[len(all)-1].Channel != s.channel {
			since := max(begin, first[s.channel])
			all = append(all, Coverage{Channel: s.channel, SinceMS: since, UntilMS: max(c.TimeMS, since)})
			covered = since
		}
		v := &all[len(all)-1]
		if to := min(s.to, v.UntilMS); to > covered {
			v.ObservedMS += to - max(s.from, covered)
			covered = to
		}
	}
	return all, nil
}
