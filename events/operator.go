package events

import (
	"crypto/sha256"
	"encoding/hex"
)

// GapAccepted is an operator's decision to go on without messages that the
// stream no longer holds. It is about the stream, not about a channel.
type GapAccepted struct {
	// FirstSeq and LastSeq are the sequences given up.
	FirstSeq int64
	LastSeq  int64
	// CheckpointSeq is the last sequence that the database had applied; 0 for a
	// database made from nothing.
	CheckpointSeq int64
}

func (p *GapAccepted) fields(c *coder) {
	c.integer("first_seq", &p.FirstSeq)
	c.integer("last_seq", &p.LastSeq)
	c.integer("checkpoint_seq", &p.CheckpointSeq)
}

// StreamAdopted is an operator's decision that this stream continues another
// one, of which it is a restored or promoted copy.
type StreamAdopted struct {
	// StreamID is the identity of this stream, PreviousID that of the other.
	StreamID   string
	PreviousID string
	// Seq and MsgID name the message that both hold, at the checkpoint of the
	// database for which the decision was taken. Seq is 0 for one that had applied
	// nothing.
	Seq   int64
	MsgID string
}

func (p *StreamAdopted) fields(c *coder) {
	c.str("stream_id", &p.StreamID)
	c.str("previous_id", &p.PreviousID)
	c.integer("seq", &p.Seq)
	c.text("msg_id", &p.MsgID)
}

// DecisionID derives an operator's event's ID from what was decided, so that a
// second append of the same decision is recognised. No producer's ID looks like
// it: such an event is identified by its place in the stream.
func DecisionID(e *Event) (string, error) {
	bare := Event{Kind: e.Kind, Payload: e.Payload}
	data, err := Encode(&bare)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return string(e.Kind) + ":" + hex.EncodeToString(sum[:8]), nil
}
