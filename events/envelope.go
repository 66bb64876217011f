package events

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Version is the payload version that Encode writes for events without one.
const Version = 1

// PlatformCyTube is the platform of events recorded by this program.
const PlatformCyTube = "cytube"

// Event is one fact about a channel: the envelope, and a payload by kind.
type Event struct {
	// ID is "<producer>-<sequence>". Older publishers sent none; such an event
	// is identified by its place in the stream.
	ID string
	// V is the version of the payload.
	V int
	// Platform is where the channel lives, "cytube".
	Platform string
	// Channel is the name of the channel.
	Channel string
	// TimeMS is when it happened, in Unix milliseconds: the platform's own time
	// where it gives one, else the time of reading.
	TimeMS int64
	// ReceivedMS is when the bot read it, in Unix milliseconds.
	ReceivedMS int64
	// Kind says what happened. It travels in the subject, not in the body.
	Kind Kind
	// Payload holds the fields of the kind; nil for kinds without a type.
	Payload Payload
	// PlatformData is the original event name and its arguments as JSON. An
	// event that the bot itself derived has none.
	PlatformData json.RawMessage
	// Extra holds top-level fields that this program does not know, in order.
	Extra []Field
}

// Field is one top-level field carried through unread.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Payload is the typed part of an event. Its one method lists the fields once,
// for reading and for writing.
type Payload interface {
	fields(c *coder)
}

// MakeID returns the ID of a producer's event.
func MakeID(producer string, sequence uint64) string {
	return producer + "-" + strconv.FormatUint(sequence, 10)
}

// ParseID is the inverse of MakeID. It reports false for IDs of publishers that
// number differently, and for sequence 0: sequences start at 1.
func ParseID(id string) (producer string, sequence uint64, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if looksLikeUUID(id) {
		return "", 0, false
	}
	if i <= 0 || i == len(id)-1 || id[i+1] == '0' || id[i+1] == '+' {
		return "", 0, false
	}
	n, err := strconv.ParseUint(id[i+1:], 10, 63)
	if err != nil || n == 0 {
		return "", 0, false
	}
	return id[:i], n, true
}

// looksLikeUUID tells the ids of publishers that do not number their events: the
// last group of a UUID can consist of digits alone.
func looksLikeUUID(id string) bool {
	return len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-'
}

// Observed is the moment the event stands for on the recorder's own clock: when
// the bot read it, or, for publishers that do not say, when it happened.
func (e *Event) Observed() int64 {
	if e.ReceivedMS != 0 {
		return e.ReceivedMS
	}
	return e.TimeMS
}

// Default fills what an older publisher left out: the time of the stream for an
// event without a time, the configured channel for one without a channel.
func (e *Event) Default(streamTimeMS int64, channel string) {
	if e.TimeMS == 0 {
		e.TimeMS = e.ReceivedMS
	}
	if e.TimeMS == 0 {
		e.TimeMS = streamTimeMS
	}
	if e.Channel == "" {
		e.Channel = channel
	}
	if e.Platform == "" {
		e.Platform = PlatformCyTube
	}
}
