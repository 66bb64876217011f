package streams

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Erased lists the runs of sequences that the server says were erased, both ends
// included and in order, and where the stream begins.
func (s *Stream) Erased(ctx context.Context) (runs [][2]uint64, first uint64, err error) {
	state, err := s.c.stateWithErased(ctx, StreamName)
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

// stateWithErased returns a stream's state as its leader has it. All that was erased is
// listed one by one, in order: it is asked for where there is any.
func (c *Conn) stateWithErased(ctx context.Context, name string) (state jetstream.StreamState, err error) {
	err = c.withLeader(ctx, func(ctx context.Context) error {
		ctx, req := c.call(ctx)
		defer req.end()
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return req.explain(err)
		}
		info := stream.CachedInfo()
		if info.State.NumDeleted > 0 {
			if info, err = stream.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
				return req.explain(err)
			}
		}
		state = info.State
		return nil
	})
	return state, err
}
