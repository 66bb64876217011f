package projector

import (
	"fmt"
	"strings"

	"rosey/events"
	"rosey/streams"
)

// Item is one message of the stream, decoded.
type Item struct {
	Msg   streams.Message
	Event *events.Event
	// Failure says why Event is nil.
	Failure *Failure
	// Erased is how many sequences just before this one are proven to be missing
	// from the stream.
	Erased uint64

	timed bool // the publisher gave a time finer than a second
	// channel is what is known of the channel of an event that cannot be read.
	channel string
}

// part is the part of a larger event that the item carries, if it does.
func (it *Item) part() (*events.BotPart, bool) {
	if it.Event == nil {
		return nil, false
	}
	p, ok := it.Event.Payload.(*events.BotPart)
	return p, ok
}

// Reason classes of dead letters: one word each, to be counted and compared.
const (
	ClassSubject = "subject" // the subject carries no events
	ClassDecode  = "decode"  // the payload cannot be read
	ClassFold    = "fold"    // the payload makes no sense to a projection
	ClassParts   = "parts"   // the parts do not make a whole
)

// Failure is why an event cannot be applied.
type Failure struct {
	Class  string
	Reason string
}

// DecoderVersion changes whenever a decoder reads the same bytes differently.
const DecoderVersion = 3

// Decode turns a message into an item. It never fails: what cannot be read
// becomes an item with a Failure.
func Decode(d *events.Decoder, m streams.Message) Item {
	it := Item{Msg: m}
	kind, channel, ok := d.Subject(m.Subject)
	if !ok {
		it.Failure = &Failure{Class: ClassSubject, Reason: "no event travels on this subject"}
		return it
	}
	e, err := d.Decode(kind, m.Data)
	if err != nil {
		it.Failure, it.channel = &Failure{Class: ClassDecode, Reason: err.Error()}, channel
		return it
	}
	if e.Channel == "" {
		e.Channel = channel
	}
	if reason := unfit(e); reason != "" {
		it.Failure, it.channel = &Failure{Class: ClassDecode, Reason: reason}, e.Channel
		return it
	}
	it.Event, it.timed = e, e.TimeMS%1000 != 0
	return it
}

// farMS is beyond any time that is meant, and so far below what an integer holds
// that sums of times stay whole.
const farMS = 100_000_000_000_000

// unfit names what no row could hold as it was meant.
func unfit(e *events.Event) string {
	for _, ms := range [...]int64{e.TimeMS, e.ReceivedMS} {
		if ms > farMS || ms < -farMS {
			return fmt.Sprintf("%d milliseconds is not a time", ms)
		}
	}
	// SQLite compares names without case only up to such a character.
	var name string
	switch p := e.Payload.(type) {
	case *events.MessageLog:
		name = p.Username
	case *events.MessagePrivate:
		name = p.Username
	case *events.UserJoined:
		name = p.Username
	case *events.UserLeft:
		name = p.Username
	case *events.UserUpdated:
		name = p.Username
	case *events.Poll:
		name = p.Initiator
	case *events.PollClosed:
		name = p.Initiator
	case *events.UserRoster:
		for i := range p.Users {
			if strings.IndexByte(p.Users[i].Username, 0) >= 0 {
				name = p.Users[i].Username
			}
		}
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "a name with a NUL character"
	}
	return ""
}
