package outbound

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// units is the length of a text as the server counts it: in UTF-16.
func units(text string) (n int) {
	for _, c := range text {
		n += width(c)
	}
	return n
}

// width is how many UTF-16 units a character takes.
func width(c rune) int {
	if c >= 0x10000 {
		return 2
	}
	return 1
}

// placeholder stands for links inside the server's filters, which cannot do with
// one that somebody wrote.
const placeholder = '\ueeee'

// clean is a text as the server will have it. Each run of control characters in
// the chat becomes one space: doing so first keeps what follows from depending on
// the channel's options. Private messages keep theirs.
func clean(text string, private bool) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	var b strings.Builder
	b.Grow(len(text))
	inRun := false
	for _, c := range text {
		control := c < 0x20 && !private
		switch {
		case control && !inRun:
			b.WriteByte(' ')
		case control:
		case c == placeholder:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(c)
		}
		inRun = control
	}
	return b.String()
}

// split cuts a text into lines of at most so many units, at the ends of words where
// there are any. Each line begins with the prefix. A line that would begin like a
// command, or change its looks, begins with a space instead.
func split(prefix, text string, limit int) []string {
	if units(prefix)+units(text) <= limit {
		return []string{prefix + text}
	}
	var lines []string
	for first := true; ; first = false {
		room, lead := limit-units(prefix), ""
		if !first {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
			if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ">") {
				lead = " "
			}
		}
		room -= units(lead)
		if units(text) <= room {
			if text != "" {
				lines = append(lines, prefix+lead+text)
			}
			return lines
		}
		end := cut(text, room)
		if line := strings.TrimRightFunc(text[:end], unicode.IsSpace); line != "" {
			lines = append(lines, prefix+lead+line)
		}
		text = text[end:]
	}
}

// cut is where a text of more than so many units is cut: after the last word that
// fits, else between two characters as a reader sees them, else between any two.
func cut(text string, room int) int {
	word, seen, any := 0, 0, 0
	n := 0
	var before rune
	flags := 0 // regional indicators in a row before i
	for i, c := range text {
		if i > 0 {
			any = i
			if !joins(before, c, flags) {
				seen = i
			}
			if unicode.IsSpace(c) && !unicode.IsSpace(before) {
				word = i
			}
		}
		if n += width(c); n > room {
			break
		}
		if regional(c) {
			flags++
		} else {
			flags = 0
		}
		before = c
	}
	switch {
	case word > 0 && strings.TrimSpace(text[:word]) != "":
		return word
	case seen > 0:
		return seen
	case any > 0:
		return any
	}
	// One character alone is wider than the room: there is no better place.
	_, size := utf8.DecodeRuneInString(text)
	return size
}

const joiner = '\u200d'

func regional(c rune) bool { return c >= 0x1F1E6 && c <= 0x1F1FF }

// joins reports whether a reader sees two characters as one. flags is how many
// regional indicators end with the first: two of them make a flag.
func joins(a, b rune, flags int) bool {
	switch {
	case a == joiner, b == joiner, a == '\r' && b == '\n':
		return true
	case b >= 0x1F3FB && b <= 0x1F3FF: // skin tones
		return true
	case b >= 0xE0020 && b <= 0xE007F: // tags of sub-national flags
		return true
	case regional(a) && regional(b):
		return flags%2 == 1
	}
	return unicode.In(b, unicode.Mn, unicode.Me, unicode.Mc) || hangulPart(b)
}

// hangulPart reports whether a character goes on with a Korean syllable.
func hangulPart(c rune) bool { return c >= 0x1160 && c <= 0x11FF }
