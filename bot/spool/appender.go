package spool

import (
	"context"

	"rosey/streams"
)

// Appender is what the spool needs of a stream; *streams.Stream is one.
//
// An error of Append or AppendBatch that is none of streams.ErrUnavailable,
// streams.ErrRefused, streams.ErrDuplicateInBatch and streams.ErrBatchTooLarge is
// taken as streams.ErrUncertain.
type Appender interface {
	// Append stores one message and returns its acknowledgement.
	Append(ctx context.Context, m streams.AppendMessage) (streams.Ack, error)
	// AppendBatch stores the messages in order and returns the acknowledgements
	// of the first of them, of all when there is no error. An error is about the
	// first message without one, or about all of these.
	AppendBatch(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error)
	// Find returns the stream sequences of those of the message ids that are
	// stored after a sequence.
	Find(ctx context.Context, after uint64, ids []string) (map[string]uint64, error)
	// LastOf returns the greatest sequence that the stream holds of each of the
	// producers; of one that it has nothing of there is none.
	LastOf(ctx context.Context, producers []string) (map[string]uint64, error)
	// State tells which stream it is and where it ends.
	State(ctx context.Context) (streams.State, error)
}

var _ Appender = (*streams.Stream)(nil)
