package cytubetest

import (
	"encoding/json"
	"fmt"
	"strings"
)

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

// pm shows a private message to both. It keeps control characters, may be blank,
// and knows no commands; a mute does not concern it.
func (c *Channel) pm(sender, target *person, text string) {
	text = cutUTF16(text)
	line := chatLine{Username: sender.name, Msg: c.toHTML(text), Meta: map[string]any{}, Time: c.nowMS(), To: target.name}
	if strings.HasPrefix(text, ">") {
		line.Meta["addClass"] = "greentext"
	}
	if sender.v != nil {
		c.noteShown(Shown{Author: sender.name, To: target.name, Text: text, HTML: line.Msg, TimeMS: line.Time})
	}
	for _, p := range []*person{target, sender} {
		if p.v != nil {
			p.v.emit("pm", line)
		}
	}
}

// sendPM takes a private message of a client. That there is nobody to get it
// shows only after it was counted under the flood limit.
func (v *visitor) sendPM(args []json.RawMessage) {
	var pm struct{ To, Msg string }
	if !v.shaped("pm", args, pmShape, &pm) {
		return
	}
	if take := func() { v.takePM(strings.ToLower(pm.To), pm.Msg) }; !v.troubled(take) {
		take()
	}
}

func (v *visitor) takePM(to, text string) {
	refuse := func(problem string) { v.emit("errorMsg", map[string]string{"msg": problem}) }
	switch {
	case v.person == nil:
		refuse("You must be signed in to send PMs")
	case v.tooNew(text):
	case to == strings.ToLower(v.name):
		refuse("You can't PM yourself!")
	case !userName.MatchString(to):
		refuse(fmt.Sprintf("PM failed: %s isn't a valid username.", to))
	case v.cooling(v.c.sitesLimit()):
	case v.c.find(to) == nil:
		refuse(fmt.Sprintf("PM failed: %s isn't connected to this channel.", to))
	default:
		v.c.pm(v.person, v.c.find(to), text)
	}
}
