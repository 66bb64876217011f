// Package events defines what Rosey records: the envelope every event shares,
// the kinds of events, their payloads, and the codec between an Event and the
// JSON object that travels in a stream message.
//
// The package owns three things that everything else relies on. One table maps
// kinds to subjects, with and without a channel token (see Subject and
// ParseSubject). Encode and Decode are an inverse pair: what one writes the
// other reads back, fields it does not know included. And every older spelling
// that publishers have used is accepted by Decode for good, because a stream
// keeps what was written years ago.
//
// There is no I/O here and no clock. Where a message stands in the stream is
// known to the stream alone; an Event never carries its stream sequence.
package events
