package outbound

import "strings"

// line is one line as it is written to the wire.
type line struct {
	text   string
	weight int
	// shown is what a reader can see of it, were the channel without filters.
	shown []string
}

// speaker is what decides over a message before it is sent.
type speaker struct {
	name      string // empty while the bot has none; then it says nothing
	rank      float64
	chatRank  float64 // who may chat
	drinkRank float64 // whose lines can begin with /d
	shadow    bool    // known to be shadow-muted
}

// compose makes the lines of a message, or says why it will never be shown.
func compose(m Message, by speaker, limit int) (lines []line, reason string) {
	text := clean(m.Text, m.Private())
	if m.Long == LongRefuse && units(text) > limit {
		return nil, ReasonTooLong
	}
	if m.Private() {
		if strings.EqualFold(m.Recipient, by.name) {
			return nil, ReasonRefused // the site knows no such thing, and its answer says something else: see question
		}
		for _, part := range split("", text, limit) {
			lines = append(lines, line{text: part, weight: 1, shown: []string{part}})
		}
		return lines, ""
	}
	w := word(text)
	drunk, drinks := drink(text)
	drinks = drinks && by.rank >= by.drinkRank
	switch {
	case blank(strings.ReplaceAll(text, "\uFEFF", " ")): // a mark of the byte order is space to the server
		return nil, ReasonRefused
	case by.rank < by.chatRank, w.shouts && by.rank < shoutRank:
		return nil, ReasonNoPermission
	case by.shadow:
		return nil, ReasonMuted
	case w.silent, drinks && (drunk == "" || word(drunk).weight > 1 || word(drunk).silent):
		return nil, ReasonCommand
	case units(w.prefix) > limit/2:
		return nil, ReasonTooLong
	}
	for i, part := range split(w.prefix, w.body, limit) {
		l := line{text: part, weight: w.weight, shown: []string{part[len(w.prefix):]}}
		if d, ok := drink(part); i == 0 && ok {
			l.shown = append(l.shown, d)
		}
		lines = append(lines, l)
	}
	return lines, ""
}
