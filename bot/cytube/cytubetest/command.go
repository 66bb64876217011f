package cytubetest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// command is what a chat line that begins with a slash and a known word does. The
// text is the whole line.
type command func(c *Channel, p *person, text string, meta map[string]any)

// commands are those the server knows. Any other line with a slash is ordinary
// text. Only me, sp and say lead to a line in the chat; of the rest most answer
// nothing, whether they did something or not.
var commands map[string]command

func init() {
	commands = map[string]command{
		"me": cmdMe, "sp": cmdSpoiler, "say": cmdSay, "rcv": cmdSay, "shout": cmdSay,
		"clear": cmdClear, "afk": cmdAFK,
		"mute": cmdMute(muted), "smute": cmdMute(shadowMuted), "unmute": cmdUnmute, "unsmute": cmdUnmute,
		"kick": cmdKick, "ban": cmdBan, "ipban": cmdBan, "banip": cmdBan,
	}
	for _, name := range []string{
		"a", "kickanons", "clean", "cleantitle", "poll", "hpoll", "rank",
		// Words that every object of the server's language knows: a line such as
		// "/constructor" is looked up among the commands, found, and lost.
		"constructor", "toString", "toLocaleString", "valueOf", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable",
		"__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__",
	} {
		commands[name] = func(c *Channel, _ *person, _ string, _ map[string]any) { c.dropped.Command++ }
	}
}

// commandOf returns the command that a line is.
func commandOf(text string) (command, bool) {
	rest, ok := strings.CutPrefix(text, "/")
	if !ok {
		return nil, false
	}
	name, _, _ := strings.Cut(rest, " ")
	cmd, ok := commands[name]
	return cmd, ok
}

// afterFirst is the line without its first word.
func afterFirst(text string) string {
	_, rest, _ := strings.Cut(text, " ")
	return rest
}

func (p *person) refuse(problem string) {
	if p.v != nil {
		p.v.emit("errorMsg", map[string]string{"msg": problem})
	}
}

func cmdMe(c *Channel, p *person, text string, meta map[string]any) {
	meta["addClass"], meta["action"] = "action", true
	c.process(p, afterFirst(text), meta)
}

func cmdSpoiler(c *Channel, p *person, text string, meta map[string]any) {
	meta["addClass"] = "spoiler"
	c.process(p, afterFirst(text), meta)
}

func cmdSay(c *Channel, p *person, text string, meta map[string]any) {
	if p.rank < 1.5 {
		c.dropped.Command++
		return
	}
	meta["addClass"], meta["addClassToNameAndTimestamp"], meta["forceShowName"] = "shout", true, true
	c.process(p, afterFirst(text), meta)
}

func cmdClear(c *Channel, p *person, _ string, _ map[string]any) {
	c.dropped.Command++
	if c.may(p, "chatclear") {
		c.clearChat(p.name)
	}
}

func cmdAFK(c *Channel, p *person, _ string, _ map[string]any) {
	c.dropped.Command++
	c.setAFK(p, !p.afk)
}

func cmdMute(kind muteKind) command {
	return func(c *Channel, p *person, text string, _ map[string]any) {
		c.dropped.Command++
		if !c.may(p, "mute") {
			return
		}
		word, _, _ := strings.Cut(text, " ")
		name, _, _ := strings.Cut(strings.ToLower(afterFirst(text)), " ")
		target := c.find(name)
		switch {
		case !strings.Contains(text, " "):
			p.refuse(word + " requires a target name")
		case target == nil:
			p.refuse(fmt.Sprintf("%s target %s not present in channel.", word, name))
		case target.rank >= p.rank:
			p.refuse(fmt.Sprintf("%s failed - %s has equal or higher rank than you.", word, target.name))
		default:
			c.setMute(target, kind)
		}
	}
}

func cmdUnmute(c *Channel, p *person, text string, _ map[string]any) {
	c.dropped.Command++
	if !c.may(p, "mute") {
		return
	}
	name, _, _ := strings.Cut(strings.ToLower(afterFirst(text)), " ")
	switch target := c.find(name); {
	case strings.EqualFold(name, p.name):
		p.refuse("You are not allowed to unmute yourself")
	case c.muted[name] == unmuted:
		p.refuse(name + " is not muted.")
	case target == nil:
		delete(c.muted, name)
	default:
		c.setMute(target, unmuted)
	}
}

func cmdKick(c *Channel, p *person, text string, _ map[string]any) {
	c.dropped.Command++
	if !c.may(p, "kick") {
		return
	}
	name, reason, _ := strings.Cut(afterFirst(text), " ")
	switch target := c.find(name); {
	case strings.TrimSpace(name) == "":
		p.refuse("No kick target specified.  If you're trying to kick anonymous users, use /kickanons")
	case target == nil:
	case target.rank >= p.rank:
		p.refuse("You do not have permission to kick " + target.name)
	default:
		_ = c.kick(target.name, reason) // present, as was just seen
	}
}

func cmdBan(c *Channel, p *person, text string, _ map[string]any) {
	c.dropped.Command++
	name, _, _ := strings.Cut(strings.ToLower(afterFirst(text)), " ")
	switch target := c.find(name); {
	case strings.TrimSpace(name) == "":
		p.refuse("No ban target specified.")
	case !c.may(p, "ban"):
		p.refuse("You do not have ban permissions on this channel")
	case target != nil && target.rank >= p.rank:
		p.refuse("You don't have permission to ban " + target.name)
	default:
		c.ban(name)
	}
}

var drinkCommand = regexp.MustCompile(`^/d(-?[0-9]*)`)

// drink does to a line what the command /d does, for those who may. It reports
// whether there is still a line to show.
func (c *Channel) drink(p *person, text string, meta map[string]any) (string, bool) {
	m := drinkCommand.FindStringSubmatch(text)
	if m == nil || !c.may(p, "drink") {
		return text, true
	}
	count, err := strconv.Atoi(m[1])
	rest := strings.TrimSpace(text[len(m[0]):])
	switch {
	case err != nil: // no number: one drink
		count, text = 1, strings.TrimSpace(text[2:])+" drink!"
	case count < -10_000 || count > 10_000:
		c.dropped.Command++
		return "", false
	case rest == "" && count <= 0:
		c.dropped.Command++
		c.drinks += count
		c.send("drinkCount", c.drinks)
		return "", false
	default:
		text = fmt.Sprintf("%s drink! (x%d)", rest, count)
	}
	c.drinks += count
	c.send("drinkCount", c.drinks)
	meta["addClass"], meta["forceShowName"] = "drink", true
	return text, true
}
