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
	about  kind // the lines that it can be about
}

// kind tells chat lines and private messages apart. The zero value is either.
type kind int

const (
	_ kind = iota
	publicKind
	privateKind
)

// fits reports whether a refusal can be about a line.
func (v landing) fits(f *flight) bool {
	switch v.about {
	case publicKind:
		return f.recipient == ""
	case privateKind:
		return f.recipient != ""
	}
	return true
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
	silence         // nothing came in time, or nothing that is surely about this line
)

// refusal reads an event that says that a line was dropped. It reports false for
// any other.
func refusal(event string, args []json.RawMessage) (landing, bool) {
	switch event {
	case "noflood":
		var w struct {
			Action string `json:"action"`
		}
		return landing{what: muted, about: publicKind}, decodeFirst(args, &w) && w.Action == "chat"
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
		return landing{what: absent, about: privateKind}
	case strings.HasPrefix(text, "PM failed:"), strings.HasPrefix(text, "You must be signed in to send PM"),
		strings.HasPrefix(text, "Unexpected error for message pm:"):
		return landing{what: refused, about: privateKind}
	case strings.HasPrefix(text, "Unexpected error for message chatMsg:"):
		return landing{what: refused, about: publicKind}
	}
	return landing{}
}

// isToOneself reports whether an event is the answer to a private message to
// oneself, in which nothing is ever said: compose refuses those.
func isToOneself(event string, args []json.RawMessage) bool {
	var w struct {
		Msg string `json:"msg"`
	}
	return event == "errorMsg" && decodeFirst(args, &w) && w.Msg == toOneself
}
