package replay

import (
	"errors"

	"rosey/projector"
	"rosey/streams"
)

// ErrBehind is returned when the rebuilt database would take readers back.
var ErrBehind = projector.ErrBehind

// ErrUnreadable is returned when nothing tells whose database the current one
// is.
var ErrUnreadable = errors.New("the checkpoint of the current database cannot be read")

// ErrNothingBefore is returned when the whole stream was stored after UntilTime.
var ErrNothingBefore = errors.New("the stream holds nothing from before that time")

// ErrNoFolder is returned when there is no folder to rebuild into.
var ErrNoFolder = errors.New("there is no such folder")

// ErrOfStore is returned for a file to rebuild into that bears a name of a store's
// own: the next rebuild of that store would remove it.
var ErrOfStore = errors.New("the name is one of those beside a database that is projected into")

// ErrNoCheckpoint is returned by Verify for a database that says of itself that
// it has applied nothing: a new one, or one whose checkpoint was removed.
var ErrNoCheckpoint = errors.New("the database has no checkpoint to compare at")

// ErrBusy is returned for a Request while the projector is at work on another.
var ErrBusy = errors.New("the projector is at work on another request")

// ErrStopped is returned for a Request that nobody is there to do any more.
var ErrStopped = errors.New("the projector has ended")

// ErrCancelled is the end of work that was cancelled. It comes with
// context.Canceled.
var ErrCancelled = errors.New("broken off; the tables are as they were")

// ErrTrimmedMeanwhile is returned when the stream was trimmed while a rebuild read
// it: what is gone may be missing from it.
var ErrTrimmedMeanwhile = errors.New("the stream was trimmed while it was read")

// ErrManyErased is returned where the stream lists so many messages as erased that
// the tables have, or so many of them one after the other, that its store is rather
// damaged.
var ErrManyErased = errors.New("the stream lists many messages as erased that the tables have")

// ErrLeftOut is returned where the server did not deliver a message that was never
// erased.
var ErrLeftOut = streams.ErrLeftOut

// ErrNoChannel is returned where nothing is about the channel that a rebuild was
// limited to.
var ErrNoChannel = errors.New("the stream holds nothing about that channel")

// ErrLimited is returned where the tables as a whole are asked for, and a limit to
// one channel with them.
var ErrLimited = errors.New("a rebuild of one channel goes into a file of its own")
