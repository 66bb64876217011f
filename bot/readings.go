package bot

import "rosey/events"

// readings is the one table from CyTube's events to ours. An event that is not
// here travels under its own name, below events.KindCyTubePrefix.
var readings = map[string]reading{
	"userlist":       {kind: events.KindUserRoster, read: readUserList},
	"addUser":        {kind: events.KindUserJoined, read: readAddUser},
	"userLeave":      {kind: events.KindUserLeft, read: readUserLeave},
	"setAFK":         {kind: events.KindUserUpdated, read: readSetAFK},
	"setUserMeta":    {kind: events.KindUserUpdated, read: readSetUserMeta},
	"setUserRank":    {kind: events.KindUserUpdated, read: readSetUserRank},
	"setUserProfile": {kind: events.KindUserUpdated, read: readSetUserProfile},

	"chatMsg": {kind: events.KindMessageLog, read: readChatMsg},
	"pm":      {kind: events.KindMessagePrivate, read: readPM},

	"changeMedia": {kind: events.KindMediaChanged, read: readChangeMedia},
	"mediaUpdate": {kind: events.KindMediaUpdated, read: readMediaUpdate},

	"playlist":          {kind: events.KindPlaylistReplaced, argsIn: "items", read: readPlaylist},
	"queue":             {kind: events.KindPlaylistAdded, read: readQueue},
	"delete":            {kind: events.KindPlaylistRemoved, read: readDelete},
	"moveVideo":         {kind: events.KindPlaylistMoved, read: readMoveVideo},
	"setTemp":           {kind: events.KindPlaylistTemp, read: readSetTemp},
	"setCurrent":        {kind: events.KindPlaylistCurrent, read: readSetCurrent},
	"setPlaylistMeta":   {kind: events.KindPlaylistMeta, read: readSetPlaylistMeta},
	"setPlaylistLocked": {kind: events.KindPlaylistLocked, read: readSetPlaylistLocked},

	"newPoll":    {kind: events.KindPollOpened, read: readNewPoll},
	"updatePoll": {kind: events.KindPollUpdated, read: readUpdatePoll},
	"closePoll":  {kind: events.KindPollClosed, read: readClosePoll},

	"setMotd":        {kind: events.KindChannelMotd, read: readSetMotd},
	"channelOpts":    {kind: events.KindChannelOptions, argsIn: "options", read: readChannelOpts},
	"setPermissions": {kind: events.KindChannelPermissions, argsIn: "permissions", read: readSetPermissions},
	"channelCSSJS":   {kind: events.KindChannelStyle, argsIn: "style", read: readChannelCSSJS},
	"emoteList":      {kind: events.KindChannelEmotes, argsIn: "emotes", read: readEmoteList},
	"updateEmote":    {kind: events.KindChannelEmoteUpdated, read: readEmote},
	"renameEmote":    {kind: events.KindChannelEmoteRenamed, read: readEmote},
	"removeEmote":    {kind: events.KindChannelEmoteRemoved, read: readEmote},
	"clearchat":      {kind: events.KindChannelChatCleared, read: readClearChat},
	"setLeader":      {kind: events.KindChannelLeader, read: readSetLeader},
	"drinkCount":     {kind: events.KindChannelDrinkCount, read: readDrinkCount},
	"announcement":   {kind: events.KindChannelAnnouncement, read: readAnnouncement},

	"kick": {kind: events.KindBotKicked, read: readKick},

	// Read for the bot's own sake alone.
	"login":     {read: readLogin},
	"rank":      {read: readRank},
	"usercount": {read: readUserCount},
}
