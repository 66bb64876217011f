package measure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/events"
	"rosey/schema"
)

// Direct is the recorder that Overhead compares with: the same client and the same
// translation of frames, with the rows written in a transaction for each event and
// nothing between. There is no history to rebuild from, nothing is sent again, and
// what the disk does not take at once is lost. Every transaction is synced, as the
// spool's are.
func Direct(ctx context.Context, url, path string) (err error) {
	server, channel, err := cytube.ParseChannelURL(url)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	client, err := cytube.New(cytube.Config{Server: server, Channel: channel})
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	db, err := schema.Create(ctx, path)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	w := &directWriter{db: db, translator: bot.NewTranslator(bot.TranslatorConfig{Channel: channel}), afk: map[string]bool{}}
	// What was read is still written after the context has ended.
	keep := context.WithoutCancel(ctx)
	err = client.Run(ctx, func(_ context.Context, it cytube.Item) error { return w.write(keep, it) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type directWriter struct {
	db         *schema.DB
	translator *bot.Translator
	seq        int64
	ticked     time.Time
	afk        map[string]bool // CyTube tells it in two ways
}

func (w *directWriter) write(ctx context.Context, it cytube.Item) error {
	list := w.translator.Translate(it)
	if now := time.Now(); now.Sub(w.ticked) >= time.Second {
		w.ticked = now
		list = append(list, w.translator.Tick(now)...)
	}
	for _, e := range list {
		if w.known(e) {
			continue
		}
		if err := w.insert(ctx, e); err != nil {
			return fmt.Errorf("measure: write directly: %w", err)
		}
	}
	return nil
}

// known reports whether an event says nothing new of who dozes.
func (w *directWriter) known(e *events.Event) bool {
	p, ok := e.Payload.(*events.UserUpdated)
	if !ok {
		return false
	}
	if p.AFK == nil || w.afk[p.Username] == *p.AFK {
		return true
	}
	w.afk[p.Username] = *p.AFK
	return false
}

func (w *directWriter) insert(ctx context.Context, e *events.Event) (err error) {
	w.seq++
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := naiveRows(ctx, tx, events.Subject(e.Kind), w.seq, plain(e)); err != nil {
		return err
	}
	return tx.Commit()
}

// plain is the event as naiveRows takes it.
func plain(e *events.Event) *naiveEvent {
	n := &naiveEvent{Channel: e.Channel, TimeMS: e.TimeMS}
	switch p := e.Payload.(type) {
	case *events.MessageLog:
		n.Username, n.Message = p.Username, p.Message
	case *events.UserJoined:
		n.Username = p.Username
	case *events.UserLeft:
		n.Username = p.Username
	case *events.UserUpdated:
		n.Username, n.AFK = p.Username, p.AFK
	case *events.Counts:
		n.Chat, n.Connected = p.Chat, p.Connected
	case *events.MediaChanged:
		n.MediaType, n.MediaID, n.Title, n.Seconds = p.Type, p.MediaID, strings.ToValidUTF8(p.Title, ""), p.Seconds
	}
	return n
}
