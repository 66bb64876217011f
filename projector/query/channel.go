package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// ChannelSummary is what the tables hold of one channel.
type ChannelSummary struct {
	Channel   string `json:"channel"`
	ChatLines int64  `json:"chat_lines"`
	Users     int64  `json:"users"`
	// Present counts the users whose session is in progress, as of LastObservedMS.
	Present int64 `json:"present"`
	Joins   int64 `json:"joins"`
	Polls   int64 `json:"polls"`
	Media   int64 `json:"media"`

	MaxUsers              *int64 `json:"max_users"`
	MaxUsersTimestamp     *int64 `json:"max_users_timestamp"`
	MaxConnected          *int64 `json:"max_connected"`
	MaxConnectedTimestamp *int64 `json:"max_connected_timestamp"`

	// LastObservedMS is the last moment at which the channel was observed; 0 where
	// nobody told. Whether it is observed now is not in a table.
	LastObservedMS int64 `json:"last_observed_ms"`
	// Status is nil where no bot told one.
	Status *ChannelStatus `json:"current_status"`
}

// ChannelStatus is what the bot told last: the columns of current_status.
type ChannelStatus struct {
	LastUpdated           int64    `json:"last_updated"`
	BotName               *string  `json:"bot_name"`
	BotRank               *float64 `json:"bot_rank"`
	BotAFK                *int64   `json:"bot_afk"`
	ChannelName           *string  `json:"channel_name"`
	CurrentChatUsers      *int64   `json:"current_chat_users"`
	CurrentConnectedUsers *int64   `json:"current_connected_users"`
	PlaylistItems         *int64   `json:"playlist_items"`
	CurrentMediaTitle     *string  `json:"current_media_title"`
	CurrentMediaDuration  *string  `json:"current_media_duration"`
	BotStartTime          *int64   `json:"bot_start_time"`
	BotConnected          *int64   `json:"bot_connected"`
	DisconnectReason      *string  `json:"disconnect_reason"`
}

// ChannelStats summarises a channel, whose name is spelled as Channel returns it.
func ChannelStats(ctx context.Context, q schema.Queryer, channel string) (ChannelSummary, error) {
	s := ChannelSummary{Channel: channel}
	// The lines are those of the users, and of nobody: there are far fewer users than
	// lines to count.
	err := each(ctx, q, "channel_stats", func(r *sql.Rows) error {
		return r.Scan(&s.ChatLines, &s.Users, &s.Present, &s.Joins, &s.Polls, &s.Media,
			&s.MaxUsers, &s.MaxUsersTimestamp, &s.MaxConnected, &s.MaxConnectedTimestamp, &s.LastObservedMS)
	}, `SELECT
			u.lines + (SELECT count(*) FROM chat_messages WHERE channel = ?1 AND username = '' AND notice = ''), u.users,
			(SELECT count(*) FROM user_sessions WHERE channel = ?1 AND ended_seq IS NULL),
			u.joins,
			(SELECT count(*) FROM polls WHERE channel = ?1),
			(SELECT count(*) FROM media_history WHERE channel = ?1),
			c.max_users, c.max_users_timestamp, c.max_connected, c.max_connected_timestamp,
			coalesce((SELECT last_observed_ms FROM channel_observation WHERE channel = ?1), 0)
		FROM (SELECT count(*) AS users, coalesce(sum(joins), 0) AS joins, coalesce(sum(total_chat_lines), 0) AS lines
			FROM user_stats WHERE channel = ?1) u LEFT JOIN channel_stats c ON c.channel = ?1`, channel)
	if err != nil {
		return s, err
	}
	return s, each(ctx, q, "current_status", func(r *sql.Rows) error {
		var c ChannelStatus
		s.Status = &c
		return r.Scan(&c.LastUpdated, &c.BotName, &c.BotRank, &c.BotAFK, &c.ChannelName, &c.CurrentChatUsers, &c.CurrentConnectedUsers,
			&c.PlaylistItems, &c.CurrentMediaTitle, &c.CurrentMediaDuration, &c.BotStartTime, &c.BotConnected, &c.DisconnectReason)
	}, `SELECT last_updated, bot_name, bot_rank, bot_afk, channel_name, current_chat_users, current_connected_users, playlist_items,
			current_media_title, current_media_duration, bot_start_time, bot_connected, disconnect_reason
		FROM current_status WHERE channel = ?`, channel)
}
