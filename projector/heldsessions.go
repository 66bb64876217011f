package projector

import (
	"cmp"
	"context"
	"slices"
)

// heldSessions are sessions as the latest batch left them. Their rows are sorted by
// the user's name, so that those of one batch lie all over the table; of many batches
// together a user's are neighbours, and who came and went meanwhile is written once.
type heldSessions struct {
	held    map[*session]session
	batch   map[*session]session // of the batch that is being written
	most    int                  // sessions that are held
	writing bool                 // what is held goes to the rows with that batch
}

// maxHeldSessions bounds the memory for them, some 200 bytes each.
const maxHeldSessions = 20_000

// take copies what a batch changed: the next one may fail half way.
func (h *heldSessions) take(list []*session) {
	h.batch = make(map[*session]session, len(list))
	for _, s := range list {
		h.batch[s] = *s
	}
}

func (h *heldSessions) flush(ctx context.Context, w *writer) error {
	if len(h.held) < h.most {
		return nil
	}
	h.writing = true
	return h.write(ctx, w)
}

// committed takes in what the batch changed.
func (h *heldSessions) committed() {
	if h.writing || h.held == nil {
		h.held = map[*session]session{}
	}
	for k, s := range h.batch {
		h.held[k] = s
	}
	h.abandon()
}

// abandon forgets a batch.
func (h *heldSessions) abandon() { h.batch, h.writing = nil, false }

// write writes the rows in the order in which the table has them.
func (h *heldSessions) write(ctx context.Context, w *writer) error {
	type row struct {
		name string // without case
		*session
	}
	rows := make([]row, 0, len(h.held))
	for _, s := range h.held {
		rows = append(rows, row{foldName(s.username), &s})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.name, b.name), cmp.Compare(a.openedSeq, b.openedSeq))
	})
	var list []*session
	for some := range slices.Chunk(rows, 1000) { // statements are made of all that is handed over at once
		list = list[:0]
		for _, r := range some {
			list = append(list, r.session)
		}
		if err := writeSessions(ctx, w, list); err != nil {
			return err
		}
	}
	return nil
}
