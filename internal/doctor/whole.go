package doctor

import (
	"context"
	"fmt"

	"rosey/internal/loss"
)

// scanTries is how often a read begins again because messages were erased while
// it was under way.
const scanTries = 3

// scanStream reads the stream and tells what was erased from what is missing:
// the server lists the former.
func (e *examination) scanStream(ctx context.Context, checkpoint uint64) error {
	runs, _, err := e.cfg.stream.Erased(ctx)
	if err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	deleted := runsOf(runs)
	for try := 1; ; try++ {
		e.scan, e.disagree = newScan(e.cfg.stream, e.state, deleted), nil
		err := e.scan.read(ctx, checkpoint, func() {
			if e.related {
				e.compare(ctx)
			}
		})
		if err != nil || len(e.scan.missing) == 0 && !e.scan.overflow {
			return err
		}
		runs, first, err := e.cfg.stream.Erased(ctx)
		if err != nil {
			return fmt.Errorf("doctor: %w", err)
		}
		// The beginning may be gone since as well.
		now := runsOf(runs).plus(upTo(first - 1))
		lost := e.scan.missing.minus(now)
		if lost.size() == e.scan.missing.size() || try == scanTries {
			e.scan.missing = lost
			return nil
		}
		deleted = now
	}
}

func runsOf(list [][2]uint64) spans {
	set := make(spans, len(list))
	for i, r := range list {
		set[i] = r
	}
	return set
}

// runs is the set as other packages have it.
func (s spans) runs() []loss.Run {
	list := make([]loss.Run, len(s))
	for i, r := range s {
		list[i] = r
	}
	return list
}

// lookAtWhole compares what was read with what the server counts.
func (e *examination) lookAtWhole() {
	sc := e.scan
	switch n := sc.missing.size(); {
	case sc.overflow:
		e.wrong(StreamWhole, damageRemedy, "very many messages are missing that were never erased: the store is damaged")
	case n > 0:
		e.wrong(StreamWhole, damageRemedy, "%s in the store: the server counts %s, and a read does not find seq=%s",
			plural(int(n), "message is damaged", "messages are damaged"), plural(int(e.state.Messages), "message"), spansText(sc.missing, 5))
	default:
		e.ok(StreamWhole, "every message that the server counts can be read")
	}
}

const damageRemedy = "stop everything and copy the whole data folder, store and tables, before anything else; rebuild nothing, the tables may hold the only copy. " +
	"Then look at the disk, and restore the stream from a backup that has these messages; where none has, keep the tables as they are"
