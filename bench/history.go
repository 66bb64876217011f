package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// History is a stream that holds a generated history, to be projected again and
// again.
type History struct {
	rig    *rig
	events int
	files  int

	rest *Generator // of what comes after the history
}

// NewHistory fills a stream with so many events.
func NewHistory(ctx context.Context, dir string, events int) (*History, error) {
	r, err := newRig(ctx, dir, false)
	if err != nil {
		return nil, err
	}
	if err := r.fill(ctx, events); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return &History{rig: r, events: events}, nil
}

// more makes the events that follow the history, and those made before.
func (h *History) more(n int) ([]streams.AppendMessage, error) {
	if h.rest == nil {
		h.rest = NewGenerator()
		for range h.events {
			h.rest.Next()
		}
	}
	return h.rest.Messages(n)
}

// Close ends the server.
func (h *History) Close() error { return h.rig.close() }

// file names a database that does not exist yet.
func (h *History) file() string {
	h.files++
	return filepath.Join(h.rig.dir, "bench"+strconv.Itoa(h.files)+".db")
}

// readAlone reads the whole stream and does nothing with it.
func (h *History) readAlone(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	r, err := h.rig.stream.Reader(ctx, streams.ReadOptions{StopAtEnd: true})
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer r.Close()
	for {
		_, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return time.Since(begin), nil
		}
		if err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
	}
}

// chunks hands the same history on without the stream, in batches: the events
// are made again, which nobody's clock sees.
func (h *History) chunks(size int, do func([]streams.Message) error) error {
	g := NewGenerator()
	list := make([]streams.Message, 0, size)
	for seq := 1; seq <= h.events; seq++ {
		m, err := g.Message()
		if err != nil {
			return err
		}
		list = append(list, streams.Message{
			Seq: uint64(seq), Time: time.UnixMilli(g.nowMS), Subject: m.Subject, MsgID: m.MsgID, Data: m.Data,
		})
		if len(list) < size && seq < h.events {
			continue
		}
		if err := do(list); err != nil {
			return err
		}
		list = list[:0]
	}
	return nil
}

// decodeAlone decodes the events from memory.
func (h *History) decodeAlone() (took time.Duration, err error) {
	dec := events.NewDecoder()
	err = h.chunks(10_000, func(list []streams.Message) error {
		begin := time.Now()
		for _, m := range list {
			if it := projector.Decode(dec, m); it.Failure != nil {
				return fmt.Errorf("bench: decode seq=%d: %s", m.Seq, it.Failure.Reason)
			}
		}
		took += time.Since(begin)
		return nil
	})
	return took, err
}

// applyAlone writes events that are decoded beforehand: the projector's own
// Applier, nothing else. Finish is part of it where the database is loaded.
func (h *History) applyAlone(ctx context.Context, batch int, loading bool) (took time.Duration, err error) {
	create := schema.Create
	if loading {
		create = schema.CreateForLoading
	}
	begin := time.Now()
	db, err := create(ctx, h.file())
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	path := db.Path()
	defer func() { err = errors.Join(err, db.Close(), schema.RemoveFile(path)) }()
	a, err := projector.NewApplier(ctx, db, projector.ApplierConfig{
		DefaultChannel: Channel, Identity: h.rig.stream.Identity(), Loading: loading,
	})
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	took = time.Since(begin)
	dec := events.NewDecoder()
	items := make([]projector.Item, 0, batch)
	err = h.chunks(batch, func(list []streams.Message) error {
		items = items[:0]
		for _, m := range list {
			items = append(items, projector.Decode(dec, m))
		}
		begin := time.Now()
		if _, err := a.Apply(ctx, items); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		took += time.Since(begin)
		return nil
	})
	if err != nil || !loading {
		return took, err
	}
	begin = time.Now()
	if err := db.Finish(ctx); err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	return took + time.Since(begin), nil
}
