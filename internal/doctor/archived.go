package doctor

import (
	"context"
	"errors"

	"rosey/streams/archive"
)

// archived is what an archive holds of the stream's beginning.
type archived struct {
	// dir is "" where there is none to look at; made says that the tables name it as
	// what they were made with.
	dir  string
	made bool
	// held are the sequences that it covers. Where it is of no use err says why.
	held spans
	err  error
}

// lookAtArchive opens the archive that stands in for what was trimmed: the one
// that was named, otherwise the one that the tables were made with.
func (e *examination) lookAtArchive(ctx context.Context) {
	e.archived.dir = e.cfg.Archive
	if o := e.tables.origin; e.archived.dir == "" && o.Channel == "" {
		e.archived.dir, e.archived.made = o.Archive, o.Archive != ""
	}
	if e.archived.dir == "" {
		return
	}
	a, err := archive.Open(e.archived.dir)
	if err == nil {
		err = a.Joins(ctx, e.cfg.stream)
	}
	switch {
	case err != nil:
		e.archived.err = err
	case a.LastSeq() >= a.FirstSeq():
		e.archived.held = spans{{a.FirstSeq(), a.LastSeq()}}
	}
}

// useless says that the archive does not stand in for what was trimmed, and what
// can be done about it. One that could not be looked at may be whole.
func (e *examination) useless() {
	ar := e.archived
	whose := "the archive"
	if ar.made {
		whose = "the archive that these tables were made with"
	}
	const text = "the stream begins at seq=%d, and %s does not stand in for what was before: %v"
	switch {
	case errors.Is(ar.err, archive.ErrDamaged):
		e.wrong(StreamErased, "back up the database, and restore the file that is named from a copy of the archive", text, e.state.FirstSeq, whose, ar.err)
	case errors.Is(ar.err, archive.ErrOtherStream), errors.Is(ar.err, archive.ErrOtherHistory), errors.Is(ar.err, archive.ErrGap):
		e.wrong(StreamErased, "back up the database, and name the archive of this stream that reaches to its beginning: rosey doctor --archive DIR",
			text, e.state.FirstSeq, whose, ar.err)
	default:
		e.unknown(StreamErased, "name the folder where the archive is now: rosey doctor --archive DIR; where there is none any more, back up the database, which alone holds what is gone",
			"the stream begins at seq=%d, and %s cannot be looked at: %v", e.state.FirstSeq, whose, ar.err)
	}
}
