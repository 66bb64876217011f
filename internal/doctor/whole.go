package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/streams"
)

// scanTries is how often a read begins again because messages were erased while
// it was under way.
const scanTries = 3

// scanStream reads the stream and tells what was erased from what is missing:
// the server lists the former.
func (e *examination) scanStream(ctx context.Context, checkpoint uint64) error {
	deleted, _, err := e.deleted(ctx)
	if err != nil {
		return err
	}
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
		now, first, err := e.deleted(ctx)
		if err != nil {
			return err
		}
		// The beginning may be gone since as well.
		now = now.plus(upTo(first - 1))
		lost := e.scan.missing.minus(now)
		if lost.size() == e.scan.missing.size() || try == scanTries {
			e.scan.missing = lost
			return nil
		}
		deleted = now
	}
}

// deleted asks the server for the sequences that were erased, and where the
// stream begins.
func (e *examination) deleted(ctx context.Context) (_ spans, first uint64, err error) {
	s, err := e.cfg.Conn.JetStream().Stream(ctx, streams.StreamName)
	if err != nil {
		return nil, 0, fmt.Errorf("doctor: ask what was erased: %w", err)
	}
	state := s.CachedInfo().State
	if state.NumDeleted == 0 {
		return nil, max(state.FirstSeq, 1), nil
	}
	info, err := s.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return nil, 0, fmt.Errorf("doctor: ask what was erased: %w", err)
	}
	var list spans
	for _, seq := range info.State.Deleted { // in order
		if n := len(list); n > 0 && list[n-1][1]+1 == seq {
			list[n-1][1] = seq
			continue
		}
		list = append(list, Span{seq, seq})
	}
	return list, max(info.State.FirstSeq, 1), nil
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

// keepTables takes back every advice to rebuild where the stream is damaged: the
// tables may hold what it has lost.
func (e *examination) keepTables() {
	if e.found[StreamWhole].State != Wrong {
		return
	}
	for name, c := range e.found {
		if strings.Contains(c.Remedy, "rosey replay") {
			c.Remedy = "rebuild nothing: the stream is damaged, and the tables may hold the only copy; see " + StreamWhole
			e.found[name] = c
		}
	}
}
