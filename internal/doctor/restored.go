package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lookAtRestored says that the stream was made of a backup, and what that means for
// what the original recorded behind it.
func (e *examination) lookAtRestored() {
	r := e.state.Restored
	if r == nil {
		return
	}
	backup, restored := time.UnixMilli(r.BackupMS).UTC().Format(time.RFC3339), time.UnixMilli(r.RestoredMS).UTC().Format(time.RFC3339)
	text := fmt.Sprintf("the stream was restored %s from a backup of %s that ends with seq=%d; what the original recorded after that is not here", restored, backup, r.LastSeq)
	var open []string
	for _, p := range e.report.Producers {
		if e.wentOn(p.Producer) {
			open = append(open, p.Producer)
		}
	}
	slices.Sort(open)
	if len(open) == 0 {
		e.ok(StreamRestored, "%s", text)
		return
	}
	e.unknown(StreamRestored, "where the original still exists: take a newer backup of it, and restore that",
		"%s; its bot was running then, so that the end of %s is missing here, and nobody can tell how much that is: %s",
		text, plural(len(open), "run", "runs"), strings.Join(open, ", "))
}

// wentOn reports whether a run went on with the original behind the backup, and is
// not known to have ended in what was copied.
func (e *examination) wentOn(producer string) bool {
	p := slices.IndexFunc(e.report.Producers, func(p Producer) bool { return p.Producer == producer })
	if p < 0 || e.report.Producers[p].Stream == nil {
		return false
	}
	// What still waits in the copy was put before the original went on.
	v := e.report.Producers[p].Stream.Verdict
	return e.spooled[producer].open && (v == VerdictUnaccounted || v == VerdictWaiting)
}
