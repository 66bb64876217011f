package model

import "encoding/json"

// letter is an event that cannot be applied.
type letter struct {
	message
	class string
}

// makesSense reports whether the tables can follow what the event says. An event
// that was read and makes no sense to one table has no effect on any.
func makesSense(e *event) bool {
	switch e.kind {
	case "playlist.replaced":
		_, err := parseList(e.raw("items"))
		return err == nil
	case "poll.opened", "poll.updated":
		var counts []any
		return len(e.raw("counts")) == 0 || json.Unmarshal(e.raw("counts"), &counts) == nil
	case "messages.outbound.mark_sent", "messages.outbound.mark_failed":
		return e.integer("message_id") > 0
	case "operator.gap_accepted":
		return e.integer("first_seq") > 0 && e.integer("last_seq") >= e.integer("first_seq")
	case "operator.stream_adopted":
		return e.text("stream_id") != "" && e.text("previous_id") != ""
	}
	return true
}
