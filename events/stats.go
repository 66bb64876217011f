package events

// Counts is how many are there: logged in to chat, and connected in all.
type Counts struct {
	Chat      int64
	Connected int64
}

func (p *Counts) fields(c *coder) {
	c.integer("chat_count", &p.Chat, "user_count")
	c.integer("connected_count", &p.Connected, "connected_users")
}

// StatusUpdate is the state of the bot and its channel; a nil field is unknown
// or did not change. Its fields travel inside "status_data"; older publishers
// sent them flat.
type StatusUpdate struct {
	BotName          *string
	BotRank          *float64
	BotAFK           *bool
	ChannelName      *string
	ChatUsers        *int64
	ConnectedUsers   *int64
	PlaylistItems    *int64
	MediaTitle       *string
	MediaDuration    *string
	BotStartTime     *int64
	BotConnected     *bool
	BotDisconnectWhy *string
}

func (p *StatusUpdate) fields(c *coder) { c.group("status_data", p.status) }

func (p *StatusUpdate) status(c *coder) {
	c.optStr("bot_name", &p.BotName, "name")
	c.optFloat("bot_rank", &p.BotRank, "rank")
	c.optBool("bot_afk", &p.BotAFK, "is_afk", "afk")
	c.optStr("channel_name", &p.ChannelName)
	c.optInt("current_chat_users", &p.ChatUsers, "chat_users", "chat_count", "user_count")
	c.optInt("current_connected_users", &p.ConnectedUsers, "connected_users", "connected_count")
	c.optInt("playlist_items", &p.PlaylistItems)
	c.optStr("current_media_title", &p.MediaTitle, "media_title")
	c.optStr("current_media_duration", &p.MediaDuration, "media_duration")
	c.optInt("bot_start_time", &p.BotStartTime, "start_time")
	c.optBool("bot_connected", &p.BotConnected, "connected")
	c.optStr("disconnect_reason", &p.BotDisconnectWhy)
}
