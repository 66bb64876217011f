package cytube

import (
	"strings"

	"golang.org/x/net/html"
)

// PlainText is what a person reads in the HTML that CyTube sends for chat lines
// and polls: tags are dropped and entities decoded once. Decoding twice would
// turn what somebody typed into something else.
func PlainText(msg string) string {
	if !strings.ContainsAny(msg, "<&") {
		return msg
	}
	if !strings.Contains(msg, "<") {
		return html.UnescapeString(msg)
	}
	var text strings.Builder
	text.Grow(len(msg))
	tokens := html.NewTokenizer(strings.NewReader(msg))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return text.String()
		case html.TextToken:
			// Not Text: it turns carriage returns into newlines.
			text.WriteString(html.UnescapeString(string(tokens.Raw())))
		case html.StartTagToken:
			// The text inside any tag is text that somebody saw.
			tokens.NextIsNotRawText()
		}
	}
}
