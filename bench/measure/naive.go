package measure

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rosey/schema"
	"rosey/streams"
)

// naive is the projector one would first write: a message, its JSON, a
// transaction for it, an acknowledgement. It fills the main tables and proves
// nothing; it is there to be compared with.
func (h *History) naive(ctx context.Context, n int) (took time.Duration, err error) {
	db, err := schema.Create(ctx, h.file())
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(), schema.RemoveFile(db.Path())) }()
	js := h.rig.conn.JetStream()
	cons, err := js.CreateOrUpdateConsumer(ctx, streams.StreamName, jetstream.ConsumerConfig{
		Durable: "naive", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, js.DeleteConsumer(ctx, streams.StreamName, "naive")) }()
	begin := time.Now()
	messages, err := cons.Messages()
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	defer messages.Stop()
	for range n {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, fmt.Errorf("measure: %w", err)
		}
		if err := naiveApply(ctx, db, m); err != nil {
			return 0, fmt.Errorf("measure: naive: %w", err)
		}
		if err := m.Ack(); err != nil {
			return 0, fmt.Errorf("measure: %w", err)
		}
	}
	took = time.Since(begin)
	checkpoint, err := schema.ReadCheckpoint(ctx, db)
	if err == nil && checkpoint.Seq != uint64(n) {
		err = fmt.Errorf("measure: naive: %d events applied, want %d", checkpoint.Seq, n)
	}
	return took, err
}

type naiveEvent struct {
	Channel   string  `json:"channel"`
	TimeMS    int64   `json:"time_ms"`
	Username  string  `json:"username"`
	Message   string  `json:"message"`
	Chat      int64   `json:"chat_count"`
	Connected int64   `json:"connected_count"`
	MediaType string  `json:"media_type"`
	MediaID   string  `json:"media_id"`
	Title     string  `json:"title"`
	Seconds   float64 `json:"seconds"`
	AFK       *bool   `json:"afk"`
}

func naiveApply(ctx context.Context, db *schema.DB, m jetstream.Msg) (err error) {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	var e naiveEvent
	if err := json.Unmarshal(m.Data(), &e); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := naiveRows(ctx, tx, m.Subject(), int64(meta.Sequence.Stream), &e); err != nil {
		return err
	}
	err = schema.WriteCheckpoint(ctx, tx, schema.Checkpoint{
		Seq: meta.Sequence.Stream, TimeMS: meta.Timestamp.UnixMilli(), MsgID: m.Headers().Get("Nats-Msg-Id"),
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

func naiveRows(ctx context.Context, tx *sql.Tx, subject string, seq int64, e *naiveEvent) error {
	exec := func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}
	const seen = `INSERT INTO user_stats (channel, username, first_seen, last_seen, total_chat_lines, joins) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (channel, username) DO UPDATE SET last_seen = excluded.last_seen,
		total_chat_lines = total_chat_lines + excluded.total_chat_lines, joins = joins + excluded.joins`
	const acted = `INSERT INTO user_actions (channel, seq, username, timestamp, time_ms, action, details) VALUES (?, ?, ?, ?, ?, ?, '')`
	sec := e.TimeMS / 1000
	switch subject {
	case "rosey.db.message.log":
		return errors.Join(
			exec(`INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
				VALUES (?, ?, ?, ?, ?, ?, '', '', 0, 0)`, seq, e.Channel, e.TimeMS, e.Username, e.Message, seq),
			exec(`INSERT INTO chat_search (rowid, message) VALUES (?, ?)`, seq, e.Message),
			exec(seen, e.Channel, e.Username, sec, sec, 1, 0))
	case "rosey.db.user.joined":
		return errors.Join(
			exec(`INSERT INTO user_sessions (channel, username, opened_seq, started_ms, opened_by, afk_finished_ms, rank)
				VALUES (?, ?, ?, ?, 'join', 0, 1)`, e.Channel, e.Username, seq, e.TimeMS),
			exec(acted, e.Channel, seq, e.Username, sec, e.TimeMS, "join"),
			exec(seen, e.Channel, e.Username, sec, sec, 0, 1))
	case "rosey.db.user.left":
		return errors.Join(
			exec(`UPDATE user_sessions SET ended_ms = ?, ended_by = 'leave', ended_seq = ? WHERE channel = ? AND username = ? AND ended_ms IS NULL`,
				e.TimeMS, seq, e.Channel, e.Username),
			exec(acted, e.Channel, seq, e.Username, sec, e.TimeMS, "leave"),
			exec(seen, e.Channel, e.Username, sec, sec, 0, 0))
	case "rosey.db.user.updated":
		if e.AFK == nil {
			return nil
		}
		action := "back"
		if *e.AFK {
			action = "afk"
		}
		return errors.Join(
			exec(acted, e.Channel, seq, e.Username, sec, e.TimeMS, action),
			exec(seen, e.Channel, e.Username, sec, sec, 0, 0))
	case "rosey.db.stats.user_count":
		return exec(`INSERT INTO user_count_history (seq, channel, timestamp, chat_users, connected_users) VALUES (?, ?, ?, ?, ?)`,
			seq, e.Channel, sec, e.Chat, e.Connected)
	case "rosey.db.media.changed":
		return exec(`INSERT INTO media_history (seq, channel, started_ms, media_type, media_id, title, seconds, queued_by, resumed, last_seq)
			VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, ?)`, seq, e.Channel, e.TimeMS, e.MediaType, e.MediaID, e.Title, e.Seconds, seq)
	}
	return nil
}
