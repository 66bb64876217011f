package streams

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Erased lists the runs of sequences that the server says were erased, both ends
// included and in order, and where the stream begins.
func (s *Stream) Erased(ctx context.Context) (runs [][2]uint64, first uint64, err error) {
	var state jetstream.StreamState
	err = s.c.withLeader(ctx, func(ctx context.Context) error {
		state, err = s.stateWithErased(ctx)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("streams: list what was erased: %w", err)
	}
	for _, seq := range state.Deleted {
		if n := len(runs); n > 0 && runs[n-1][1]+1 == seq {
			runs[n-1][1] = seq
			continue
		}
		runs = append(runs, [2]uint64{seq, seq})
	}
	return runs, max(state.FirstSeq, 1), nil
}

func (s *Stream) stateWithErased(ctx context.Context) (jetstream.StreamState, error) {
	ctx, req := s.c.call(ctx)
	defer req.end()
	stream, err := s.c.js.Stream(ctx, StreamName)
	if err != nil {
		return jetstream.StreamState{}, req.explain(err)
	}
	info := stream.CachedInfo()
	if info.State.NumDeleted > 0 {
		if info, err = stream.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
			return jetstream.StreamState{}, req.explain(err)
		}
	}
	return info.State, nil
}
