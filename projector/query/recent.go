package query

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"rosey/schema"
)

// RecentLine is a line of the view recent_chat.
type RecentLine struct {
	Timestamp int64  `json:"timestamp"`
	Username  string `json:"username"`
	Message   string `json:"message"`

	timeMS, seq int64
}

// RecentChat returns the latest lines that people wrote, the oldest first: of a
// channel, or of all where none is given.
func RecentChat(ctx context.Context, q schema.Queryer, channel string, limit int) ([]RecentLine, error) {
	channels := []string{channel}
	if channel == "" {
		var err error
		if channels, err = Channels(ctx, q); err != nil {
			return nil, err
		}
	}
	all := []RecentLine{}
	for _, c := range channels {
		// Channel by channel, because the index on time begins with it.
		lines, err := collect(ctx, q, "recent_chat", func(r *sql.Rows, l *RecentLine) error {
			return r.Scan(&l.Timestamp, &l.Username, &l.Message, &l.timeMS, &l.seq)
		}, `SELECT timestamp, username, message, time_ms, seq FROM recent_chat
			WHERE channel = ? ORDER BY time_ms DESC, seq DESC LIMIT ?`, c, limited(limit))
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortFunc(all, func(a, b RecentLine) int { return cmp.Or(cmp.Compare(a.timeMS, b.timeMS), cmp.Compare(a.seq, b.seq)) })
	return all[max(0, len(all)-limited(limit)):], nil
}
