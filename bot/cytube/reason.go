package cytube

import "strings"

// Why a session ended. The words are stable: they are stored and compared.
const (
	ReasonStopped         = "stopped"          // the context of Run ended
	ReasonConnectionLost  = "connection_lost"  // the line broke without a word
	ReasonServerClosed    = "server_closed"    // the server closed the line or the namespace
	ReasonSilence         = "silence"          // nothing was heard for too long
	ReasonJoinTimeout     = "join_timeout"     // connected, but not in the channel in time
	ReasonRefused         = "refused"          // the server refused the connection
	ReasonLoginFailed     = "login_failed"     // the name or password was refused
	ReasonNeedsPassword   = "needs_password"   // the channel wants a password that is absent or wrong
	ReasonKicked          = "kicked"           // thrown out
	ReasonDuplicateLogin  = "duplicate_login"  // the same account joined from elsewhere
	ReasonBanned          = "banned"           // by the channel or the site
	ReasonChannelUnloaded = "channel_unloaded" // the server shut the channel down or reloads it
	ReasonHandlerFailed   = "handler_failed"   // never an Item: seen in State alone
)

// classifyKick turns the text of a kick into a reason.
func classifyKick(text string) string {
	switch {
	case text == "Duplicate login":
		return ReasonDuplicateLogin
	case text == "You're banned!", text == "You are banned from this channel.",
		strings.HasPrefix(text, "This channel has banned connections from Tor"),
		strings.HasPrefix(text, "Channel was banned"):
		return ReasonBanned
	case text == "Channel shutting down", text == "Channel reloading":
		return ReasonChannelUnloaded
	default:
		return ReasonKicked
	}
}

// classifyRefusal turns the message of a refused connection into a reason.
func classifyRefusal(message string) string {
	if strings.Contains(message, "banned") {
		return ReasonBanned
	}
	return ReasonRefused
}
