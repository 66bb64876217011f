package projector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// decisions is what operators decided about the stream. Decisions are events: a
// later start and a rebuild find them, and so does another projector.
type decisions struct {
	gaps     []*events.GapAccepted
	adopted  []*events.StreamAdopted
	streamID string
}

// readDecisions reads the few messages of the operators' subjects. Only a start
// that would be refused without them asks.
func readDecisions(ctx context.Context, s *streams.Stream, streamID string) (*decisions, error) {
	d := &decisions{streamID: streamID}
	r, err := s.Reader(ctx, streams.ReadOptions{
		From: 1, StopAtEnd: true, InFlight: 256,
		Subjects: []string{events.Subject(events.KindGapAccepted), events.Subject(events.KindStreamAdopted)},
	})
	if err != nil {
		return nil, fmt.Errorf("projector: look for decisions: %w", err)
	}
	defer r.Close()
	dec := events.NewDecoder()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return nil, fmt.Errorf("projector: look for decisions: %w", err)
		}
		d.note(dec, m)
	}
}

// note adds what a message decides, if it does.
func (d *decisions) note(dec *events.Decoder, m streams.Message) {
	it := Decode(dec, m)
	if it.Failure != nil {
		return // a dead letter, not a decision
	}
	switch e := it.Event.Payload.(type) {
	case *events.GapAccepted:
		if checkGap(e) == nil {
			d.gaps = append(d.gaps, e)
		}
	case *events.StreamAdopted:
		if checkAdoption(e) == nil {
			d.adopted = append(d.adopted, e)
		}
	}
}

// cover reports whether each sequence from first to last was given up. A decision
// covers what it names and nothing else, so that a stream that is trimmed further
// is refused again.
func (d *decisions) cover(first, last uint64) bool {
	for first <= last {
		next := first
		for _, g := range d.gaps {
			if uint64(g.FirstSeq) <= first && uint64(g.LastSeq) >= first {
				next = max(next, uint64(g.LastSeq)+1)
			}
		}
		if next == first {
			return false
		}
		first = next
	}
	return true
}

// Decided reports whether operators account for all that comes before a sequence: each of
// these was given up, or a database has it with which they chose to go on.
func Decided(ctx context.Context, s *streams.Stream, first uint64) (bool, error) {
	if first <= 1 {
		return true, nil
	}
	d, err := readDecisions(ctx, s, s.Identity().ID)
	if err != nil {
		return false, err
	}
	kept := uint64(0)
	for _, g := range d.gaps {
		kept = max(kept, uint64(g.CheckpointSeq))
	}
	return d.cover(kept+1, first-1), nil
}

// continues reports whether the stream was adopted as the one that goes on where
// another one, or a copy of it in between, ended.
func (d *decisions) continues(previous string) bool {
	known := map[string]bool{previous: true}
	for grown := true; grown; {
		grown = false
		for _, a := range d.adopted {
			if known[a.PreviousID] && !known[a.StreamID] {
				known[a.StreamID], grown = true, true
			}
		}
	}
	return known[d.streamID]
}

// decide appends a decision. One that was stored in the same moment is not
// stored twice: its ID is derived from what it says.
func decide(ctx context.Context, s *streams.Stream, kind events.Kind, p events.Payload) (uint64, error) {
	e := &events.Event{Kind: kind, Payload: p, TimeMS: time.Now().UnixMilli()}
	id, err := events.DecisionID(e)
	if err != nil {
		return 0, fmt.Errorf("projector: record the decision: %w", err)
	}
	e.ID = id
	data, err := events.Encode(e)
	if err != nil {
		return 0, fmt.Errorf("projector: record the decision: %w", err)
	}
	m := streams.AppendMessage{Subject: events.Subject(kind), MsgID: id, Data: data}
	ack, err := s.Append(ctx, m)
	if errors.Is(err, streams.ErrUncertain) {
		ack, err = s.Append(ctx, m)
	}
	if err != nil {
		return 0, fmt.Errorf("projector: record the decision: %w", err)
	}
	return ack.Seq, nil
}

// AcceptGap records that a database with this checkpoint goes on without what the
// stream no longer holds of what follows it; 0 stands for a rebuild from nothing.
// Where nothing is missing, or all of it was given up before, nothing is
// recorded, and the sequence returned is 0.
func AcceptGap(ctx context.Context, s *streams.Stream, checkpoint uint64) (seq uint64, err error) {
	state, err := s.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("projector: look for the gap: %w", err)
	}
	return acceptGap(ctx, s, checkpoint, state.FirstSeq)
}

// AcceptGapBefore is AcceptGap for a rebuild from nothing whose messages begin at
// a sequence that the stream itself need not hold any more: an archive does.
func AcceptGapBefore(ctx context.Context, s *streams.Stream, first uint64) (seq uint64, err error) {
	return acceptGap(ctx, s, 0, first)
}

func acceptGap(ctx context.Context, s *streams.Stream, checkpoint, first uint64) (seq uint64, err error) {
	if first <= checkpoint+1 {
		return 0, nil
	}
	d, err := readDecisions(ctx, s, s.Identity().ID)
	if err != nil {
		return 0, err
	}
	if d.cover(checkpoint+1, first-1) {
		return 0, nil
	}
	return decide(ctx, s, events.KindGapAccepted, &events.GapAccepted{
		FirstSeq: int64(checkpoint + 1), LastSeq: int64(first - 1), CheckpointSeq: int64(checkpoint),
	})
}

// AdoptStream records that this stream continues the one that a database was
// made from. It is refused with a *StartError unless the stream holds the very
// message of the checkpoint.
func AdoptStream(ctx context.Context, s *streams.Stream, c schema.Checkpoint) (seq uint64, err error) {
	state, err := s.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("projector: adopt the stream: %w", err)
	}
	if c.StreamID == "" || c.StreamID == state.Identity.ID {
		return 0, nil
	}
	if err := sameAt(ctx, s, state, c); err != nil {
		return 0, err
	}
	return decide(ctx, s, events.KindStreamAdopted, &events.StreamAdopted{
		StreamID: state.Identity.ID, PreviousID: c.StreamID, Seq: int64(c.Seq), MsgID: c.MsgID,
	})
}

// sameAt refuses to take a stream for a copy of another one unless it holds the
// very message of the checkpoint: the same place, id and time.
func sameAt(ctx context.Context, s *streams.Stream, state streams.State, c schema.Checkpoint) error {
	if c.Seq == 0 {
		return nil
	}
	if c.Seq > state.LastSeq {
		return aheadError(c, state)
	}
	m, err := s.Get(ctx, c.Seq)
	if errors.Is(err, streams.ErrMessageNotFound) {
		return &StartError{
			Reason: ErrOtherStream,
			Detail: fmt.Sprintf("stream %s no longer holds seq=%d, the checkpoint of stream %s, so that nothing shows that it is a copy", state.Identity.ID, c.Seq, c.StreamID),
			Remedy: "restore a copy that reaches back to the checkpoint, or " + replaceIt,
		}
	}
	if errors.Is(err, streams.ErrUnreadable) {
		return &StartError{
			Reason: ErrOtherStream,
			Detail: fmt.Sprintf("stream %s holds seq=%d, the checkpoint of stream %s, in a damaged part of its store, so that nothing shows that it is a copy: %v",
				state.Identity.ID, c.Seq, c.StreamID, streams.ErrUnreadable),
			Remedy: "look at the disk of the server, and restore a copy that can be read: rosey doctor says what is damaged",
		}
	}
	if err != nil {
		return fmt.Errorf("projector: compare the checkpoint with the stream: %w", err)
	}
	return sameMessage(m, c)
}
