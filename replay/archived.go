package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

// history is the extent of what a rebuild reads: the stream, and in front of it
// the archive, if one is given and needed. One that is not needed is looked at all
// the same: whoever names the wrong folder learns it now, and not on the day after
// the trim.
func (c *Config) history(ctx context.Context) (state streams.State, archived bool, err error) {
	if state, err = c.Stream.State(ctx); err != nil {
		return state, false, fmt.Errorf("replay: %w", err)
	}
	a := c.Archive
	if a == nil {
		return state, false, nil
	}
	if err := a.Joins(ctx, c.Stream); err != nil {
		return state, false, unjoined(err)
	}
	if state.FirstSeq <= a.FirstSeq() {
		return state, false, nil
	}
	state.FirstSeq = a.FirstSeq()
	if t := a.FirstTime(); !t.IsZero() {
		state.FirstTime = t
	}
	state.Messages = max(state.Messages, 1)
	return state, true, nil
}

// unjoined refuses an archive that is not the beginning of the stream.
func unjoined(err error) error {
	refused := &projector.StartError{Detail: err.Error(), Remedy: "name the archive of this stream"}
	for _, known := range []struct {
		reason error
		remedy string
	}{
		{archive.ErrOtherStream, "name the archive of this stream"},
		{archive.ErrOtherHistory, "name an archive that was made of this stream after it was restored"},
		{archive.ErrGap, "name an archive that reaches to where the stream begins; `rosey export events --archive DIR` before a trim keeps it so"},
	} {
		if errors.Is(err, known.reason) {
			refused.Reason, refused.Remedy = known.reason, known.remedy
			return refused
		}
	}
	return fmt.Errorf("replay: %w", err)
}

// checkBeginning refuses a rebuild that would lack the beginning, unless an
// operator gave it up, and returns the extent of what is read.
func checkBeginning(ctx context.Context, cfg *Config) (streams.State, error) {
	state, archived, err := cfg.history(ctx)
	cfg.archived = archived
	switch {
	case err != nil:
		return state, err
	case archived:
		return state, projector.CheckBeginning(ctx, cfg.Stream, state.FirstSeq, cfg.ofArchive(ctx))
	}
	return state, projector.CheckStart(ctx, cfg.Stream, schema.Checkpoint{})
}

// ofArchive yields the messages of the archive.
func (c *Config) ofArchive(ctx context.Context) iter.Seq2[streams.Message, error] {
	return func(yield func(streams.Message, error) bool) {
		r, err := c.Archive.Reader(archive.ReadOptions{NoHeaders: true})
		if err != nil {
			yield(streams.Message{}, err)
			return
		}
		defer r.Close()
		for {
			m, err := r.Next(ctx)
			if errors.Is(err, io.EOF) || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// bridged reports whether the archive holds what follows a checkpoint and the
// stream no longer does.
func (c *Config) bridged(ctx context.Context, checkpoint schema.Checkpoint) (bool, error) {
	state, archived, err := c.history(ctx)
	if err != nil || !archived || state.FirstSeq > checkpoint.Seq+1 {
		return false, err
	}
	return true, c.sameAt(ctx, checkpoint)
}

// sameAt compares the checkpoint's message with the archive's.
func (c *Config) sameAt(ctx context.Context, checkpoint schema.Checkpoint) error {
	if checkpoint.Seq < c.Archive.FirstSeq() {
		return nil
	}
	m, err := c.Archive.Get(ctx, checkpoint.Seq)
	if errors.Is(err, streams.ErrMessageNotFound) {
		return nil // erased before it was archived
	}
	if err != nil {
		return fmt.Errorf("replay: compare the checkpoint with the archive: %w", err)
	}
	if m.MsgID == checkpoint.MsgID && m.Time.UnixMilli() == checkpoint.TimeMS {
		return nil
	}
	return &projector.StartError{
		Reason: projector.ErrOtherHistory,
		Detail: fmt.Sprintf("at seq=%d the archive holds another message than the database applied", checkpoint.Seq),
		Remedy: "name the archive of the stream that the database was made from",
	}
}
