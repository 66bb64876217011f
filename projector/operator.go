package projector

import (
	"context"
	"errors"

	"rosey/events"
	"rosey/schema"
)

// operator projects operator_decisions: what was given up and what was adopted,
// when, and for which checkpoint.
type operator struct{ rows bulk }

func newOperator() projection {
	return &operator{rows: bulk{
		head: "INSERT INTO operator_decisions (seq, kind, time_ms, first_seq, last_seq, checkpoint_seq, stream_id, previous_id, msg_id) VALUES",
		cols: 9,
	}}
}

func (o *operator) load(context.Context, schema.Queryer) error             { return nil }
func (o *operator) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (o *operator) fold(f *fact) error {
	switch e := f.Payload.(type) {
	case *events.GapAccepted:
		if err := checkGap(e); err != nil {
			return err
		}
		o.rows.add(int64(f.seq), "gap_accepted", f.TimeMS, e.FirstSeq, e.LastSeq, e.CheckpointSeq, nil, nil, nil)
	case *events.StreamAdopted:
		if err := checkAdoption(e); err != nil {
			return err
		}
		o.rows.add(int64(f.seq), "stream_adopted", f.TimeMS, nil, nil, e.Seq, e.StreamID, e.PreviousID, e.MsgID)
	}
	return nil
}

func (o *operator) flush(ctx context.Context, w *writer) error { return o.rows.flush(ctx, w) }

// checkGap and checkAdoption refuse decisions that decide nothing.
func checkGap(e *events.GapAccepted) error {
	if e.FirstSeq < 1 || e.LastSeq < e.FirstSeq || e.CheckpointSeq < 0 {
		return errors.New("a gap without an extent")
	}
	return nil
}

func checkAdoption(e *events.StreamAdopted) error {
	if e.StreamID == "" || e.PreviousID == "" || e.StreamID == e.PreviousID || e.Seq < 0 {
		return errors.New("an adoption that does not name two streams")
	}
	return nil
}
