package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/installation"
	"rosey/schema"
)

// speech is what the bot says in the course of a simulated evening.
var speech = []struct {
	after time.Duration
	text  func(h *house) string
}{
	{500 * time.Millisecond, func(*house) string { return "Good evening! I keep the history of this channel." }},
	{4 * time.Second, func(h *house) string {
		r := h.recorder.Status()
		return fmt.Sprintf("%d events so far, and %d people in the room.", r.Events, r.View.Users)
	}},
	{15 * time.Second, func(*house) string { return "Nothing is forgotten, and nothing counts twice." }},
	{time.Minute, func(*house) string { return "Ask me anything: rosey stats top" }},
}

// speak queues the speech as anybody would, and takes back what is not said when
// the evening ends. It returns what it queued.
func speak(ctx context.Context, h *house, channel string, log *slog.Logger) (texts []string) {
	q, err := outbound.OpenQueue(ctx, h.server.Stream)
	begun := time.Now()
	for _, part := range speech {
		if err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return texts
		case <-time.After(time.Until(begun.Add(part.after))):
		}
		var m outbound.Message
		if m, _, err = q.Enqueue(ctx, outbound.Request{Channel: channel, Text: part.text(h)}); err != nil {
			break
		}
		texts = append(texts, m.Text)
		if _, err = q.Await(ctx, channel, m.ID); ctx.Err() != nil {
			// It is said already, or will not be any more.
			_, _ = q.Cancel(context.WithoutCancel(ctx), channel, m.ID)
		}
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("the bot has nothing to say", "err", err)
	}
	return texts
}

// countSaid counts how many of the texts the channel showed, and how many the
// tables hold as sent.
func countSaid(ctx context.Context, dir installation.Dir, channel string, texts, shown []string) (tally, error) {
	t := tally{Name: "lines the bot was to say"}
	for _, text := range texts {
		if slices.Contains(shown, text) {
			t.Happened++
		}
	}
	wanted, err := json.Marshal(texts)
	if err != nil {
		return t, fmt.Errorf("demo: %w", err)
	}
	db, err := schema.OpenReader(ctx, dir.Database().Link)
	if err != nil {
		return t, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM outbound_messages
		WHERE channel = ? AND status = 'sent' AND message IN (SELECT value FROM json_each(?))`, channel, string(wanted)).Scan(&t.Recorded)
	if err != nil {
		return t, fmt.Errorf("demo: count what the bot was to say: %w", err)
	}
	return t, nil
}
