package projector

import (
	"errors"
	"fmt"

	"rosey/events"
)

// Refusals of a start that cannot be right.
var (
	// ErrOtherStream: the database was made from another stream.
	ErrOtherStream = errors.New("the database was made from another stream")
	// ErrOtherProgram: the program's tables or projections differ from those the
	// database was made with. The remedy is a rebuild.
	ErrOtherProgram = errors.New("the database was made by another version of the projections")
	// ErrAhead: the database has applied more than the stream holds.
	ErrAhead = errors.New("the database is ahead of its stream")
	// ErrOtherHistory: the stream holds another message at the checkpoint, so it
	// was restored to an older state and has grown since.
	ErrOtherHistory = errors.New("the stream holds another message at the checkpoint")
	// ErrTrimmed: the stream no longer holds what follows the checkpoint.
	ErrTrimmed = errors.New("the stream no longer holds what follows the checkpoint")
	// ErrOneChannel: the database holds what the stream says of one channel.
	ErrOneChannel = errors.New("the database is limited to one channel")
	// ErrDamaged: the file that took the database's place is no whole database, or
	// does not belong to the log beside it.
	ErrDamaged = errors.New("the database is damaged")
	// ErrPlaceTaken: another projector uses the consumer.
	ErrPlaceTaken = errors.New("another projector has this place")
	// ErrNoProgress: order could not be proven, again and again.
	ErrNoProgress = errors.New("messages keep arriving out of order")
)

// StartError is a refusal with what to do about it.
type StartError struct {
	Reason error
	Detail string
	Remedy string
	// Flag is what lets the same command go on all the same, empty where nothing
	// does: FlagAcceptGap or FlagAdoptStream.
	Flag string
}

func (e *StartError) Error() string { return fmt.Sprintf("projector: %v: %s", e.Reason, e.Detail) }

// Unwrap makes errors.Is find the reason.
func (e *StartError) Unwrap() error { return e.Reason }

// NewFailureError says that an event cannot be applied which the live database
// had no trouble with.
type NewFailureError struct {
	Seq     uint64
	Subject string
	Failure Failure
}

func (e *NewFailureError) Error() string {
	kind, _, _ := events.ParseSubject(e.Subject)
	return fmt.Sprintf("projector: seq=%d subject=%s kind=%s cannot be applied: %s: %s", e.Seq, e.Subject, kind, e.Failure.Class, e.Failure.Reason)
}
