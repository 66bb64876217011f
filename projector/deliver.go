package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/events"
	"rosey/streams"
)

// read decodes what is delivered, ahead of the writer.
func read(ctx context.Context, d *streams.Delivery, taken *intake, out chan<- Item) error {
	dec := events.NewDecoder()
	for {
		taken.waiting.Store(true)
		m, err := d.Next(ctx)
		taken.waiting.Store(false)
		taken.seq.Store(m.Seq)
		if err != nil {
			return fmt.Errorf("projector: %w", err)
		}
		select {
		case out <- Decode(dec, m):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Bounds of a batch beside its number of events.
const (
	// maxBatchBytes keeps a batch of bulky events from filling the memory.
	maxBatchBytes = 32 << 20
	// idleWait commits a batch whose end never comes: messages announced as
	// pending can be erased before they are delivered.
	idleWait = 200 * time.Millisecond
)

// apply gathers batches and applies them. A batch ends when the stream has no
// more, or when it is full: an event is visible at once in quiet times, and many
// share a transaction in busy ones.
func (p *Projector) apply(ctx context.Context, d *streams.Delivery, in <-chan Item) error {
	var (
		batch []Item
		size  int
		last  = p.applier.Checkpoint().Seq
		idle  = time.NewTimer(p.cfg.idle)
	)
	defer idle.Stop()
	for {
		var wait <-chan time.Time
		if len(batch) > 0 {
			idle.Reset(p.cfg.idle)
			wait = idle.C
		}
		commit := false
		select {
		case it, ok := <-in:
			if !ok {
				return nil // the reader says why
			}
			if it.Msg.Seq <= last {
				continue
			}
			if err := p.prove(ctx, &it, last); err != nil {
				return err
			}
			if len(batch) == 0 {
				p.status.waits(it.Msg)
			}
			last = it.Msg.Seq
			batch, size = append(batch, it), size+len(it.Msg.Data)
			commit = it.Msg.Pending == 0 || len(batch) >= p.cfg.BatchSize || size >= maxBatchBytes
		case <-wait:
			commit = true
		case p.pending = <-p.handovers:
			return nil // what is in hand comes again, for the other file
		case <-ctx.Done():
			return nil
		}
		if !commit {
			continue
		}
		if err := p.commit(ctx, d, batch); err != nil {
			return err
		}
		clear(batch)
		batch, size = batch[:0], 0
	}
}

// prove makes sure that the message follows the one before it. A hole is either
// a message that was erased from the stream, or a sign that somebody else was
// given what belongs here.
func (p *Projector) prove(ctx context.Context, it *Item, last uint64) error {
	if it.Msg.Seq == last+1 {
		return nil
	}
	next, err := p.cfg.Stream.Following(ctx, last)
	if err != nil {
		return fmt.Errorf("projector: look for what follows seq=%d: %w", last, err)
	}
	if next != it.Msg.Seq {
		return fmt.Errorf("projector: seq=%d was delivered after seq=%d, the stream has seq=%d: %w", it.Msg.Seq, last, next, ErrNotContiguous)
	}
	it.Erased = it.Msg.Seq - last - 1
	p.log.Warn("messages are erased from the stream", "stream", streams.StreamName, "seq", it.Msg.Seq, "erased", it.Erased)
	return nil
}

// commit applies a batch and then acknowledges it. It is finished even when the
// context ends meanwhile.
func (p *Projector) commit(ctx context.Context, d *streams.Delivery, batch []Item) error {
	res, err := p.write(context.WithoutCancel(ctx), batch)
	if err != nil {
		return err
	}
	last := batch[len(batch)-1].Msg
	p.hasCommitted()
	p.status.applied(p.applier.Checkpoint(), last.Seq+last.Pending, res)
	if res.DeadLetters > 0 {
		p.log.Warn("events became dead letters", "seq", last.Seq, "count", res.DeadLetters)
	}
	p.cfg.crash(crashBeforeAck)
	// A lost acknowledgement is harmless: the checkpoint decides.
	if err := d.Ack(ctx, last); err != nil {
		p.log.Debug("acknowledgement not sent", "seq", last.Seq, "err", err)
	}
	p.cfg.crash(crashAfterAck)
	return nil
}

// write applies a batch to the file that bears the database's name, or to none.
func (p *Projector) write(ctx context.Context, batch []Item) (Applied, error) {
	p.file.mu.Lock()
	defer p.file.mu.Unlock()
	if err := p.file.unchanged(); err != nil {
		return Applied{}, err
	}
	res, err := p.applier.Apply(ctx, batch)
	if errors.Is(err, ErrReplaced) {
		return res, err
	}
	if err != nil {
		return res, &writeError{err}
	}
	return res, p.file.wrote()
}

// writeError says that a batch was there and could not be written. That is over
// with the next commit, and not when messages arrive again.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

func (c *Config) crash(point string) {
	if c.Crash != nil {
		c.Crash(point)
	}
}
