package cytubetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
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
	nth     int  // of the lines of people without a connection; 0 for a client's
}

var (
	controls = regexp.MustCompile("[\x00-\x1f]+")
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
	if c.said == before || p.v != nil {
		return 0, nil
	}
	return c.history[len(c.history)-1].Time, nil
}

// ForgetChat takes the first n of all lines ever said by people without a
// connection out of the history, and what clients said before those: a join
// brings only later ones again.
func (c *Channel) ForgetChat(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, line := range slices.Backward(c.history) {
		if line.nth > 0 && line.nth <= n {
			c.history = slices.Delete(c.history, 0, i+1)
			return
		}
	}
}

// chat takes a line of a client.
func (v *visitor) chat(args []json.RawMessage) {
	var line struct {
		Msg  string
		Meta struct{ Modflair any }
	}
	if !v.shaped("chatMsg", args, chatShape, &line) || v.person == nil {
		return
	}
	meta := map[string]any{}
	if flair, ok := line.Meta.Modflair.(float64); ok && flair == v.person.rank && flair >= moderator {
		meta["modflair"] = flair
	}
	if take := func() { v.c.sayWith(v.person, line.Msg, meta) }; !v.troubled(take) {
		take()
	}
}

func (c *Channel) say(p *person, text string) { c.sayWith(p, text, map[string]any{}) }

// sayWith does what comes before the flood limit: what is refused here is not
// counted under it.
func (c *Channel) sayWith(p *person, text string, meta map[string]any) {
	if !c.may(p, "chat") {
		c.dropped.Forbidden++
		return
	}
	text = cutUTF16(text)
	if p.v != nil && p.v.tooNew(text) {
		return
	}
	text = controls.ReplaceAllString(text, " ")
	if blank(text) {
		c.dropped.Blank++
		return
	}
	if text, ok := c.drink(p, text, meta); ok {
		c.process(p, text, meta)
	}
}

// process counts a line under the flood limit, carries out a command, which may
// lead here again, and shows the line.
func (c *Channel) process(p *person, text string, meta map[string]any) {
	if !strings.Contains(text, "/afk") {
		c.setAFK(p, false)
	}
	if p.v != nil && p.v.cooling(c.limitOf(p)) {
		return
	}
	if strings.HasPrefix(text, ">") {
		meta["addClass"] = "greentext"
	}
	if run, ok := commandOf(text); ok {
		run(c, p, text, meta)
		return
	}
	if p.mute == muted {
		c.dropped.Muted++
		if p.v != nil {
			p.v.emit("noflood", map[string]any{"action": "chat", "msg": "You have been muted on this channel."})
		}
		return
	}
	line := &chatLine{Username: p.name, Msg: c.toHTML(text), Meta: meta, Time: c.chatTime()}
	if p.v != nil {
		c.noteShown(Shown{Author: p.name, Text: text, HTML: line.Msg, TimeMS: line.Time, Shadow: p.mute == shadowMuted})
	}
	if p.mute == shadowMuted {
		c.whisper(line)
		return
	}
	if p.v == nil {
		c.said++
		line.nth = c.said
	}
	c.history = append(c.history, line)
	if extra := len(c.history) - c.cfg.History; extra > 0 {
		c.history = slices.Delete(c.history, 0, extra)
	}
	c.count(func(*Ledger) { c.countLine(line) })
	c.send("chatMsg", line)
}

// whisper shows the line of somebody shadow-muted to all who are so, to those
// without a name, and to moderators. It is not kept in the history.
func (c *Channel) whisper(line *chatLine) {
	shadow := *line
	shadow.Meta = maps.Clone(line.Meta)
	shadow.Meta["shadow"] = true
	for _, v := range c.visitors {
		if v.inside && (v.person == nil || v.person.mute == shadowMuted) {
			v.emit("chatMsg", line)
		}
		if v.inside && v.rank() >= moderator {
			v.emit("chatMsg", shadow)
		}
	}
}

// newUserDelays are how long somebody who is new may not write, and not write
// links.
type newUserDelays struct{ chat, links time.Duration }

// tooNew reports whether the client may not write this yet, and tells it so.
func (v *visitor) tooNew(text string) bool {
	here, delays := time.Since(v.since), v.c.newUser
	reason := ""
	switch {
	case v.person == nil || v.person.rank >= moderator:
	case here < delays.chat:
		reason = "NEW_USER_CHAT"
	case here < delays.links && anyLink.MatchString(text):
		reason = "NEW_USER_CHAT_LINK"
	}
	if reason == "" {
		return false
	}
	v.c.dropped.Filtered++
	v.emit("spamFiltered", map[string]string{"reason": reason})
	return true
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
	c.clearChat(by)
}

func (c *Channel) clearChat(by string) {
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

// blank reports whether the server finds nothing in a line but space.
func blank(text string) bool {
	return strings.TrimFunc(text, func(r rune) bool {
		switch r {
		case '\t', '\n', '\v', '\f', '\r', '\u2028', '\u2029', '\uFEFF':
			return true
		}
		return unicode.Is(unicode.Zs, r)
	}) == ""
}

func cutUTF16(text string) string {
	units := utf16.Encode([]rune(text))
	if len(units) <= maxLine {
		return text
	}
	return string(utf16.Decode(units[:maxLine]))
}
