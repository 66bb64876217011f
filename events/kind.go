package events

import "strings"

// Kind names what happened, such as "message.log". A kind is also the subject
// of its events below SubjectPrefix.
type Kind string

// The kinds of events. Kinds below KindCyTubePrefix are open-ended: there is
// one for each CyTube event that has no kind of its own.
const (
	KindUserJoined  Kind = "user.joined"
	KindUserLeft    Kind = "user.left"
	KindUserRoster  Kind = "user.roster"
	KindUserUpdated Kind = "user.updated"

	KindMessageLog     Kind = "message.log"
	KindMessagePrivate Kind = "message.private"

	KindUserCount Kind = "stats.user_count"
	KindHighWater Kind = "stats.high_water"

	KindStatusUpdate Kind = "status.update"

	KindMediaChanged Kind = "media.changed"
	KindMediaUpdated Kind = "media.updated"
	KindMediaEnded   Kind = "media.ended"

	KindPlaylistReplaced Kind = "playlist.replaced"
	KindPlaylistAdded    Kind = "playlist.added"
	KindPlaylistRemoved  Kind = "playlist.removed"
	KindPlaylistMoved    Kind = "playlist.moved"
	KindPlaylistTemp     Kind = "playlist.temp"
	KindPlaylistCurrent  Kind = "playlist.current"
	KindPlaylistMeta     Kind = "playlist.meta"
	KindPlaylistLocked   Kind = "playlist.locked"

	KindPollOpened  Kind = "poll.opened"
	KindPollUpdated Kind = "poll.updated"
	KindPollClosed  Kind = "poll.closed"

	KindChannelMotd         Kind = "channel.motd"
	KindChannelOptions      Kind = "channel.options"
	KindChannelPermissions  Kind = "channel.permissions"
	KindChannelStyle        Kind = "channel.style"
	KindChannelEmotes       Kind = "channel.emotes"
	KindChannelEmoteUpdated Kind = "channel.emote_updated"
	KindChannelEmoteRenamed Kind = "channel.emote_renamed"
	KindChannelEmoteRemoved Kind = "channel.emote_removed"
	KindChannelChatCleared  Kind = "channel.chat_cleared"
	KindChannelLeader       Kind = "channel.leader"
	KindChannelDrinkCount   Kind = "channel.drink_count"
	KindChannelAnnouncement Kind = "channel.announcement"

	KindBotStarted      Kind = "bot.started"
	KindBotRecording    Kind = "bot.recording"
	KindBotConnected    Kind = "bot.connected"
	KindBotJoined       Kind = "bot.joined"
	KindBotDisconnected Kind = "bot.disconnected"
	KindBotKicked       Kind = "bot.kicked"
	KindBotStopped      Kind = "bot.stopped"
	KindBotUnreadable   Kind = "bot.unreadable"
	KindBotPart         Kind = "bot.part"
	KindBotSetAside     Kind = "bot.set_aside"

	KindMarkSent   Kind = "messages.outbound.mark_sent"
	KindMarkFailed Kind = "messages.outbound.mark_failed"

	KindGapAccepted   Kind = "operator.gap_accepted"
	KindStreamAdopted Kind = "operator.stream_adopted"
)

// KindCyTubePrefix begins the kind of every CyTube event without a kind of its
// own; the event's name follows as one token.
const KindCyTubePrefix = "cytube."

// KindOperatorPrefix begins the kinds of operators' decisions.
const KindOperatorPrefix = "operator."

// kinds is the one table of kinds: each with the payload it carries. A nil
// payload constructor cannot occur here; kinds not listed carry none.
var kinds = map[Kind]func() Payload{
	KindUserJoined:  func() Payload { return new(UserJoined) },
	KindUserLeft:    func() Payload { return new(UserLeft) },
	KindUserRoster:  func() Payload { return new(UserRoster) },
	KindUserUpdated: func() Payload { return new(UserUpdated) },

	KindMessageLog:     func() Payload { return new(MessageLog) },
	KindMessagePrivate: func() Payload { return new(MessagePrivate) },

	KindUserCount: func() Payload { return new(Counts) },
	KindHighWater: func() Payload { return new(Counts) },

	KindStatusUpdate: func() Payload { return new(StatusUpdate) },

	KindMediaChanged: func() Payload { return new(MediaChanged) },
	KindMediaUpdated: func() Payload { return new(MediaUpdated) },
	KindMediaEnded:   func() Payload { return new(MediaEnded) },

	KindPlaylistReplaced: func() Payload { return new(PlaylistReplaced) },
	KindPlaylistAdded:    func() Payload { return new(PlaylistAdded) },
	KindPlaylistRemoved:  func() Payload { return new(PlaylistRemoved) },
	KindPlaylistMoved:    func() Payload { return new(PlaylistMoved) },
	KindPlaylistTemp:     func() Payload { return new(PlaylistTemp) },
	KindPlaylistCurrent:  func() Payload { return new(PlaylistCurrent) },
	KindPlaylistMeta:     func() Payload { return new(PlaylistMeta) },
	KindPlaylistLocked:   func() Payload { return new(PlaylistLocked) },

	KindPollOpened:  func() Payload { return new(Poll) },
	KindPollUpdated: func() Payload { return new(Poll) },
	KindPollClosed:  func() Payload { return new(PollClosed) },

	KindChannelMotd:         func() Payload { return new(ChannelMotd) },
	KindChannelOptions:      func() Payload { return new(ChannelOptions) },
	KindChannelPermissions:  func() Payload { return new(ChannelPermissions) },
	KindChannelStyle:        func() Payload { return new(ChannelStyle) },
	KindChannelEmotes:       func() Payload { return new(ChannelEmotes) },
	KindChannelEmoteUpdated: func() Payload { return new(Emote) },
	KindChannelEmoteRenamed: func() Payload { return new(Emote) },
	KindChannelEmoteRemoved: func() Payload { return new(Emote) },
	KindChannelChatCleared:  func() Payload { return new(ChatCleared) },
	KindChannelLeader:       func() Payload { return new(ChannelLeader) },
	KindChannelDrinkCount:   func() Payload { return new(DrinkCount) },
	KindChannelAnnouncement: func() Payload { return new(Announcement) },

	KindBotStarted:      func() Payload { return new(BotStarted) },
	KindBotRecording:    func() Payload { return new(BotRecording) },
	KindBotConnected:    func() Payload { return new(BotConnected) },
	KindBotJoined:       func() Payload { return new(BotJoined) },
	KindBotDisconnected: func() Payload { return new(BotDisconnected) },
	KindBotKicked:       func() Payload { return new(BotKicked) },
	KindBotStopped:      func() Payload { return new(BotStopped) },
	KindBotUnreadable:   func() Payload { return new(BotUnreadable) },
	KindBotPart:         func() Payload { return new(BotPart) },
	KindBotSetAside:     func() Payload { return new(BotSetAside) },

	KindMarkSent:   func() Payload { return new(OutboundMark) },
	KindMarkFailed: func() Payload { return new(OutboundMark) },

	KindGapAccepted:   func() Payload { return new(GapAccepted) },
	KindStreamAdopted: func() Payload { return new(StreamAdopted) },
}

// Kinds lists every kind that has a payload type, in no particular order.
func Kinds() []Kind {
	list := make([]Kind, 0, len(kinds))
	for k := range kinds {
		list = append(list, k)
	}
	return list
}

// Operator reports whether the kind is an operator's decision: about the stream
// as a whole, by no producer and of no channel.
func (k Kind) Operator() bool { return strings.HasPrefix(string(k), KindOperatorPrefix) }

// Known reports whether this program has a payload type for the kind. Events
// of unknown kinds are carried through, never refused.
func (k Kind) Known() bool {
	_, ok := kinds[k]
	return ok
}

// NewPayload returns an empty payload for the kind, nil where it has none.
func (k Kind) NewPayload() Payload {
	if f := kinds[k]; f != nil {
		return f()
	}
	return nil
}

// CyTubeKind is the kind of a CyTube event that has no kind of its own.
func CyTubeKind(event string) Kind {
	return Kind(KindCyTubePrefix + Token(event))
}
