package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// User is what is known of one user in one channel.
type User struct {
	Channel        string `json:"channel"`
	Username       string `json:"username"`
	FirstSeen      int64  `json:"first_seen"`
	LastSeen       int64  `json:"last_seen"`
	TotalChatLines int64  `json:"total_chat_lines"`
	Joins          int64  `json:"joins"`
	Sessions       int64  `json:"sessions"`
	// TotalTimeConnected is the seconds of finished sessions.
	TotalTimeConnected int64 `json:"total_time_connected"`
	// TimeConnectedSoFar adds the session in progress, up to LastObservedMS.
	TimeConnectedSoFar int64 `json:"time_connected_so_far"`
	// LastObservedMS is the last moment at which the channel was observed; 0 where
	// nobody told.
	LastObservedMS int64 `json:"last_observed_ms"`
	// AFKMS is the away time of finished sessions.
	AFKMS int64 `json:"afk_ms"`
	// CurrentSessionStart is nil for a user who is not present.
	CurrentSessionStart *int64 `json:"current_session_start"`
	// Rank is the last one known.
	Rank *float64 `json:"rank"`
}

// UserStats returns a user's statistics in a channel, or in every channel that
// knows the name when none is given. The error is ErrNotFound when none does.
func UserStats(ctx context.Context, q schema.Queryer, channel, name string) ([]User, error) {
	channels := []string{channel}
	if channel == "" {
		var err error
		if channels, err = Channels(ctx, q); err != nil {
			return nil, err
		}
	}
	list := []User{}
	for _, c := range channels {
		// Channel by channel, because the key begins with it.
		users, err := userOf(ctx, q, c, name)
		if err != nil {
			return nil, err
		}
		list = append(list, users...)
	}
	if len(list) == 0 {
		return nil, &NotFoundError{What: "user", Name: name, Channel: channel}
	}
	return list, nil
}

// userOf is the user in one channel, if that knows the name.
func userOf(ctx context.Context, q schema.Queryer, channel, name string) ([]User, error) {
	return collect(ctx, q, "user_stats", func(r *sql.Rows, u *User) error {
		return r.Scan(&u.Channel, &u.Username, &u.FirstSeen, &u.LastSeen, &u.TotalChatLines, &u.Joins, &u.Sessions,
			&u.TotalTimeConnected, &u.TimeConnectedSoFar, &u.LastObservedMS, &u.AFKMS, &u.CurrentSessionStart, &u.Rank)
	}, `SELECT u.channel, u.username, u.first_seen, u.last_seen, u.total_chat_lines, u.joins,
			(SELECT count(*) FROM user_sessions s WHERE s.channel = u.channel AND s.username = u.username),
			u.total_time_connected,
			(u.connected_ms + coalesce((SELECT sum(max(0, o.last_observed_ms - s.started_ms)) FROM user_sessions s
				WHERE s.channel = u.channel AND s.username = u.username AND s.ended_ms IS NULL), 0)) / 1000,
			coalesce(o.last_observed_ms, 0), u.afk_ms, u.current_session_start, u.rank
		FROM user_stats u LEFT JOIN channel_observation o ON o.channel = u.channel
		WHERE u.channel = ? AND u.username = ?`, channel, name)
}
