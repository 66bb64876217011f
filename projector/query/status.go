package query

import (
	"context"
	"database/sql"
	"fmt"

	"rosey/schema"
)

// Overview is how far the tables are, and what they hold of each channel.
type Overview struct {
	// Seq is the last stream sequence applied, StreamTimeMS when the stream stored
	// it.
	Seq          uint64 `json:"seq"`
	StreamTimeMS int64  `json:"stream_time_ms"`
	StreamID     string `json:"stream_id"`
	DeadLetters  int64  `json:"dead_letters"`
	// MissingEvents counts the sequences missing inside producers' numbering.
	MissingEvents int64            `json:"missing_events"`
	Channels      []ChannelSummary `json:"channels"`
}

// Status returns the overview of one channel, or of all when none is given. A
// database that has applied nothing yet has no channels, which is no error.
func Status(ctx context.Context, q schema.Queryer, channel string) (Overview, error) {
	o := Overview{Channels: []ChannelSummary{}}
	c, err := schema.ReadCheckpoint(ctx, q)
	if err != nil {
		return o, fmt.Errorf("query: %w", err)
	}
	o.Seq, o.StreamTimeMS, o.StreamID = c.Seq, c.TimeMS, c.StreamID
	err = each(ctx, q, "losses", func(r *sql.Rows) error { return r.Scan(&o.DeadLetters, &o.MissingEvents) },
		`SELECT (SELECT count(*) FROM dead_letters),
			(SELECT coalesce(sum(g.value ->> 1 - g.value ->> 0 + 1), 0) FROM producer_positions p, json_each(p.gaps) g)`)
	if err != nil {
		return o, err
	}
	names := []string{channel}
	if channel == "" {
		if names, err = Channels(ctx, q); err != nil {
			return o, err
		}
	}
	for _, name := range names {
		s, err := ChannelStats(ctx, q, name)
		if err != nil {
			return o, err
		}
		o.Channels = append(o.Channels, s)
	}
	return o, nil
}
