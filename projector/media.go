package projector

import (
	"context"
	"database/sql"

	"rosey/events"
	"rosey/schema"
)

// media projects media_history: one row for each time an item played.
type media struct {
	playing map[string]*play
	touched []*play
}

type play struct {
	seq       uint64
	channel   string
	startMS   int64
	endMS     *int64
	endedBy   string
	mediaType string
	mediaID   string
	title     string
	seconds   float64
	queuedBy  string
	resumed   bool
	lastSeq   uint64
	dirty     bool
}

// maxPosition bounds how long an item can have been playing, in seconds: what is
// beyond it is no position, and has no whole number.
const maxPosition = 1e9

func newMedia() projection { return &media{playing: map[string]*play{}} }

func (m *media) load(ctx context.Context, q schema.Queryer) error {
	return each(ctx, q, func(r *sql.Rows) error {
		var p play
		if err := r.Scan(&p.seq, &p.channel, &p.startMS, &p.mediaType, &p.mediaID, &p.title, &p.seconds, &p.queuedBy, &p.resumed, &p.lastSeq); err != nil {
			return err
		}
		m.playing[p.channel] = &p
		return nil
	}, `SELECT seq, channel, started_ms, media_type, media_id, title, seconds, queued_by, resumed, last_seq
		FROM media_history WHERE ended_ms IS NULL ORDER BY seq`)
}

func (m *media) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (m *media) fold(f *fact) error {
	if !f.leading {
		return nil
	}
	now := m.playing[f.Channel]
	switch e := f.Payload.(type) {
	case *events.MediaChanged:
		// The item that plays as the bot joins is sent like a new one. It goes on if
		// it is the one that played before; else it began while nobody looked.
		if e.Resumed && now != nil && now.mediaType == e.Type && now.mediaID == e.MediaID {
			now.lastSeq = f.seq
			m.touch(now)
			return nil
		}
		start := f.at
		if e.Resumed {
			if now != nil {
				m.end(now, f.watch.lastMS, "unobserved")
			}
			start -= int64(min(max(0, e.CurrentTime), maxPosition) * 1000)
		} else if now != nil {
			m.end(now, f.at, "next")
		}
		p := &play{
			seq: f.seq, channel: f.Channel, startMS: start, mediaType: e.Type, mediaID: e.MediaID, title: e.Title,
			seconds: e.Seconds, queuedBy: e.QueuedBy, resumed: e.Resumed, lastSeq: f.seq,
		}
		m.playing[f.Channel] = p
		m.touch(p)
	case *events.MediaEnded:
		if now != nil {
			m.end(now, f.at, "ended")
		}
	case *events.UserRoster:
		// The roster ends the burst of a join: an item that did not come with it
		// stopped while nobody looked.
		if now != nil && f.watch.resumed && now.lastSeq < f.watch.connectedSeq {
			m.end(now, f.watch.lastMS, "unobserved")
		}
	}
	return nil
}

func (m *media) end(p *play, at int64, by string) {
	end := max(at, p.startMS)
	p.endMS, p.endedBy = &end, by
	delete(m.playing, p.channel)
	m.touch(p)
}

func (m *media) touch(p *play) {
	if !p.dirty {
		p.dirty = true
		m.touched = append(m.touched, p)
	}
}

func (m *media) flush(ctx context.Context, w *writer) error {
	const columns = "channel, started_ms, ended_ms, ended_by, media_type, media_id, title, seconds, queued_by, resumed, last_seq"
	b := &bulk{head: "INSERT INTO media_history (seq, " + columns + ") VALUES", cols: 12, tail: upsert("seq", columns)}
	for _, p := range m.touched {
		p.dirty = false
		var by any
		if p.endMS != nil {
			by = p.endedBy
		}
		b.add(int64(p.seq), p.channel, p.startMS, optional(p.endMS), by, p.mediaType, p.mediaID, p.title, p.seconds, p.queuedBy,
			boolean(p.resumed), int64(p.lastSeq))
	}
	m.touched = m.touched[:0]
	return b.flush(ctx, w)
}
