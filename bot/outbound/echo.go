package outbound

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"rosey/bot/cytube"
)

// chatLine is a line of the chat, or a private message, as a reader sees it.
type chatLine struct {
	user   string
	to     string // of a private message
	text   string
	timeMS int64
	shadow bool // shown to moderators alone
}

// maxTimeMS is the largest time a JavaScript date can be.
const maxTimeMS = 8_640_000_000_000_000

// parseLine reads the arguments of chatMsg and pm. It reports false for what is no
// line.
func parseLine(args []json.RawMessage) (chatLine, bool) {
	var w struct {
		Username *string         `json:"username"`
		Msg      *string         `json:"msg"`
		Time     *float64        `json:"time"`
		To       string          `json:"to"`
		Meta     json.RawMessage `json:"meta"`
	}
	if !decodeFirst(args, &w) || w.Username == nil || w.Msg == nil || w.Time == nil {
		return chatLine{}, false
	}
	if *w.Time < 0 || *w.Time > maxTimeMS {
		return chatLine{}, false
	}
	var meta struct {
		Shadow bool `json:"shadow"`
	}
	// How a line is shown is nobody's proof: what is not understood is passed over.
	shadow := json.Unmarshal(w.Meta, &meta) == nil && meta.Shadow
	return chatLine{user: *w.Username, to: w.To, text: cytube.PlainText(*w.Msg), timeMS: int64(*w.Time), shadow: shadow}, true
}

func decodeFirst(args []json.RawMessage, into any) bool {
	return len(args) > 0 && json.Unmarshal(args[0], into) == nil
}

// by reports whether somebody of that name wrote the line.
func (l chatLine) by(name string) bool { return name != "" && strings.EqualFold(l.user, name) }

// notice reports whether the line is the server's own: no user has brackets.
func (l chatLine) notice() bool { return strings.HasPrefix(l.user, "[") }

// likeness is how far a line that was shown is the one that was written.
type likeness int

const (
	unlike likeness = iota
	alike           // but for what filters do: marks that became tags, letters that changed their case
	same            // but for space
)

// compare tells how far a line that was shown is one of those expected.
func compare(shown string, expected []string) likeness {
	best := unlike
	for _, e := range expected {
		switch {
		case slices.Equal(strings.Fields(shown), strings.Fields(e)):
			return same
		case letters(shown) != "" && letters(shown) == letters(e):
			best = alike
		}
	}
	return best
}

// letters is what filters rarely touch.
func letters(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, text)
}
