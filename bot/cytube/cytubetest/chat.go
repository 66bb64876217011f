package cytubetest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

const (
	historyLength = 15
	maxLine       = 320 // UTF-16 units
)

// chatLine is the payload of chatMsg, and with To that of pm.
type chatLine struct {
	Username string         `json:"username"`
	Msg      string         `json:"msg"`
	Meta     map[string]any `json:"meta"`
	Time     int64          `json:"time"`
	To       string         `json:"to,omitempty"`

	counted bool // in the Ledger
}

var (
	controls = regexp.MustCompile("[\x00-\x1f]+")
	link     = regexp.MustCompile(`https?://[^\s<"]+`)
	escaper  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// Say lets somebody write a line. A blank line is dropped, as is that of a muted
// person.
func (c *Channel) Say(name, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	c.say(p, text)
	return nil
}

// SayAt is Say for a line of a person without a connection. It returns the time
// that the line bears, in milliseconds, and 0 for one that is not shown.
func (c *Channel) SayAt(name, text string) (timeMS int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return 0, fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	before := c.said
	c.say(p, text)
	if c.said == before {
		return 0, nil
	}
	return c.history[len(c.history)-1].Time, nil
}

// ForgetChat takes the first n of all lines ever said out of the history: a join
// brings only later ones again.
func (c *Channel) ForgetChat(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.said - len(c.history) // lines that are not there any more
	if n = min(n-first, len(c.history)); n > 0 {
		c.history = slices.Delete(c.history, 0, n)
	}
}

func (c *Channel) say(p *person, text string) {
	text = clean(text)
	if strings.TrimSpace(text) == "" {
		return
	}
	if text == "/afk" {
		c.setAFK(p, !p.afk)
		return
	}
	if p.muted {
		if p.v != nil {
			p.v.emit("noflood", map[string]any{"action": "chat", "msg": "You have been muted on this channel."})
		}
		return
	}
	c.setAFK(p, false)
	line := &chatLine{Username: p.name, Meta: map[string]any{}}
	if rest, ok := strings.CutPrefix(text, "/me "); ok {
		text = rest
		line.Meta["addClass"], line.Meta["action"] = "action", true
	} else if strings.HasPrefix(text, ">") {
		line.Meta["addClass"] = "greentext"
	}
	line.Msg, line.Time = toHTML(text), c.chatTime()
	if p.smuted {
		c.whisper(p, line)
		return
	}
	c.said++
	c.history = append(c.history, line)
	if extra := len(c.history) - c.cfg.History; extra > 0 {
		c.history = slices.Delete(c.history, 0, extra)
	}
	c.count(func(*Ledger) { c.countLine(line) })
	c.send("chatMsg", line)
}

// whisper shows the line of a shadow-muted person to them and to moderators.
func (c *Channel) whisper(p *person, line *chatLine) {
	shadow := *line
	shadow.Meta = map[string]any{"shadow": true}
	for _, v := range c.visitors {
		switch {
		case !v.inside:
		case v.person == p:
			v.emit("chatMsg", line)
		case v.rank() >= moderator:
			v.emit("chatMsg", shadow)
		}
	}
}

// chatTime is the time of the next line.
func (c *Channel) chatTime() int64 {
	now := c.nowMS()
	if !c.cfg.DuplicateTimes && now <= c.lastChat {
		now = c.lastChat + 1
	}
	c.lastChat = now
	return now
}

// PM sends a private message to somebody in the channel, and its echo to the
// sender.
func (c *Channel) PM(from, to, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	sender, target := c.find(from), c.find(to)
	if sender == nil || target == nil {
		return fmt.Errorf("%w: %s or %s", ErrAbsent, from, to)
	}
	c.pm(sender, target, text)
	return nil
}

func (c *Channel) pm(sender, target *person, text string) {
	line := chatLine{Username: sender.name, Msg: toHTML(cutUTF16(text)), Meta: map[string]any{}, Time: c.nowMS(), To: target.name}
	for _, p := range []*person{target, sender} {
		if p.v != nil {
			p.v.emit("pm", line)
		}
	}
}

// Notice sends a line of the server's own, "[server]" or "[voteskip]", to
// everybody. It is not kept in the history.
func (c *Channel) Notice(from, html string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := c.notice(html)
	line.Username = from
	c.send("chatMsg", line)
}

// WhisperToModerators sends a "[server]" line to clients of rank 2 and up.
func (c *Channel) WhisperToModerators(html string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendRank(moderator, "chatMsg", c.notice(html))
}

func (c *Channel) notice(html string) chatLine {
	return chatLine{
		Username: "[server]", Msg: html, Time: c.chatTime(),
		Meta: map[string]any{"addClass": "server-whisper", "addClassToNameAndTimestamp": true},
	}
}

// ClearChat empties the chat and its history.
func (c *Channel) ClearChat(by string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history = nil
	c.send("clearchat", map[string]any{"clearedBy": by})
	c.send("chatMsg", c.notice(escaper.Replace(by)+" cleared chat."))
}

// Drink adds to the count of drinks.
func (c *Channel) Drink() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drinks++
	c.send("drinkCount", c.drinks)
}

// clean does to a line what the server does before it looks at it.
func clean(text string) string { return controls.ReplaceAllString(cutUTF16(text), " ") }

func cutUTF16(text string) string {
	units := utf16.Encode([]rune(text))
	if len(units) <= maxLine {
		return text
	}
	return string(utf16.Decode(units[:maxLine]))
}

// toHTML turns a line into what is on the wire.
func toHTML(text string) string {
	return link.ReplaceAllStringFunc(escaper.Replace(text), func(url string) string {
		return `<a href="` + url + `" target="_blank" rel="noopener noreferrer">` + url + `</a>`
	})
}
