package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// TopOptions narrows Top.
type TopOptions struct {
	Channel string
	// Period is what is counted. Default: PeriodAll.
	Period Period
	// Limit is how many users. Default DefaultLimit, at most MaxLimit.
	Limit int
}

// TopUsers are those who said most in a period.
type TopUsers struct {
	Channel string `json:"channel"`
	Span
	Users []TopUser `json:"users"`
}

// TopUser is one of them.
type TopUser struct {
	Username string `json:"username"`
	// ChatLines counts the period, TotalChatLines everything.
	ChatLines          int64 `json:"chat_lines"`
	TotalChatLines     int64 `json:"total_chat_lines"`
	Joins              int64 `json:"joins"`
	TotalTimeConnected int64 `json:"total_time_connected"`
	LastSeen           int64 `json:"last_seen"`
}

// Top returns who said most. Equal counts go by name.
func Top(ctx context.Context, q schema.Queryer, o TopOptions) (TopUsers, error) {
	s, err := span(ctx, q, o.Period)
	if err != nil {
		return TopUsers{}, err
	}
	t := TopUsers{Channel: o.Channel, Span: s}
	const columns = "u.total_chat_lines, u.joins, u.total_time_connected, u.last_seen"
	scan := func(r *sql.Rows, u *TopUser) error {
		return r.Scan(&u.Username, &u.ChatLines, &u.TotalChatLines, &u.Joins, &u.TotalTimeConnected, &u.LastSeen)
	}
	if s.Period == PeriodAll {
		t.Users, err = collect(ctx, q, "top users", scan, `SELECT u.username, u.total_chat_lines, `+columns+`
			FROM user_stats u WHERE u.channel = ? AND u.total_chat_lines > 0
			ORDER BY u.total_chat_lines DESC, u.username LIMIT ?`, o.Channel, limited(o.Limit))
		return t, err
	}
	// The plus keeps the period's lines together: by name the whole table would
	// have to be read.
	t.Users, err = collect(ctx, q, "top users", scan, `SELECT u.username, c.lines, `+columns+`
		FROM (SELECT username, count(*) AS lines FROM chat_messages
			WHERE channel = ?1 AND time_ms > ?2 AND notice = '' AND username <> ''
			GROUP BY +username COLLATE NOCASE) c
		JOIN user_stats u ON u.channel = ?1 AND u.username = c.username
		ORDER BY c.lines DESC, u.username LIMIT ?3`, o.Channel, s.SinceMS, limited(o.Limit))
	return t, err
}
