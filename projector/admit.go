package projector

import (
	"context"
	"errors"
	"fmt"

	"rosey/schema"
	"rosey/streams"
)

// admit compares the open database with the stream before anything else is done
// with it. What the operator accepts becomes an event of the stream first, and
// only then is it acted upon.
func (p *Projector) admit(ctx context.Context, acceptGap, adoptStream bool) error {
	if err := CheckWhole(ctx, p.db); err != nil {
		return err
	}
	c, err := schema.ReadCheckpoint(ctx, p.db)
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	err = CheckStart(ctx, p.cfg.Stream, c)
	if adoptStream && errors.Is(err, ErrOtherStream) {
		seq, adoptErr := AdoptStream(ctx, p.cfg.Stream, c)
		if adoptErr != nil {
			return adoptErr
		}
		p.log.Warn("the stream is adopted as the one that the database was made from", "stream", streams.StreamName, "seq", seq)
		err = CheckStart(ctx, p.cfg.Stream, c)
	}
	if acceptGap && errors.Is(err, ErrTrimmed) {
		seq, acceptErr := AcceptGap(ctx, p.cfg.Stream, c.Seq)
		if acceptErr != nil {
			return acceptErr
		}
		p.log.Warn("what the stream no longer holds is given up", "stream", streams.StreamName, "seq", seq)
		err = CheckStart(ctx, p.cfg.Stream, c)
	}
	if err != nil {
		return err
	}
	return p.adopt(ctx, c)
}

// adopt has the database go on with an adopted stream.
func (p *Projector) adopt(ctx context.Context, c schema.Checkpoint) error {
	adopted, err := Adopt(ctx, p.db, p.cfg.Stream, c)
	if adopted {
		p.log.Info("the database goes on with the adopted stream", "stream", streams.StreamName, "seq", c.Seq)
	}
	return err
}

// Adopt gives the database of an adopted stream's original the identity of the
// stream that goes on, and reports whether it had another. One that was restored
// from a backup has its identity, and was made at another time. The caller has
// found with CheckStart that the stream continues the checkpoint.
func Adopt(ctx context.Context, x schema.Execer, s *streams.Stream, c schema.Checkpoint) (adopted bool, err error) {
	now := s.Identity()
	if c.StreamID == "" || c.StreamID == now.ID && c.StreamCreatedMS == now.Created.UnixMilli() {
		return false, nil
	}
	if print, err := Fingerprint(c.DefaultChannel); c.StreamID == now.ID && (err != nil || print != c.Fingerprint) {
		return false, err // another program's tables are left as they are
	}
	c.StreamID, c.StreamCreatedMS = now.ID, now.Created.UnixMilli()
	if err := schema.WriteCheckpoint(ctx, x, c); err != nil {
		return false, fmt.Errorf("projector: adopt the stream: %w", err)
	}
	return true, nil
}
