package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rosey/events"
)

// maxReason bounds what a marker repeats of the server's answer.
const maxReason = 500

// errMarkerRefused means that not even a small event is taken: then the event is
// not at fault, and the stream has to be put right.
var errMarkerRefused = errors.New("the stream refuses even the marker of an event it refused")

// setAside keeps the event that the stream refused for good in the table of such
// events, and puts a marker in its place, with its sequence.
func (d *drainer) setAside(ctx context.Context, r *row, refused error) error {
	if r.kind == events.KindBotSetAside {
		return fmt.Errorf("%w: event_id=%s: %w", errMarkerRefused, r.eventID(), refused)
	}
	s := d.spool
	reason := refused.Error()
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	marker, err := s.marker(r, reason)
	if err != nil {
		return err
	}
	err = s.change(context.WithoutCancel(ctx), func(ctx context.Context, tx *session, st *state) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO set_aside (producer, seq, kind, subject, reason, at_ms, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.producer, r.seq, string(r.kind), r.subject, reason, s.cfg.Now().UnixMilli(), r.data)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE events SET kind = ?, subject = ?, bytes = ?, data = ?, sum = ? WHERE id = ?",
			string(marker.kind), marker.subject, marker.bytes(), marker.data, marker.checksum(), marker.id)
		st.depth.Bytes += marker.bytes() - r.bytes()
		st.tail = tail{} // the file has the marker
		return err
	})
	if err != nil {
		return fmt.Errorf("set aside event_id=%s: %w", r.eventID(), err)
	}
	s.cfg.Logger.Error("event is refused for good and was set aside in the spool",
		"event_id", r.eventID(), "kind", string(r.kind), "err", refused)
	*r = marker
	return nil
}

// marker makes the row that takes the place of a refused one.
func (s *Spool) marker(r *row, reason string) (row, error) {
	e := events.Event{
		ID: r.eventID(), V: events.Version, Platform: events.PlatformCyTube, Channel: s.cfg.Channel,
		TimeMS: r.atMS, ReceivedMS: r.atMS, Kind: events.KindBotSetAside,
		Payload: &events.BotSetAside{Refused: r.kind, Bytes: int64(len(r.data)), Reason: reason},
	}
	// The envelope is the event's own, as far as it can be read.
	if refused, err := events.Decode(r.kind, r.data); err == nil {
		e.Platform, e.Channel = refused.Platform, refused.Channel
		e.TimeMS, e.ReceivedMS = refused.TimeMS, refused.ReceivedMS
	}
	data, err := events.Encode(&e)
	if err != nil {
		return row{}, fmt.Errorf("mark event_id=%s as set aside: %w", r.eventID(), err)
	}
	marker := *r
	marker.kind, marker.data = e.Kind, data
	marker.subject = s.cfg.Subject(e.Kind, e.Channel)
	return marker, nil
}

// SetAside is an event that the stream refused for good.
type SetAside struct {
	EventID string
	Kind    events.Kind
	Subject string
	Reason  string
	AtMS    int64
	Bytes   int64
}

// ListSetAside returns the events that were set aside, oldest first, without
// their data: that stays in the file's table set_aside.
func (s *Spool) ListSetAside(ctx context.Context) ([]SetAside, error) {
	list, err := listSetAside(ctx, s.db)
	if err != nil {
		return nil, fmt.Errorf("spool: list events set aside: %w", err)
	}
	return list, nil
}

func listSetAside(ctx context.Context, q querier) (list []SetAside, err error) {
	rows, err := q.QueryContext(ctx,
		"SELECT producer, seq, kind, subject, reason, at_ms, length(data) FROM set_aside ORDER BY at_ms, producer, seq")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var a SetAside
		var producer string
		var seq uint64
		if err := rows.Scan(&producer, &seq, &a.Kind, &a.Subject, &a.Reason, &a.AtMS, &a.Bytes); err != nil {
			return nil, err
		}
		a.EventID = events.MakeID(producer, seq)
		list = append(list, a)
	}
	return list, rows.Err()
}
