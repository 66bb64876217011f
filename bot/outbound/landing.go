package outbound

import (
	"encoding/json"
	"strings"
	"time"
)

// landing is the end of a line on the wire.
type landing struct {
	what   outcome
	timeMS int64         // the channel's time of an echo
	pause  time.Duration // what a refusal for flooding asks for
	heard  time.Time
}

// outcome is one way a line can end.
type outcome int

const (
	echoed  outcome = iota + 1
	muted           // the server said so
	flooded         // dropped by the flood limit
	spam            // the account is too new, or the link is not allowed
	absent          // the recipient is not in the channel
	refused         // otherwise not taken
	gone            // the line to the channel was lost first
	silence         // nothing came in time
)

// refusal reads an event that says that a line was dropped. It reports false for
// any other.
func refusal(event string, args []json.RawMessage) (landing, bool) {
	switch event {
	case "noflood":
		var w struct {
			Action string `json:"action"`
		}
		return landing{what: muted}, decodeFirst(args, &w) && w.Action == "chat"
	case "cooldown":
		var ms float64
		if !decodeFirst(args, &ms) || !(ms > 0) {
			ms = 0
		}
		return landing{what: flooded, pause: seconds(ms / 1000)}, true
	case "spamFiltered":
		return landing{what: spam}, true
	case "errorMsg":
		var w struct {
			Msg string `json:"msg"`
		}
		if !decodeFirst(args, &w) {
			return landing{}, false
		}
		v := classify(w.Msg)
		return v, v.what != 0
	}
	return landing{}, false
}

// classify reads the server's words about a line it did not take. What is about
// something else has no outcome.
func classify(text string) landing {
	switch {
	case strings.HasPrefix(text, "PM failed:") && strings.HasSuffix(text, "isn't connected to this channel."):
		return landing{what: absent}
	case strings.HasPrefix(text, "PM failed:"), strings.HasPrefix(text, "You can't PM"), strings.HasPrefix(text, "You must be signed in to send PM"),
		strings.HasPrefix(text, "Unexpected error for message pm:"), strings.HasPrefix(text, "Unexpected error for message chatMsg:"):
		return landing{what: refused}
	}
	return landing{}
}
