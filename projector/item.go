package projector

import (
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
const DecoderVersion = 1

// Decode turns a message into an item. It never fails: what cannot be read
// becomes an item with a Failure.
func Decode(d *events.Decoder, m streams.Message) Item {
	it := Item{Msg: m}
	kind, channel, ok := events.ParseSubject(m.Subject)
	if !ok {
		it.Failure = &Failure{Class: ClassSubject, Reason: "no event travels on this subject"}
		return it
	}
	e, err := d.Decode(kind, m.Data)
	if err != nil {
		it.Failure = &Failure{Class: ClassDecode, Reason: err.Error()}
		return it
	}
	if e.Channel == "" {
		e.Channel = channel
	}
	it.Event = e
	return it
}
