package projector

import (
	"context"
	"errors"
	"fmt"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// Alone applies a few messages, in the order of the stream, as if there were no
// others, to a database in memory. Rows that an event fills by itself are as they
// are in the whole: lines of chat, numbers of users where the leader told them,
// dead letters and decisions of operators. Totals, and whatever else an event
// changes about what was before, are not.
func Alone(ctx context.Context, id streams.Identity, defaultChannel string, messages []streams.Message) (*schema.DB, error) {
	return alone(ctx, id, defaultChannel, messages, "")
}

// Led is Alone for messages of one channel that a producer leads from before the
// first of them on.
func Led(ctx context.Context, id streams.Identity, channel, leader string, messages []streams.Message) (*schema.DB, error) {
	return alone(ctx, id, channel, messages, leader)
}

func alone(ctx context.Context, id streams.Identity, defaultChannel string, messages []streams.Message, leader string) (_ *schema.DB, err error) {
	db, err := schema.CreateInMemory(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if leader != "" {
		_, err := db.ExecContext(ctx, "INSERT INTO channel_observation (channel, "+observationColumns+") VALUES (?, ?, 0, 1, 0, 0, '', 0, 0, 0, 0, 0)", defaultChannel, leader)
		if err != nil {
			return nil, fmt.Errorf("projector: say who leads: %w", err)
		}
	}
	a, err := NewApplier(ctx, db, ApplierConfig{DefaultChannel: defaultChannel, Identity: id})
	if err != nil {
		return nil, err
	}
	dec := events.NewDecoder()
	items := make([]Item, 0, len(messages))
	var before uint64
	for _, m := range messages {
		it := Decode(dec, m)
		it.Erased, before = m.Seq-before-1, m.Seq
		items = append(items, it)
	}
	_, err = a.Apply(ctx, items)
	return db, err
}
