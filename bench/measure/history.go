package measure

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

	rest *Generator // of what comes after the history; made when it is asked for
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

// OpenHistory goes on with a stream that NewHistory filled. With sync the server
// writes through to the disk from now on, as an installation's does.
func OpenHistory(ctx context.Context, dir string, events int, sync bool) (*History, error) {
	r, err := newRig(ctx, dir, sync)
	if err != nil {
		return nil, err
	}
	// Opening gave the stream its usual window for duplicates: the next server would
	// read the ids of this history's last minutes, which is all of it.
	if err := r.settled(ctx, events); err != nil {
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
	r, err := h.rig.stream.Reader(ctx, streams.ReadOptions{StopAtEnd: true, NoHeaders: true})
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	defer r.Close()
	for n := 0; ; n++ {
		_, err := r.Next(ctx)
		if errors.Is(err, io.EOF) && n == h.events {
			return time.Since(begin), nil
		}
		if err != nil {
			return 0, fmt.Errorf("measure: read %d of %d events: %w", n, h.events, err)
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

// alone is how long the parts of projecting take without the others.
type alone struct{ decode, apply time.Duration }

// applyAlone writes events that are decoded beforehand: the projector's own
// Applier, nothing else. Finish is part of it where the database is loaded.
func (h *History) applyAlone(ctx context.Context, batch int, loading bool) (t alone, err error) {
	create := schema.Create
	if loading {
		create = schema.CreateForLoading
	}
	begin := time.Now()
	db, err := create(ctx, h.file())
	if err != nil {
		return t, fmt.Errorf("measure: %w", err)
	}
	path := db.Path()
	defer func() { err = errors.Join(err, db.Close(), schema.RemoveFile(path)) }()
	a, err := projector.NewApplier(ctx, db, projector.ApplierConfig{
		DefaultChannel: Channel, Identity: h.rig.stream.Identity(), Loading: loading,
	})
	if err != nil {
		return t, fmt.Errorf("measure: %w", err)
	}
	t.apply = time.Since(begin)
	dec := events.NewDecoder()
	items := make([]projector.Item, 0, batch)
	applied := 0
	err = h.chunks(batch, func(list []streams.Message) error {
		begin := time.Now()
		items = items[:0]
		for _, m := range list {
			it := projector.Decode(dec, m)
			if it.Failure != nil {
				return fmt.Errorf("measure: decode seq=%d: %s", m.Seq, it.Failure.Reason)
			}
			items = append(items, it)
		}
		decoded := time.Now()
		res, err := a.Apply(ctx, items)
		if err != nil {
			return fmt.Errorf("measure: %w", err)
		}
		t.decode += decoded.Sub(begin)
		t.apply += time.Since(decoded)
		applied += res.Events
		return nil
	})
	if err == nil && applied != h.events {
		err = fmt.Errorf("measure: %d events applied, want %d", applied, h.events)
	}
	if err != nil || !loading {
		return t, err
	}
	begin = time.Now()
	if err := a.Complete(ctx); err != nil {
		return t, fmt.Errorf("measure: %w", err)
	}
	if err := db.Finish(ctx); err != nil {
		return t, fmt.Errorf("measure: %w", err)
	}
	t.apply += time.Since(begin)
	return t, nil
}

// grow appends the events that follow.
func (h *History) grow(ctx context.Context, n int) error {
	for n > 0 {
		list, err := h.more(min(n, streams.MaxBatch))
		if err != nil {
			return err
		}
		if _, err := h.rig.stream.AppendBatch(ctx, list); err != nil {
			return fmt.Errorf("measure: %w", err)
		}
		h.events += len(list)
		n -= len(list)
	}
	return nil
}
