package projector

import "rosey/events"

// A fact is one event as the projections see it: applied for the first time, in
// the order of the stream, with what is known about it beyond its payload.
type fact struct {
	*events.Event
	seq      uint64
	streamMS int64
	// at is the moment on the recorder's clock.
	at int64
	// producer and producerSeq are empty for publishers that do not number.
	producer    string
	producerSeq uint64

	// named is whether the event tells what it is apart from its place in the
	// stream: by its producer's number, or by a time finer than a second.
	named bool

	// leading is whether it comes from the producer that leads the recording of
	// its channel: presence, counts and media are taken from that one alone.
	leading bool
	// late is whether the producer has gone on since: a gap is being filled.
	late bool
	// fresh is whether a line of chat is new rather than sent again.
	fresh bool
	// watch is the observation of the channel before and after this event.
	watch watch
}

// latest is the last moment observed once this event has come. The latest word
// of a recorder counts, not the greatest: its clock may have been put right, and
// a moment far ahead would be counted as everybody's time for good.
func (f *fact) latest(before int64) int64 {
	if f.at > before || f.producer != "" && f.ReceivedMS != 0 && !f.late {
		return f.at
	}
	return before
}

// watch tells a projection what an event did to the observation of its channel.
type watch struct {
	// suspended: the observation ended with this event; what was still going on
	// was last seen at lastMS.
	suspended bool
	lastMS    int64
	// resumed: a roster began the observation again, after a gap of gapMS.
	resumed bool
	gapMS   int64
	// lost: the leader ended without a word, as its successor, or
	// whoever leads now, shows.
	lost bool
	// connectedSeq is the bot.connected that the current observation began with.
	connectedSeq uint64
}

// bridgeMS is how long a channel may go unobserved for those still there
// afterwards to count as having stayed.
const bridgeMS = 60_000
