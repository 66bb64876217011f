package outbound

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxText is the greatest length of a text, in bytes of UTF-8.
	MaxText = 16 << 10
	// MaxKey is the greatest length of a caller's key.
	MaxKey = 200
	// maxAhead is how far ahead a message can be scheduled.
	maxAhead = 366 * 24 * time.Hour
)

// Request asks for a message to be sent.
type Request struct {
	Channel string
	Text    string
	// Recipient makes it a private message to this user.
	Recipient string
	// Long says what to do when the text is too long for one line: LongSplit, which
	// is the default, or LongRefuse.
	Long string
	// Key makes a repeated request queue nothing new, for as long as the queue knows
	// the first one.
	Key string
	// NotBefore delays it; zero does not.
	NotBefore time.Time
}

var (
	channelPattern   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,30}$`)
	recipientPattern = regexp.MustCompile(`^[A-Za-z0-9_\x{c0}-\x{ff}-]{1,20}$`)
)

// ValidChannel reports whether a channel can have that name.
func ValidChannel(name string) bool { return channelPattern.MatchString(name) }

// normal returns the request as it is kept, or what is wrong with it: the error is
// an *InvalidError.
func (r Request) normal(now time.Time) (Request, error) {
	if !ValidChannel(r.Channel) {
		return r, &InvalidError{"channel", "is not a channel's name: 1 to 30 letters, digits, - and _"}
	}
	r.Channel = strings.ToLower(r.Channel)
	switch {
	case r.Text == "":
		return r, &InvalidError{"message", "is empty"}
	case len(r.Text) > MaxText:
		return r, &InvalidError{"message", "is longer than 16384 bytes"}
	case !utf8.ValidString(r.Text):
		return r, &InvalidError{"message", "is not valid UTF-8"}
	case blank(r.Text):
		return r, &InvalidError{"message", "is blank"}
	case r.Recipient != "" && !recipientPattern.MatchString(r.Recipient):
		return r, &InvalidError{"recipient", "is not a user's name: 1 to 20 letters, digits, - and _"}
	case r.Long != "" && r.Long != LongSplit && r.Long != LongRefuse:
		return r, &InvalidError{"long", `is neither "split" nor "refuse"`}
	case len(r.Key) > MaxKey:
		return r, &InvalidError{"key", "is longer than 200 bytes"}
	case !utf8.ValidString(r.Key):
		return r, &InvalidError{"key", "is not valid UTF-8"}
	case r.NotBefore.After(now.Add(maxAhead)):
		return r, &InvalidError{"not_before", "is more than a year ahead"}
	}
	if r.Long == LongSplit {
		r.Long = ""
	}
	if !r.NotBefore.After(now) {
		r.NotBefore = time.Time{}
	}
	return r, nil
}

// blank reports whether nothing of a text would be seen. The site drops such lines.
func blank(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return !unicode.IsSpace(c) && !unicode.IsControl(c) }) < 0
}

// message is the request as a new message.
func (r Request) message(id int64, now time.Time) Message {
	m := Message{
		ID: id, Channel: r.Channel, Text: r.Text, Recipient: r.Recipient, Long: r.Long, Key: r.Key,
		State: Queued, QueuedMS: now.UnixMilli(),
	}
	if !r.NotBefore.IsZero() {
		m.NotBeforeMS = r.NotBefore.UnixMilli()
	}
	return m
}

// asks reports whether a message is what the request asks for. Its time is free: a
// repeated request may count it from its own.
func (r Request) asks(m Message) bool {
	return m.Key == r.Key && m.Text == r.Text && m.Recipient == r.Recipient && m.Long == r.Long
}

// newID is an id that grows with time; the last digits are random, so that two
// programs rarely choose the same.
func newID(now time.Time) int64 {
	return min(max(now.UnixMilli(), 0)*1000+rand.Int64N(1000)+1, MaxID)
}

// keyID is the id of a caller's key.
func keyID(channel, key string) int64 {
	sum := sha256.Sum256([]byte(channel + "\x00" + key))
	return int64(binary.BigEndian.Uint64(sum[:8])%MaxID) + 1
}
