package replay

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

// classes name what Work comes to nothing by, for those who ask from afar.
var classes = []struct {
	name string
	err  error
}{
	{"interrupted", context.Canceled},
	{"still_fails", ErrStillFails},
	{"no_dead_letter", ErrNoDeadLetter},
	{"behind", ErrBehind},
	{"unreadable", ErrUnreadable},
	{"trimmed", projector.ErrTrimmed},
	{"other_stream", projector.ErrOtherStream},
	{"ahead", projector.ErrAhead},
	{"other_history", projector.ErrOtherHistory},
	{"no_database", schema.ErrNoDatabase},
	{"no_previous", schema.ErrNoPrevious},
	{"other_program", projector.ErrOtherProgram},
	{"many_erased", ErrManyErased},
	{"left_out", ErrLeftOut},
	{"unvouched", streams.ErrUnvouched},
	{"disk_full", syscall.ENOSPC},
}

// classNewFailure is a rebuild that stopped at a *projector.NewFailureError.
const classNewFailure = "new_failure"

// Fail notes why the work came to nothing, and what to do about it as far as that
// is known here.
func (w *Work) Fail(err error) {
	w.Error, w.Class, w.Remedy = err.Error(), "", ""
	for _, c := range classes {
		if errors.Is(err, c.err) {
			w.Class = c.name
			break
		}
	}
	var cut *InterruptedError
	var stopped *StoppedError
	switch {
	case errors.As(err, &cut) && cut.Kept:
		w.KeptSeq = cut.Seq
	case errors.As(err, &stopped) && stopped.Kept:
		w.KeptSeq = stopped.Seq
	}
	var refused *projector.StartError
	var room *schema.RoomError
	var failure *projector.NewFailureError
	switch {
	case errors.As(err, &failure):
		w.Class = classNewFailure
		w.Remedy = afterFailure(failure.Seq, w.KeptSeq)
	case errors.As(err, &refused):
		w.Remedy = refused.Remedy
	case errors.Is(err, ErrLeftOut):
		w.Remedy = "the same again: on a cluster another replica may answer; where it stays so, rosey doctor says what the server cannot read"
	case errors.Is(err, streams.ErrUnvouched):
		w.Remedy = "the same again, once the server answers"
		if w.KeptSeq > 0 {
			w.Remedy += fmt.Sprintf(": it goes on after seq=%d", w.KeptSeq)
		}
	case errors.Is(err, archive.ErrNoArchive):
		w.Remedy = "name the folder of the archive, or make the disk available that it is on; `rosey export events --archive DIR` makes one"
	case errors.Is(err, archive.ErrDamaged):
		w.Remedy = "restore the file that is named from a copy of the archive; while the stream still reaches back, `rosey export events --archive DIR` with a new folder makes another one"
	case errors.Is(err, archive.ErrNewer):
		w.Remedy = "use the version of this program that wrote the archive, or a later one"
	case errors.Is(err, streams.ErrUnreadable):
		w.Remedy = "keep the tables: rosey doctor says what of the stream cannot be read, and what to do"
	case errors.Is(err, schema.ErrNoPrevious):
		w.Remedy = "`rosey replay` makes the tables again from the stream"
	case errors.As(err, &room):
		w.Remedy = room.Remedy()
	case errors.Is(err, syscall.ENOSPC):
		w.Remedy = "free space on the disk of the database: the tables are made a second time there"
	}
}

// AfterFailure says what to do about a rebuild that stopped at a failure.
func AfterFailure(err error) (next string, ok bool) {
	var failure *projector.NewFailureError
	if !errors.As(err, &failure) {
		return "", false
	}
	var w Work
	w.Fail(err)
	return w.Remedy, true
}

func afterFailure(seq, kept uint64) string {
	if kept == 0 {
		return fmt.Sprintf("use a version of this program that applies seq=%d; or rosey replay --on-error dead-letter, which makes it a dead letter", seq)
	}
	return fmt.Sprintf("use a version of this program that applies seq=%d and repeat the command; or rosey replay --on-error dead-letter, which makes it a dead letter. "+
		"Both go on after seq=%d, unless the tables or projections are other ones; --fresh begins anew", seq, kept)
}

// FailedBy reports whether the work came to nothing by an error that has a class.
func (w *Work) FailedBy(target error) bool {
	for _, c := range classes {
		if c.name == w.Class {
			return target == c.err //nolint:errorlint // it is one of the list
		}
	}
	return false
}
