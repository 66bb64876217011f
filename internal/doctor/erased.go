package doctor

import (
	"context"
	"fmt"

	"rosey/internal/loss"
	"rosey/replay"
	"rosey/streams"
)

// lookAtErased says what the stream no longer holds.
func (e *examination) lookAtErased(ctx context.Context) {
	if e.scan == nil {
		e.unknown(StreamErased, "see "+ProducersStream, "the stream could not be read")
		return
	}
	begun := e.state.FirstSeq > 1 && (e.state.Messages > 0 || e.state.LastSeq > 0)
	if begun {
		e.lookAtBeginning(ctx)
	}
	switch forged, lost := e.takenForErased(), e.lost(); {
	case e.found[StreamErased].State == Wrong:
		return
	case len(forged) > 0:
		e.wrong(StreamErased, "rosey replay   (makes the tables from what the stream holds)", "the tables take %s for erased that the stream holds: seq=%s",
			plural(int(forged.size()), "message"), spansText(forged, 5))
		return
	case lost.Many():
		// A rebuild is refused just so, until somebody says that it was meant.
		e.wrong(StreamErased, "back up the database now, and look at the disk of the server. If nobody erased them, restore the stream from a backup or an archive that holds them; "+
			"if they were erased on purpose, rosey replay "+replay.FlagAcceptErased+" makes the tables without them and keeps these as a file",
			"the server lists many messages as erased that the tables have: %s. So much is rather what a damaged store has lost, and the tables may be the only copy", lost.Describe())
		return
	case begun:
		return
	}
	deleted := e.scan.holes
	unseen := e.tables.holes.minus(e.scan.given).size()
	counted := fmt.Sprintf("the server counts %s as erased", plural(int(deleted), "message"))
	switch {
	case unseen > 0 && e.tables.generation <= 1:
		e.unknown(StreamErased, "if they were erased on purpose, rosey replay makes the tables from what is there; if not, look for a backup of the stream that has them",
			"%s, %d of them before the tables had them: what those said is nowhere", counted, unseen)
	case unseen > 0:
		e.ok(StreamErased, "%s, %d of them before these tables were made or had them", counted, unseen)
	case deleted > 0:
		e.ok(StreamErased, "%s; the tables still have what they said, until they are rebuilt", counted)
	case e.found[StreamWhole].State != OK:
		e.ok(StreamErased, "the stream begins at seq=1, and nothing was erased from it")
	default:
		e.ok(StreamErased, "the stream holds everything from seq=1")
	}
}

// lost is what the server lists as erased and the tables have: a rebuild would be
// without it.
func (e *examination) lost() streams.Erasures {
	if !e.related || e.scan == nil || e.tables == nil {
		return nil
	}
	made := loss.Tables{UpTo: e.tables.checkpoint.Seq, Holes: e.tables.holes.runs()}
	return made.Have(e.scan.deleted.runs(), 1)
}

// takenForErased are holes of the tables where the stream has messages.
func (e *examination) takenForErased() spans {
	if !e.related {
		return nil
	}
	return e.tables.holes.minus(e.scan.deleted).minus(upTo(e.scan.first - 1)).minus(e.scan.given)
}

// lookAtBeginning judges a stream that does not begin at 1. What was before was
// given up, an archive holds it, or a database has it which an operator chose to go
// on with.
func (e *examination) lookAtBeginning(ctx context.Context) {
	if len(e.onlyInTables()) > 0 {
		e.lookAtArchive(ctx)
	}
	switch kept := e.onlyInTables(); {
	case len(kept) == 0 && e.archived.held != nil:
		e.ok(StreamErased, "the stream begins at seq=%d; the archive %s holds seq=%s and joins it, so that rosey replay --from-archive makes the tables again",
			e.state.FirstSeq, e.archived.dir, spansText(e.archived.held, 5))
	case len(kept) == 0:
		e.ok(StreamErased, "the stream begins at seq=%d; what was before was given up by an operator", e.state.FirstSeq)
	case e.related && kept.last() <= e.scan.givenFor:
		e.ok(StreamErased, "the stream begins at seq=%d; an operator gave up seq=%s, and the tables alone hold what was before: keep backups of them",
			e.state.FirstSeq, spansText(upTo(e.state.FirstSeq-1).minus(kept), 5))
	case e.archived.err != nil:
		e.useless()
	case e.archived.held != nil:
		e.wrong(StreamErased, "back up the database now, and name an archive that holds the rest: rosey doctor --archive DIR; or restore the stream from a backup that begins at seq=1",
			"the stream begins at seq=%d; the archive %s holds seq=%s, and nothing but the tables holds seq=%s",
			e.state.FirstSeq, e.archived.dir, spansText(e.archived.held, 5), spansText(kept, 5))
	case e.related:
		e.wrong(StreamErased, "where there is an archive of it, name it: rosey doctor --archive DIR. Otherwise back up the database now: it alone holds what is gone. Then restore the stream from a backup that begins at seq=1",
			"the stream begins at seq=%d: what was before is gone from it, and no rebuild makes these tables again", e.state.FirstSeq)
	default:
		e.wrong(StreamErased, "keep the database safe, and restore the stream from a backup that begins at seq=1; "+TablesStream+" says what else can be done",
			"the stream begins at seq=%d: what was before is gone from it", e.state.FirstSeq)
	}
}

// onlyInTables are the sequences that the stream no longer holds, no archive that
// was looked at, and that nobody gave up.
func (e *examination) onlyInTables() spans {
	if e.scan == nil {
		return nil
	}
	return upTo(e.state.FirstSeq - 1).minus(e.scan.given).minus(e.archived.held)
}
