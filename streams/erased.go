package streams

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Erased lists the runs of sequences that the server says were erased, both ends
// included and in order, and where the stream begins.
func (s *Stream) Erased(ctx context.Context) (runs [][2]uint64, first uint64, err error) {
	ctx, req := s.c.call(ctx)
	defer req.end()
	stream, err := s.c.js.Stream(ctx, StreamName)
	if err != nil {
		return nil, 0, fmt.Errorf("streams: list what was erased: %w", req.explain(err))
	}
	state := stream.CachedInfo().State
	if state.NumDeleted > 0 {
		info, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
		if err != nil {
			return nil, 0, fmt.Errorf("streams: list what was erased: %w", req.explain(err))
		}
		state = info.State
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
