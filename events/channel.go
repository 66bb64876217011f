package events

import "encoding/json"

// ChannelMotd is the message of the day, as HTML.
type ChannelMotd struct{ Motd string }

func (p *ChannelMotd) fields(c *coder) { c.str("motd", &p.Motd) }

// ChannelOptions are the channel's settings, its password replaced.
type ChannelOptions struct{ Options json.RawMessage }

func (p *ChannelOptions) fields(c *coder) { c.raw("options", &p.Options) }

// ChannelPermissions is the least rank for each action.
type ChannelPermissions struct{ Permissions json.RawMessage }

func (p *ChannelPermissions) fields(c *coder) { c.raw("permissions", &p.Permissions) }

// ChannelStyle is the channel's CSS and JavaScript.
type ChannelStyle struct{ Style json.RawMessage }

func (p *ChannelStyle) fields(c *coder) { c.raw("style", &p.Style) }

// ChannelEmotes is the whole list of emotes.
type ChannelEmotes struct{ Emotes json.RawMessage }

func (p *ChannelEmotes) fields(c *coder) { c.raw("emotes", &p.Emotes) }

// Emote is one emote added, changed, renamed (Old) or removed.
type Emote struct {
	Name  string
	Image string
	Old   string
}

func (p *Emote) fields(c *coder) {
	c.str("name", &p.Name)
	c.text("image", &p.Image)
	c.text("old", &p.Old)
}

// ChatCleared says who cleared the chat.
type ChatCleared struct{ Username string }

func (p *ChatCleared) fields(c *coder) { c.str("username", &p.Username) }

// ChannelLeader names who leads the playback; empty for nobody.
type ChannelLeader struct{ Username string }

func (p *ChannelLeader) fields(c *coder) { c.str("username", &p.Username) }

// DrinkCount is the channel's count of drinks; it goes back to 0 with each item.
type DrinkCount struct{ Count float64 }

func (p *DrinkCount) fields(c *coder) { c.float("count", &p.Count) }

// Announcement is a notice of the site's administrators.
type Announcement struct {
	Title string
	Text  string
	From  string
}

func (p *Announcement) fields(c *coder) {
	c.str("title", &p.Title)
	c.str("text", &p.Text)
	c.str("from", &p.From)
}
