package speech

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"rosey/bot/outbound"
)

// Kind is what is particular about a message.
type Kind int

// The kinds of messages.
const (
	Plain   Kind = iota
	Private      // goes to one user
	Action       // begins with /me, which counts twice under the flood limit
	Later        // has a time before which it must not be sent
	Split        // takes several lines
	TooLong      // would, and is refused for it
	Command      // the site would carry it out, and show nothing
)

// Asked is one message that the bot was asked to say.
type Asked struct {
	N    int // counts from 1
	Kind Kind
	// Text is what is queued, of so many numbered words.
	Text  string
	Words int
	// To is who gets a private message.
	To string
	// ID is the queue's.
	ID int64
}

// phrases follow the words, so that texts of all sorts come by.
var phrases = []string{
	"", " a < b && b > c", ` "quoted" and 'single'`, " grün ist die Höffnung", " 日本語", " 😀👍🏽 👨‍👩‍👧", " &amp; is not &", " *bold* snake_case_name",
	" see https://example.org/watch?v=1&t=2", " ends with a backslash \\", " ; DROP TABLE users; --", " [sp]the gardener[/sp]",
}

// longWords are more than two lines hold.
const longWords = 80

// Message is the n-th message of a test; private ones go to the given user.
func Message(n int, to string) Asked {
	a := Asked{N: n, Words: 1 + n%3}
	switch {
	case n%17 == 3:
		a.Kind, a.To = Private, to
	case n%23 == 5:
		a.Kind = Action
	case n%29 == 7:
		a.Kind, a.Words = Split, longWords
	case n%31 == 11:
		a.Kind, a.Words = TooLong, longWords
	case n%37 == 13:
		a.Kind = Later
	case n%41 == 17:
		a.Kind = Command
	}
	a.Text = words(n, a.Words)
	switch a.Kind {
	case Action:
		a.Text = "/me " + a.Text
	case Command:
		a.Text = "/poll " + a.Text
	case Split, TooLong:
	default:
		a.Text += phrases[n%len(phrases)]
	}
	return a
}

// PlainMessage is the n-th of messages that are all ordinary lines.
func PlainMessage(n int) Asked {
	a := Asked{N: n, Words: 1 + n%3}
	a.Text = words(n, a.Words) + phrases[n%len(phrases)]
	return a
}

func words(n, count int) string {
	list := make([]string, count)
	for k := range list {
		list[k] = fmt.Sprintf("w%d.%d", n, k+1)
	}
	return strings.Join(list, " ")
}

// Request is how the message is queued. The key makes it safe to ask again.
func (a Asked) Request(channel string) outbound.Request {
	r := outbound.Request{Channel: channel, Text: a.Text, Recipient: a.To, Key: fmt.Sprint("message ", a.N)}
	if a.Kind == TooLong {
		r.Long = outbound.LongRefuse
	}
	return r
}

// line is the one line as which the channel has to show the message.
func (a Asked) line() string { return strings.TrimPrefix(a.Text, "/me ") }

var word = regexp.MustCompile(`w([0-9]+)\.([0-9]+)`)

// wordsOf returns the numbered words of a line: of which message, and which.
func wordsOf(text string) (list [][2]int) {
	for _, m := range word.FindAllStringSubmatch(text, -1) {
		n, errN := strconv.Atoi(m[1])
		k, errK := strconv.Atoi(m[2])
		if errN == nil && errK == nil {
			list = append(list, [2]int{n, k})
		}
	}
	return list
}
