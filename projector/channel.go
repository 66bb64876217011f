package projector

import (
	"context"
	"database/sql"

	"rosey/events"
	"rosey/schema"
)

// channel projects channel_stats, user_count_history and current_status.
type channel struct {
	marks   map[string]*highWater
	history bulk
	status  bulk
}

// highWater holds the two marks of a channel, each with its own time.
type highWater struct {
	chat, connected     int64
	chatAt, connectedAt int64 // Unix seconds
	dirty               bool
}

const statusColumns = "bot_name, bot_rank, bot_afk, channel_name, current_chat_users, current_connected_users, playlist_items, " +
	"current_media_title, current_media_duration, bot_start_time, bot_connected, disconnect_reason"

func newChannel() projection {
	return &channel{
		marks:   map[string]*highWater{},
		history: bulk{head: "INSERT INTO user_count_history (seq, channel, timestamp, chat_users, connected_users) VALUES", cols: 5},
		status: bulk{
			head: "INSERT INTO current_status (channel, last_updated, " + statusColumns + ") VALUES", cols: 14,
			// A row with many events for one channel in one statement applies them in
			// turn; what an update does not mention stays.
			tail: `ON CONFLICT (channel) DO UPDATE SET last_updated = max(last_updated, excluded.last_updated),
				bot_name = coalesce(excluded.bot_name, bot_name), bot_rank = coalesce(excluded.bot_rank, bot_rank),
				bot_afk = coalesce(excluded.bot_afk, bot_afk), channel_name = coalesce(excluded.channel_name, channel_name),
				current_chat_users = coalesce(excluded.current_chat_users, current_chat_users),
				current_connected_users = coalesce(excluded.current_connected_users, current_connected_users),
				playlist_items = coalesce(excluded.playlist_items, playlist_items),
				current_media_title = coalesce(excluded.current_media_title, current_media_title),
				current_media_duration = coalesce(excluded.current_media_duration, current_media_duration),
				bot_start_time = coalesce(excluded.bot_start_time, bot_start_time),
				bot_connected = coalesce(excluded.bot_connected, bot_connected),
				disconnect_reason = coalesce(excluded.disconnect_reason, disconnect_reason)`,
		},
	}
}

func (c *channel) load(ctx context.Context, q schema.Queryer) error {
	return each(ctx, q, func(r *sql.Rows) error {
		var name string
		var h highWater
		if err := r.Scan(&name, &h.chat, &h.chatAt, &h.connected, &h.connectedAt); err != nil {
			return err
		}
		c.marks[name] = &h
		return nil
	}, "SELECT channel, max_users, max_users_timestamp, max_connected, max_connected_timestamp FROM channel_stats")
}

func (c *channel) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (c *channel) fold(f *fact) error {
	if f.watch.lost {
		c.update(f, &events.StatusUpdate{BotConnected: ptr(false), BotDisconnectWhy: ptr(reasonLost)})
	}
	if !f.leading {
		return nil
	}
	switch e := f.Payload.(type) {
	case *events.Counts:
		c.mark(f, e)
		if f.Kind == events.KindUserCount {
			c.history.add(int64(f.seq), f.Channel, seconds(f.TimeMS), e.Chat, e.Connected)
		}
	case *events.StatusUpdate:
		c.update(f, e)
	case *events.BotStarted, *events.BotConnected:
		c.update(f, &events.StatusUpdate{BotConnected: ptr(false)})
	case *events.BotJoined:
		c.update(f, &events.StatusUpdate{BotConnected: ptr(true), BotName: &e.Username, BotDisconnectWhy: ptr("")})
	case *events.BotDisconnected:
		c.update(f, &events.StatusUpdate{BotConnected: ptr(false), BotDisconnectWhy: &e.Reason})
	case *events.BotStopped:
		c.update(f, &events.StatusUpdate{BotConnected: ptr(false), BotDisconnectWhy: &e.Reason})
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

// mark raises the marks; only a strictly greater count is a new one.
func (c *channel) mark(f *fact, e *events.Counts) {
	h := c.marks[f.Channel]
	if h == nil {
		h = &highWater{}
		c.marks[f.Channel] = h
	}
	if e.Chat > h.chat {
		h.chat, h.chatAt, h.dirty = e.Chat, seconds(f.TimeMS), true
	}
	if e.Connected > h.connected {
		h.connected, h.connectedAt, h.dirty = e.Connected, seconds(f.TimeMS), true
	}
}

func (c *channel) update(f *fact, s *events.StatusUpdate) {
	var afk, connected any
	if s.BotAFK != nil {
		afk = boolean(*s.BotAFK)
	}
	if s.BotConnected != nil {
		connected = boolean(*s.BotConnected)
	}
	c.status.add(f.Channel, seconds(f.TimeMS), optional(s.BotName), optional(s.BotRank), afk, optional(s.ChannelName),
		optional(s.ChatUsers), optional(s.ConnectedUsers), optional(s.PlaylistItems), optional(s.MediaTitle), optional(s.MediaDuration),
		optional(s.BotStartTime), connected, optional(s.BotDisconnectWhy))
}

func (c *channel) flush(ctx context.Context, w *writer) error {
	const columns = "max_users, max_users_timestamp, max_connected, max_connected_timestamp"
	b := &bulk{head: "INSERT INTO channel_stats (channel, " + columns + ") VALUES", cols: 5, tail: upsert("channel", columns)}
	for _, name := range sortedKeys(c.marks) {
		if h := c.marks[name]; h.dirty {
			h.dirty = false
			b.add(name, h.chat, h.chatAt, h.connected, h.connectedAt)
		}
	}
	if err := b.flush(ctx, w); err != nil {
		return err
	}
	if err := c.history.flush(ctx, w); err != nil {
		return err
	}
	return c.status.flush(ctx, w)
}
