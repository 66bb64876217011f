package projector

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"rosey/events"
)

// others reports whether an event is certainly of another channel than the one
// that the rows are limited to. One that cannot be read is of none that could be
// told: it is kept, unless its subject or as much as could be read of it names
// another.
func (a *Applier) others(it *Item) bool {
	if a.cfg.Channel == "" {
		return false
	}
	if it.Event == nil {
		return it.channel != "" && !strings.EqualFold(it.channel, a.cfg.Channel)
	}
	return a.othersEvent(it.Event)
}

// othersEvent is others for an event that can be read. What operators decided is
// about the stream, and everybody's.
func (a *Applier) othersEvent(e *events.Event) bool {
	return a.cfg.Channel != "" && !e.Kind.Operator() && !strings.EqualFold(e.Channel, a.cfg.Channel)
}

// Complete ends the work on a database that is loaded, see Settle, or limited to a
// channel: the numbers of the producers of other channels, which duplicates were
// recognised by, go. Nothing can be applied to a limited one after it.
func (a *Applier) Complete(ctx context.Context) error {
	if err := a.Settle(ctx); err != nil {
		return err
	}
	if a.cfg.Channel == "" {
		return nil
	}
	var gone []string
	err := each(ctx, a.db, func(r *sql.Rows) error {
		var channel string
		if err := r.Scan(&channel); err != nil {
			return err
		}
		if channel != "" && !strings.EqualFold(channel, a.cfg.Channel) {
			gone = append(gone, channel)
		}
		return nil
	}, "SELECT DISTINCT channel FROM producer_positions")
	for _, channel := range gone {
		if err == nil {
			_, err = a.db.ExecContext(ctx, "DELETE FROM producer_positions WHERE channel = ?", channel)
		}
	}
	if err != nil {
		return fmt.Errorf("projector: complete the database of channel %s: %w", a.cfg.Channel, err)
	}
	return nil
}
