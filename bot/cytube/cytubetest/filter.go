package cytubetest

import (
	"regexp"
	"strings"
)

// heldLink stands for a link while the filters work.
const heldLink = "\uEEEE"

// A link is anything with a scheme, up to the next space.
var anyLink = regexp.MustCompile(`(?i)[0-9a-z_]+://[^\s/:\[\]]+(?::[0-9]+)?(?:/\S*)?`)

// toHTML turns a line into what is on the wire: escaped, filtered, its links made
// such.
func (c *Channel) toHTML(text string) string {
	html := escaper.Replace(text)
	links := anyLink.FindAllString(html, -1)
	html = anyLink.ReplaceAllLiteralString(html, heldLink)
	if c.filter != nil {
		html = c.filter(html)
	}
	for _, url := range links {
		address := strings.ReplaceAll(url, `"`, "&quot;")
		html = strings.Replace(html, heldLink,
			`<a href="`+address+`" target="_blank" rel="noopener noreferrer">`+url+`</a>`, 1)
	}
	return strings.ReplaceAll(html, heldLink, "")
}

// defaults are the filters of a new channel.
var defaults = []struct {
	find    *regexp.Regexp
	replace string
}{
	{regexp.MustCompile("`(.+?)`"), "<code>$1</code>"},
	{regexp.MustCompile(`\*(.+?)\*`), "<strong>$1</strong>"},
	{regexp.MustCompile(`_(.+?)_`), "<em>$1</em>"},
	{regexp.MustCompile(`~~(.+?)~~`), "<s>$1</s>"},
	{regexp.MustCompile(`(?i)\[sp\](.*?)\[/sp\]`), `<span class="spoiler">$1</span>`},
}

// DefaultFilters does to a line what the filters of a new channel do. They take
// the marks out of the text, those of snake_case_names too.
func DefaultFilters(html string) string {
	for _, f := range defaults {
		html = f.find.ReplaceAllString(html, f.replace)
	}
	return html
}
