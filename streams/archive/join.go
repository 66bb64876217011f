package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rosey/streams"
)

// Joins makes sure that the archive and what the stream holds are one history
// without a gap: the same identity, no sequence missing between the two, and
// where both hold the last archived messages, the same ones. The error is
// ErrOtherStream, ErrGap or ErrOtherHistory.
func (a *Archive) Joins(ctx context.Context, s *streams.Stream) error {
	state, err := s.State(ctx)
	if err == nil {
		err = a.joins(ctx, s, state)
	}
	if err != nil {
		return fmt.Errorf("archive: join %s with the stream: %w", a.dir, err)
	}
	return nil
}

func (a *Archive) joins(ctx context.Context, s *streams.Stream, state streams.State) error {
	m := &a.manifest
	switch {
	case m.Stream.ID != state.Identity.ID:
		return fmt.Errorf("%w: it is of %s, this one is %s", ErrOtherStream, m.Stream.ID, state.Identity.ID)
	case state.FirstSeq > m.LastSeq+1:
		return fmt.Errorf("%w: the archive ends at seq=%d, the stream begins at seq=%d", ErrGap, m.LastSeq, state.FirstSeq)
	}
	return a.sameEnd(ctx, s, state)
}

// compared is how many messages are tried for one that both hold: the last ones
// may have been erased from the stream.
const compared = 64

// sameEnd compares the last message that both hold.
func (a *Archive) sameEnd(ctx context.Context, s *streams.Stream, state streams.State) error {
	last := min(a.manifest.LastSeq, state.LastSeq)
	if last < max(a.manifest.FirstSeq, state.FirstSeq) {
		return nil
	}
	from := a.manifest.FirstSeq
	for _, seg := range a.manifest.Segments {
		if seg.FirstSeq <= last {
			from = seg.FirstSeq
		}
	}
	ring := make([]streams.Message, 0, compared)
	n := 0
	err := a.each(ctx, ReadOptions{From: from, UpTo: last}, nil, func(m streams.Message) error {
		if len(ring) < compared {
			ring = append(ring, m)
		} else {
			ring[n%compared] = m
		}
		n++
		return nil
	})
	if err != nil {
		return err
	}
	for i := range len(ring) {
		archived := &ring[(n-1-i)%compared]
		if archived.Seq < state.FirstSeq {
			return nil
		}
		stored, err := s.Get(ctx, archived.Seq)
		if errors.Is(err, streams.ErrMessageNotFound) || errors.Is(err, streams.ErrUnreadable) {
			continue // the archive may be what a damaged store is mended from
		}
		if err != nil {
			return err
		}
		if !same(archived, stored) {
			return fmt.Errorf("%w: seq=%d is another message", ErrOtherHistory, archived.Seq)
		}
		return nil
	}
	return nil
}

// same compares what makes a message. Headers are left out: those about the
// append itself are not the same in a restored stream.
func same(a, b *streams.Message) bool {
	return a.Seq == b.Seq && a.Time.Equal(b.Time) && a.Subject == b.Subject && a.MsgID == b.MsgID && string(a.Data) == string(b.Data)
}

// sameHeaders compares those that a restored message has again.
func sameHeaders(a, b *streams.Message) bool {
	return maps.EqualFunc(streams.Lasting(a.Header), streams.Lasting(b.Header), slices.Equal[[]string])
}
