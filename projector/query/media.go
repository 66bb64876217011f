package query

import (
	"context"
	"database/sql"

	"rosey/schema"
)

// MediaPage is a page of media_history, newest first.
type MediaPage struct {
	Channel string `json:"channel"`
	Span
	Media []Media `json:"media"`
	// Before is the key of the next, older page, 0 at the end.
	Before int64 `json:"before"`
}

// Media is one time an item played.
type Media struct {
	Seq       int64 `json:"seq"`
	StartedMS int64 `json:"started_ms"`
	// EndedMS and EndedBy are nil while it plays.
	EndedMS   *int64  `json:"ended_ms"`
	EndedBy   *string `json:"ended_by"`
	MediaType string  `json:"media_type"`
	MediaID   string  `json:"media_id"`
	Title     string  `json:"title"`
	Seconds   float64 `json:"seconds"`
	QueuedBy  string  `json:"queued_by"`
	Resumed   int64   `json:"resumed"`
}

// MediaHistory returns what played.
func MediaHistory(ctx context.Context, q schema.Queryer, o PageOptions) (MediaPage, error) {
	s, err := o.span(ctx, q)
	if err != nil {
		return MediaPage{}, err
	}
	p := MediaPage{Channel: o.Channel, Span: s}
	p.Media, err = collect(ctx, q, "media_history", func(r *sql.Rows, m *Media) error {
		return r.Scan(&m.Seq, &m.StartedMS, &m.EndedMS, &m.EndedBy, &m.MediaType, &m.MediaID, &m.Title, &m.Seconds, &m.QueuedBy, &m.Resumed)
	}, `SELECT seq, started_ms, ended_ms, ended_by, media_type, media_id, title, seconds, queued_by, resumed FROM media_history
		WHERE channel = ?1 AND seq < ?4 AND (?5 = '' OR queued_by = ?5 COLLATE NOCASE) AND `+o.within(s, "started_ms", "?2", "?3")+`
		ORDER BY seq DESC LIMIT ?6`,
		o.Channel, s.SinceMS, o.end(s), older(o.Before), o.Username, limited(o.Limit)+1)
	if err != nil {
		return p, err
	}
	p.Media, p.Before = page(p.Media, limited(o.Limit), func(m Media) int64 { return m.Seq })
	return p, nil
}
