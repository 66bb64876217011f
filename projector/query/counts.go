package query

import (
	"context"
	"database/sql"
	"slices"

	"rosey/schema"
)

// PageOptions narrows a history. A page ends before a key; the newest page is
// asked for with none.
type PageOptions struct {
	Channel string
	// Period is how far back. Default: PeriodAll.
	Period Period
	// SinceMS and UntilMS are for a span of one's own, instead of a period: from the
	// one up to the other, which is not part of it.
	SinceMS, UntilMS *int64
	// Username narrows a history to what came about by one user, where it tells.
	Username string
	// Before leaves out this sequence and later ones.
	Before int64
	// Limit is how many rows. Default DefaultLimit, at most MaxLimit.
	Limit int
}

// UserCounts is a page of user_count_history, oldest first.
type UserCounts struct {
	Channel string `json:"channel"`
	Span
	Counts []UserCount `json:"counts"`
	// Points take the place of the counts where they were asked for.
	Points []CountPoint `json:"points,omitempty"`
	// Before is the key of the page before this one, 0 at the beginning.
	Before int64 `json:"before"`
}

// UserCount is how many were there at one time.
type UserCount struct {
	Seq            int64 `json:"seq"`
	Timestamp      int64 `json:"timestamp"`
	ChatUsers      int64 `json:"chat_users"`
	ConnectedUsers int64 `json:"connected_users"`
}

// UserCountHistory returns the newest counts of a period.
func UserCountHistory(ctx context.Context, q schema.Queryer, o PageOptions) (UserCounts, error) {
	s, err := o.span(ctx, q)
	if err != nil {
		return UserCounts{}, err
	}
	h := UserCounts{Channel: o.Channel, Span: s}
	h.Counts, err = collect(ctx, q, "user_count_history", func(r *sql.Rows, c *UserCount) error {
		return r.Scan(&c.Seq, &c.Timestamp, &c.ChatUsers, &c.ConnectedUsers)
	}, `SELECT seq, timestamp, chat_users, connected_users FROM user_count_history
		WHERE channel = ?1 AND seq < ?4 AND `+o.within(s, "timestamp", "?2", "?3")+` ORDER BY seq DESC LIMIT ?5`,
		o.Channel, s.SinceMS/1000, o.end(s)/1000, older(o.Before), limited(o.Limit)+1)
	if err != nil {
		return h, err
	}
	h.Counts, h.Before = page(h.Counts, limited(o.Limit), func(c UserCount) int64 { return c.Seq })
	slices.Reverse(h.Counts)
	return h, nil
}

// page cuts a list that was asked for with one row too many, and returns the key
// to go on with.
func page[T any](list []T, limit int, key func(T) int64) ([]T, int64) {
	if len(list) <= limit {
		return list, 0
	}
	return list[:limit], key(list[limit-1])
}
