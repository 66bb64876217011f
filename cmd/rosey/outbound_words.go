package main

import (
	"fmt"
	"strings"
	"time"

	"rosey/bot/outbound"
)

// reasonWords say for a person why a message was not sent, or not yet, and what
// would help.
var reasonWords = map[string]struct{ why, help string }{
	outbound.ReasonMuted:        {"the bot is muted in the channel", "let a moderator unmute the bot"},
	outbound.ReasonNoPermission: {"the bot's rank may not chat in the channel", "give the bot the rank that chatting takes there"},
	outbound.ReasonFiltered:     {"the channel's spam filter took it", "word it differently; the account of the bot may be too new for links"},
	outbound.ReasonFlood:        {"the channel's flood control refused it", "wait a while"},
	outbound.ReasonNoEcho:       {"the channel did not show it in time", ""},
	outbound.ReasonNotShown:     {"the channel did not show it", ""},
	outbound.ReasonAbsent:       {"the recipient was not in the channel", "wait until the recipient is there"},
	outbound.ReasonRefused:      {"the channel refused it", ""},
	outbound.ReasonTooLong:      {"it is longer than one line of the channel", "shorten it, or leave --refuse-long out: then it is split"},
	outbound.ReasonCommand:      {"it begins like a command of the channel, and would not be shown", "begin it differently"},
	outbound.ReasonDisconnected: {"the bot lost the channel while it was on its way", ""},
	outbound.ReasonMarked:       {"another program was to send it, and gave no reason", ""},
	outbound.ReasonRestored:     {"the queue was restored from a backup, and the original may have said it since", ""},
}

// why says for what reason, in words.
func why(reason string) string {
	if w, ok := reasonWords[reason]; ok {
		return w.why
	}
	return printable(reason)
}

// told is the story of a message in one line: where it is, and why.
func told(m outbound.View, now time.Time) string {
	because := func(text string) string {
		if m.Reason == "" {
			return text
		}
		return text + ": " + why(m.Reason)
	}
	switch m.State {
	case outbound.Queued:
		return because(waits(m, now))
	case outbound.Claimed:
		return "about to be sent"
	case outbound.Sending:
		return "on its way"
	case outbound.Sent:
		return shownAt(m)
	case outbound.Failed:
		return because("not sent, for good")
	case outbound.Abandoned:
		return because(fmt.Sprintf("given up, tried %s", times(m.Attempts)))
	case outbound.Unknown:
		return because("nobody can tell whether it was shown")
	case outbound.Cancelled:
		return "taken back before it was sent"
	}
	return printable(string(m.State))
}

// shownAt says when the channel showed a message. One that another program sent
// may have no time.
func shownAt(m outbound.View) string {
	if m.SentMS == 0 {
		return "as another program says"
	}
	return "shown " + moment(m.SentMS)
}

// inBrief is a message's state as one cell of a list.
func inBrief(m outbound.View, now time.Time) string {
	text := printable(string(m.State))
	switch m.State {
	case outbound.Queued:
		text += ", " + waits(m, now)
	case outbound.Sent:
		return text + ", " + shownAt(m)
	}
	if m.Reason != "" {
		text += ": " + why(m.Reason)
	}
	return text
}

// waits says what a message waits for.
func waits(m outbound.View, now time.Time) string {
	ms := now.UnixMilli()
	switch {
	case m.NextAttemptMS > ms && m.NextAttemptMS >= m.NotBeforeMS:
		if m.Attempts == 0 {
			return "again " + ahead(m.NextAttemptMS, now)
		}
		return fmt.Sprintf("tried %s, again %s", times(m.Attempts), ahead(m.NextAttemptMS, now))
	case m.NotBeforeMS > ms:
		return "not before " + moment(m.NotBeforeMS)
	}
	return "waits for its turn"
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// ago says how long something is past, roughly.
func ago(ms int64, now time.Time) string {
	if ms <= 0 {
		return "-"
	}
	return roughly(now.Sub(time.UnixMilli(ms)))
}

// ahead says how far something is ahead.
func ahead(ms int64, now time.Time) string {
	left := time.UnixMilli(ms).Sub(now)
	if left <= 0 {
		return "now"
	}
	return "in " + roughly(left)
}

// roughly rounds a duration to what a person would say.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// nextStep is what a person can do about a message, empty where there is nothing
// to do.
func nextStep(m outbound.View, flags string) string {
	retry := fmt.Sprintf("rosey outbound retry %d%s", m.ID, flags)
	switch m.State {
	case outbound.Failed, outbound.Abandoned:
		if help := reasonWords[m.Reason].help; help != "" {
			switch m.Reason {
			case outbound.ReasonTooLong, outbound.ReasonCommand, outbound.ReasonFiltered:
				return help // the same text would fare no better
			}
			return help + "; then " + retry
		}
		return retry
	case outbound.Unknown:
		return "look into the channel; " + retry + " sends it again, so that it may be there twice"
	case outbound.Sending:
		return fmt.Sprintf("rosey outbound show %d%s   (it is on its way, and cannot be taken back)", m.ID, flags)
	case outbound.Queued, outbound.Claimed:
		return fmt.Sprintf("rosey outbound show %d%s   (it stays queued; rosey outbound cancel %d%s takes it back)", m.ID, flags, m.ID, flags)
	}
	return ""
}

// notCancelled says why a message cannot be taken back.
func notCancelled(m outbound.View) string {
	switch m.State {
	case outbound.Sent:
		return sentAt(m) + "; it cannot be taken back"
	case outbound.Sending:
		return "is on its way; it cannot be taken back any more"
	case outbound.Claimed:
		return "is about to be sent; it can be taken back only if that comes to nothing"
	case outbound.Cancelled:
		return "was taken back before"
	case outbound.Failed, outbound.Abandoned, outbound.Unknown:
		return "is over: " + told(m, time.Now()) + "; there is nothing to take back"
	}
	return "has changed meanwhile: try again"
}

// notRetried says why a message cannot be sent again.
func notRetried(m outbound.View) string {
	switch m.State {
	case outbound.Sent:
		return sentAt(m) + "; to say it once more, send it anew"
	case outbound.Cancelled:
		return "was taken back; send it anew"
	case outbound.Queued:
		return "is in the queue as it is: " + told(m, time.Now())
	case outbound.Claimed:
		return "is about to be sent as it is"
	case outbound.Sending:
		return "is on its way; what becomes of it has to be known first"
	}
	return "has changed meanwhile: try again"
}

// sentAt says when a message was sent, as the end of "message 7".
func sentAt(m outbound.View) string {
	if m.SentMS == 0 {
		return "was sent, as another program says"
	}
	return "was sent at " + moment(m.SentMS)
}

// whoIsThere says whether somebody can say a message now.
func whoIsThere(bot string) string {
	switch bot {
	case outbound.BotPresent:
		return "a bot is there now"
	case outbound.BotAnonymous:
		return "the bot is an anonymous visitor and cannot speak: it is sent once one with a name is there"
	case outbound.BotComing:
		return "a bot runs and is trying to get into the channel: it is sent once it is there"
	case outbound.BotAbsent:
		return "no bot is there now: it is sent once one is"
	}
	return "whether a bot is there now cannot be told"
}

// toHaveABot is what a person can do where no bot is in the channel. A second one
// would not get in either where the first cannot.
func toHaveABot(bot string, running bool, channel, flags string) string {
	command := "rosey up" // which runs everything
	if running {
		command = "rosey bot"
	}
	switch bot {
	case outbound.BotAnonymous:
		return "start the bot with --username   (it is an anonymous visitor and cannot speak)"
	case outbound.BotComing:
		return "wait: a bot runs and is trying to get into the channel, and its log says what keeps it out"
	case outbound.BotAbsent:
		return command + " https://cytu.be/r/" + channel + flags + "   (no bot is in the channel)"
	}
	return ""
}

// clipped is a text as one cell of a table.
func clipped(text string, width int) string {
	return clip(printable(strings.Join(strings.Fields(text), " ")), width)
}
