package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// MaxPoints bounds the points of a plot.
const MaxPoints = 2000

// CountPoint sums up the counts of a part of a period. A part without any has no
// point: nobody counted then.
type CountPoint struct {
	// Timestamp is when the part begins, Counts how many counts are in it.
	Timestamp int64 `json:"timestamp"`
	Counts    int64 `json:"counts"`

	ChatUsersMean      float64 `json:"chat_users_mean"`
	ChatUsersMax       int64   `json:"chat_users_max"`
	ConnectedUsersMean float64 `json:"connected_users_mean"`
	ConnectedUsersMax  int64   `json:"connected_users_max"`
}

// UserCountPoints divides a period into parts of equal length, as many as points
// are asked for, and sums up each: what a plot needs, however long the period is.
// The page's key and limit play no part.
func UserCountPoints(ctx context.Context, q schema.Queryer, o PageOptions, points int) (UserCounts, error) {
	if points < 1 || points > MaxPoints {
		return UserCounts{}, invalid("points", "there can be 1 to %d", MaxPoints)
	}
	if o.Before != 0 {
		return UserCounts{}, invalid("points", "they are of the whole period: leave out before")
	}
	s, err := o.span(ctx, q)
	if err != nil {
		return UserCounts{}, err
	}
	h := UserCounts{Channel: o.Channel, Span: s, Counts: []UserCount{}}
	var first, last sql.NullInt64
	err = each(ctx, q, "user_count_history", func(r *sql.Rows) error { return r.Scan(&first, &last) },
		`SELECT min(timestamp), max(timestamp) FROM user_count_history WHERE channel = ? AND timestamp >= ? AND timestamp < ?`,
		o.Channel, s.SinceMS/1000, o.end(s)/1000)
	if err != nil || !first.Valid {
		return h, err
	}
	from, to := max(s.SinceMS/1000, 0), max(last.Int64+1, s.UntilMS/1000)
	if s.SinceMS == 0 {
		from = first.Int64 // the parts before it would be empty
	}
	length := max((to-from+int64(points)-1)/int64(points), 1)
	h.Points, err = collect(ctx, q, "user_count_history", func(r *sql.Rows, p *CountPoint) error {
		return r.Scan(&p.Timestamp, &p.Counts, &p.ChatUsersMean, &p.ChatUsersMax, &p.ConnectedUsersMean, &p.ConnectedUsersMax)
	}, `SELECT ?2 + (timestamp - ?2) / ?4 * ?4 AS part, count(*), avg(chat_users), max(chat_users), avg(connected_users), max(connected_users)
		FROM user_count_history WHERE channel = ?1 AND timestamp >= ?2 AND timestamp < ?3 GROUP BY part ORDER BY part`,
		o.Channel, from, o.end(s)/1000, length)
	return h, err
}
