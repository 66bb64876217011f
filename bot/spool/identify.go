package spool

import (
	"context"
	"fmt"

	"rosey/streams"
)

// identify asks which stream it is that acknowledges, and where it ends. It says
// so where that is not the stream that acknowledged before, or no longer all of
// it: what was sent there is deleted here, and only the gap tells of it.
func (d *drainer) identify(ctx context.Context) (streams.State, error) {
	state, err := d.app.State(ctx)
	if err != nil {
		return state, fmt.Errorf("ask for the stream's state: %w", err)
	}
	d.streamID = state.Identity.ID
	known, _ := d.spool.snapshot()
	log := d.spool.cfg.Logger.With("stream", streams.StreamName)
	switch {
	case known.streamID == "" || d.told == d.streamID:
	case known.streamID != d.streamID:
		d.told = d.streamID
		log.Error("the stream is another one than before: events go there from now on, what the other one had is not in it",
			"was", known.streamID, "now", d.streamID, "seq", known.lastStreamSeq)
	case state.LastSeq < known.lastStreamSeq:
		d.told = d.streamID
		log.Error("the stream ends before what it had acknowledged: it was restored to an older state, and events are missing from it",
			"seq", state.LastSeq, "acknowledged", known.lastStreamSeq)
	}
	return state, nil
}

// wentBack reports whether an acknowledgement cannot be from the stream as it
// was: a sequence that was given before is given again only by another stream, or
// by one that was restored.
func (d *drainer) wentBack(acks []streams.Ack) bool {
	known, _ := d.spool.snapshot()
	first := acks[0]
	return !first.Duplicate && known.streamID == d.streamID && first.Seq <= known.lastStreamSeq
}
