package control

import (
	"errors"
	"fmt"

	"rosey/replay"
)

// ErrNoWorker means that the process which holds the database takes no requests:
// its program is an older one, it is no projector, or it has no server.
var ErrNoWorker = errors.New("what holds the database takes no requests")

// ErrGone means that the process which was at work has ended. What it had not
// finished is none; readers see the tables as they were.
var ErrGone = errors.New("the process that was at work has ended")

// ErrUnknown means that nothing tells what came of the work.
var ErrUnknown = errors.New("what came of the work is not known")

// InterruptedError says that the work was broken off because the caller asked for
// it, and that the tables are as they were.
type InterruptedError struct {
	// KeptSeq is the sequence from which the next rebuild goes on; 0 for anew.
	KeptSeq uint64
}

func (e *InterruptedError) Error() string { return "interrupted" }

// ErrLeft means that the caller looks no longer at work that it had not asked for.
var ErrLeft = errors.New("the work goes on")

// BusyError says that the process is at work on another request. It is a
// replay.ErrBusy.
type BusyError struct{ Work replay.Work }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%v (%s, at seq=%d of %d)", replay.ErrBusy, e.Work.Reason, e.Work.Progress.Seq, e.Work.Progress.Last)
}

// Unwrap makes errors.Is find replay.ErrBusy.
func (e *BusyError) Unwrap() error { return replay.ErrBusy }

// FailedError says that the work came to nothing, in the words of the process
// that tried.
type FailedError struct{ Work replay.Work }

func (e *FailedError) Error() string { return e.Work.Error }

// Is makes errors.Is find what the other process failed by, where it is an error
// that package replay has a class for.
func (e *FailedError) Is(target error) bool { return e.Work.FailedBy(target) }
