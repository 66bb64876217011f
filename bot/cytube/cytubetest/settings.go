package cytubetest

import (
	"crypto/md5" //nolint:gosec // the protocol names styles by their MD5
	"encoding/base64"
	"time"

	"github.com/gorilla/websocket"
)

type announcement struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
	From  string `json:"from"`
}

// SetMotd changes the message of the day, which is HTML.
func (c *Channel) SetMotd(html string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.motd = html
	c.send("setMotd", html)
}

// SetPassword changes the channel's password; "" removes it.
func (c *Channel) SetPassword(password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.password = password
	c.send("channelOpts", c.options())
}

// SetPermission changes the rank that something takes, such as "chat".
func (c *Channel) SetPermission(name string, rank float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.permission[name] = rank
	c.send("setPermissions", c.permission)
}

// may reports whether somebody has the permission.
func (c *Channel) may(p *person, name string) bool { return p.rank >= c.permission[name] }

// SetAntiflood turns on the channel's own flood limit, for those below rank 2,
// with so many lines at once and then so many a second; 0 turns it off. As on a
// real server it allows no more than 20 and 10.
func (c *Channel) SetAntiflood(burst int, sustained float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flood.on = burst > 0
	if c.flood.on {
		c.flood.Burst, c.flood.Sustained = min(burst, floodBurst), min(sustained, floodSustained)
		c.flood.Cooldown = float64(c.flood.Burst) / c.flood.Sustained
	}
	c.send("channelOpts", c.options())
}

// SetNewUserDelays says for how long after they came clients below rank 2 may
// not write at all, and may not write links. A real server goes by the age of
// the account or address.
func (c *Channel) SetNewUserDelays(chat, links time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newUser = newUserDelays{chat, links}
	c.send("channelOpts", c.options())
}

// SetFilter puts a filter on the chat, such as DefaultFilters; nil is none. It is
// given what is between the links of a line, escaped, and returns HTML.
func (c *Channel) SetFilter(filter func(string) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filter = filter
}

// Announce puts up a notice of the site, which is also shown to those who
// connect later.
func (c *Channel) Announce(from, title, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.announced = &announcement{ID: sid(c.nextSID), Title: title, Text: text, From: from}
	c.nextSID++
	for _, v := range c.visitors {
		if v.connected {
			v.emit("announcement", c.announced)
		}
	}
}

// Event sends any event to every client in the channel.
func (c *Channel) Event(event string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send(event, args...)
}

// Raw sends a frame as it is to every connected client.
func (c *Channel) Raw(frame string) { c.raw(queuedFrame{websocket.TextMessage, frame}) }

// RawBinary sends a binary frame to every connected client.
func (c *Channel) RawBinary(frame string) { c.raw(queuedFrame{websocket.BinaryMessage, frame}) }

func (c *Channel) raw(frame queuedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.visitors {
		if v.connected {
			v.enqueue(frame)
		}
	}
}

// options is the payload of channelOpts. It holds the password, as it does on a
// real server.
func (c *Channel) options() map[string]any {
	var password any = false
	if c.password != "" {
		password = c.password
	}
	return map[string]any{
		"allow_voteskip": true, "voteskip_ratio": 0.5, "afk_timeout": 600, "pagetitle": c.cfg.Name, "maxlength": 0,
		"externalcss": "", "externaljs": "", "chat_antiflood": c.flood.on, "chat_antiflood_params": c.flood,
		"show_public": false, "enable_link_regex": true, "password": password, "allow_dupes": false,
		"torbanned": false, "block_anonymous_users": false, "allow_ascii_control": false, "playlist_max_per_user": 0,
		"new_user_chat_delay": int(c.newUser.chat.Seconds()), "new_user_chat_link_delay": int(c.newUser.links.Seconds()),
		"playlist_max_duration_per_user": 0,
	}
}

// permissions are the ranks a new channel asks for.
var permissions = map[string]float64{
	"seeplaylist": -1, "playlistadd": 1.5, "playlistnext": 1.5, "playlistmove": 1.5, "playlistdelete": 2,
	"playlistjump": 1.5, "playlistaddlist": 1.5, "oplaylistadd": -1, "oplaylistnext": 1.5, "oplaylistmove": 1.5,
	"oplaylistdelete": 2, "oplaylistjump": 1.5, "oplaylistaddlist": 1.5, "playlistaddcustom": 3, "playlistaddrawfile": 2,
	"playlistaddlive": 1.5, "exceedmaxlength": 2, "addnontemp": 2, "settemp": 2, "playlistshuffle": 2, "playlistclear": 2,
	"pollctl": 1.5, "pollvote": -1, "viewhiddenpoll": 1.5, "voteskip": -1, "viewvoteskip": 1.5, "mute": 1.5, "kick": 1.5,
	"ban": 2, "motdedit": 3, "filteredit": 3, "filterimport": 3, "emoteedit": 3, "emoteimport": 3, "playlistlock": 2,
	"leaderctl": 2, "drink": 1.5, "chat": 0, "chatclear": 2, "exceedmaxitems": 2, "deletefromchannellib": 2,
	"exceedmaxdurationperuser": 2,
}

func cssJS(css, js string) map[string]any {
	return map[string]any{"css": css, "cssHash": hash(css), "js": js, "jsHash": hash(js)}
}

func hash(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}
