package loss

import (
	"context"
	"fmt"

	"rosey/schema"
	"rosey/streams"
)

// FlagAccept is the option of a rebuild that says that what is gone was erased on
// purpose.
const FlagAccept = "--accept-erased"

// Remedy is the next step where the tables have what the stream has lost.
const Remedy = "keep the last good backup and archive, and look at rosey doctor and at the disk of the server. If nobody erased them, restore the stream from a backup or an archive that holds them; " +
	"if they were erased on purpose: rosey replay " + FlagAccept + ", after which this is no longer said"

// Lost is what a stream has lost, as far as the tables tell.
type Lost struct {
	Messages uint64 `json:"messages"`
	// They lie from FirstSeq to LastSeq; Detail names the runs.
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	Detail   string `json:"detail"`
	// Next is the next step.
	Next string `json:"next"`
}

// Of is what these come to: nil where they may have been erased on purpose.
func Of(list streams.Erasures) *Lost {
	if !list.Many() {
		return nil
	}
	return &Lost{
		Messages: list.Messages(), FirstSeq: list[0].First, LastSeq: list[len(list)-1].Last,
		Detail: list.Describe(), Next: Remedy,
	}
}

// String says it for people.
func (l *Lost) String() string {
	return "the server lists many messages as erased that the tables have: " + l.Detail + ". So much is rather what a damaged store has lost"
}

// Look asks the store's current database and the stream. It is nil where nothing is lost
// as far as that database tells, which may be of another stream, or not there.
func Look(ctx context.Context, store schema.Store, s *streams.Stream) (*Lost, error) {
	t, err := tablesOf(ctx, store, s)
	if err != nil {
		return nil, fmt.Errorf("loss: %w", err)
	}
	list, err := t.Find(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("loss: %w", err)
	}
	return Of(list), nil
}
