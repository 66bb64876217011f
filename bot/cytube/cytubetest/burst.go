package cytubetest

// burst sends a client that has come in the state of the channel, in the order
// of a real server. Who is logged in gets the playlist twice.
func (v *visitor) burst() {
	c, rank := v.c, v.rank()
	if v.person != nil {
		v.emit("rank", rank)
	}
	v.emit("setPermissions", c.permission)
	v.emit("setPlaylistLocked", c.playlist.locked)
	v.emit("emoteList", []any{})
	for _, line := range c.history {
		c.countLine(line)
		v.emit("chatMsg", line)
	}
	v.emit("drinkCount", c.drinks)
	v.emit("channelCSSJS", cssJS("", ""))
	v.emit("setMotd", c.motd)
	v.emit("channelOpts", c.options())
	v.sendPlaylist()
	if c.playlist.current != nil {
		v.emit("setCurrent", c.playlist.current.UID)
		v.emit("changeMedia", c.playing())
	}
	if v.person != nil {
		v.sendPlaylist()
	}
	if c.poll != nil {
		c.countPoll()
		v.emit("newPoll", c.poll.json(rank))
	}
	v.emit("userlist", c.userlist(rank))
	if c.leader != "" {
		v.emit("setLeader", c.leader)
	}
	if v.person != nil {
		v.emit("listPlaylists", []any{})
	}
}

// afterLateLogin sends what follows a login of somebody who is inside already.
func (v *visitor) afterLateLogin() {
	p := v.person
	shown := *p
	shown.rank = min(p.rank, 1)
	v.emit("addUser", shown.json(v.account))
	v.emit("rank", p.rank)
	if p.rank >= moderator {
		v.emit("userlist", v.c.userlist(p.rank))
	}
	v.sendPlaylist()
	v.emit("setUserRank", userRank{p.name, p.rank})
}

func (v *visitor) sendPlaylist() {
	c := v.c
	v.emit("setPlaylistMeta", c.playlistMeta())
	v.emit("playlist", c.playlistItems())
	if c.playlist.current != nil {
		v.emit("setCurrent", c.playlist.current.UID)
	}
}
