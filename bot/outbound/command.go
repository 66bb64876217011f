package outbound

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// styles are the commands that show a line in another way, and whether they ask
// for a rank: the server says nothing to whoever has less.
var styles = map[string]bool{"me": false, "sp": false, "say": true, "rcv": true, "shout": true}

// shoutRank is the rank of those who may shout.
const shoutRank = 1.5

// maxStyles is how many of them one line may begin with. Each counts as a line.
const maxStyles = 3

// silent are words that show no line when they follow a slash: commands, and what
// every object of the server's language knows, where it looks its commands up.
var silent = []string{
	"clear", "a", "afk", "mute", "smute", "unmute", "unsmute", "kick", "kickanons", "ban", "ipban", "banip",
	"clean", "cleantitle", "poll", "hpoll", "rank",
	"constructor", "toString", "toLocaleString", "valueOf", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable",
	"__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__",
}

// wording is a chat text taken apart as the server does it.
type wording struct {
	prefix string // the style commands it begins with
	body   string // what is shown
	weight int    // how often the server counts the line
	shouts bool   // it takes shoutRank
	silent bool   // it would never be shown
}

// word takes a clean text apart.
func word(text string) wording {
	w := wording{body: text, weight: 1}
	for {
		rest, slash := strings.CutPrefix(w.body, "/")
		if !slash {
			return w
		}
		name, after, spaced := strings.Cut(rest, " ")
		if slices.Contains(silent, name) {
			w.silent = true
			return w
		}
		ranked, style := styles[name]
		if !style {
			return w
		}
		if w.weight > maxStyles {
			w.silent = true // not for ever, but it would hardly ever pass
			return w
		}
		w.prefix += "/" + name
		if spaced {
			w.prefix += " "
		}
		w.body, w.weight, w.shouts = after, w.weight+1, w.shouts || ranked
	}
}

var drinkPattern = regexp.MustCompile(`^/d(-?[0-9]*)`)

// drink is what the server makes of a line for those who may count drinks. It
// reports false for a text that is no such line; then, what is shown, empty where
// nothing is.
func drink(text string) (shown string, isDrink bool) {
	m := drinkPattern.FindStringSubmatch(text)
	if m == nil {
		return text, false
	}
	rest := text[len("/d"):]
	if m[1] == "" || m[1] == "-" {
		return strings.TrimSpace(rest) + " drink!", true
	}
	n, err := strconv.Atoi(m[1])
	rest = strings.TrimSpace(strings.Replace(rest, m[1], "", 1))
	if err != nil || n < -10_000 || n > 10_000 || rest == "" && n <= 0 {
		return "", true
	}
	return rest + " drink! (x" + strconv.Itoa(n) + ")", true
}
