package doctor

import "rosey/projector"

// lookAtNone says what makes the tables where there are none. A stream that does not
// begin at 1 makes them only for whoever gives up what came before.
func (e *examination) lookAtNone() {
	if _, opened := e.found[TablesPresent]; opened {
		return // there are some, and they cannot be opened
	}
	next := "start the projector, or `rosey replay`: the tables are made from the stream"
	if lacks := e.onlyInTables(); len(lacks) > 0 && e.state.LastSeq > 0 {
		next = "`rosey replay " + projector.FlagAcceptGap + "` makes the tables from what there is, and gives up the rest; where an archive holds it: `rosey replay --from-archive DIR`"
		e.unknown(StreamErased, next, "the stream begins at seq=%d: it does not hold seq=%s", e.state.FirstSeq, spansText(lacks, 5))
	}
	e.unknown(TablesPresent, next, "there is no database at %s", e.cfg.Dir.Database().Link)
}
