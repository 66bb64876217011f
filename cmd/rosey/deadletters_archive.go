package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

// find looks for a dead letter in the tables and, where one is named, in an archive.
func (c *deadLettersShowCmd) find(ctx context.Context, flags *deadLettersCmd) (d query.DeadLetter, payload []byte, err error) {
	if c.FromArchive == "" {
		err = flags.read(ctx, func(q schema.Queryer) (err error) {
			d, payload, err = query.ShowDeadLetter(ctx, q, c.Seq)
			return err
		})
		return d, payload, err
	}
	a, err := archive.Open(c.FromArchive)
	if err != nil {
		return d, nil, err
	}
	var tables schema.Checkpoint
	err = flags.read(ctx, func(q schema.Queryer) (err error) {
		if tables, err = schema.ReadCheckpoint(ctx, q); err != nil {
			return err
		}
		d, payload, err = query.ShowDeadLetter(ctx, q, c.Seq)
		return err
	})
	known := err == nil
	if err != nil && !errors.Is(err, query.ErrNotFound) && !errors.Is(err, schema.ErrNoDatabase) {
		return d, nil, err
	}
	if id := a.Identity().ID; tables.StreamID != "" && tables.StreamID != id {
		err := fmt.Errorf("dead-letters show: %w: it is of %s, the tables are of %s", archive.ErrOtherStream, id, tables.StreamID)
		return d, nil, advise(err, "name the archive of this installation's stream")
	}
	m, err := a.Get(ctx, c.Seq)
	switch {
	case known && (errors.Is(err, streams.ErrMessageNotFound) || errors.Is(err, archive.ErrOutside)):
		return d, payload, nil // the tables have all of it
	case errors.Is(err, streams.ErrMessageNotFound):
		return d, nil, advise(fmt.Errorf("dead-letters show: neither the tables nor the archive have seq=%d; it was erased", c.Seq), "rosey dead-letters list")
	case err != nil:
		return d, nil, err
	case known && (d.MsgID != m.MsgID || d.Subject != m.Subject || !bytes.Equal(payload, m.Data)):
		err := fmt.Errorf("dead-letters show: %w: at seq=%d it holds another message than the tables", archive.ErrOtherHistory, c.Seq)
		return d, nil, advise(err, "name the archive of this installation's stream")
	case known:
		return d, payload, nil
	}
	return c.judge(ctx, a, *m, tables.DefaultChannel)
}

// judge tells what this program makes of an archived event.
func (c *deadLettersShowCmd) judge(ctx context.Context, a *archive.Archive, m streams.Message, channel string) (d query.DeadLetter, payload []byte, err error) {
	alone, err := projector.Alone(ctx, a.Identity(), channel, []streams.Message{m})
	if err != nil {
		return d, nil, err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	d, payload, err = query.ShowDeadLetter(ctx, alone, m.Seq)
	if errors.Is(err, query.ErrNotFound) {
		err = advise(fmt.Errorf("dead-letters show: seq=%d is no dead letter: the archive holds it, and this program can apply it", m.Seq),
			"zstdcat %s | grep '\"seq\":%d,'   (shows the event itself)", shell(c.FromArchive)+"/*.zst", m.Seq)
	}
	return d, payload, err
}
