package spool

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"rosey/streams"
)

// A batch is read and sent as a whole; both bounds keep it small in memory and
// below what the server takes.
const (
	maxBatch      = 1000
	maxBatchBytes = 4 << 20
)

// Drain sends what is in the spool to the stream, in order, until the context
// ends, and returns the context's error. No failure of the stream or of the disk
// ends it: it tries again with growing pauses for as long as it takes, and Failing
// tells. It returns early only with ErrDraining, ErrClosed and ErrDamaged.
func (s *Spool) Drain(ctx context.Context, app Appender) error {
	ctx, done, err := s.startDrain(ctx)
	if err != nil {
		return err
	}
	defer done()
	d := &drainer{spool: s, app: app, pace: pace{most: s.maxSingly}, removed: lookForFree}
	pause := s.newBackoff()
	for {
		err := classify(d.step(ctx))
		switch {
		case err == nil:
			pause.reset()
		case errors.Is(err, ErrDamaged):
			return fmt.Errorf("spool: drain %s: %w", s.cfg.Path, err)
		case errors.Is(err, ErrClosed):
			return ErrClosed
		case ctx.Err() != nil:
			return s.drainEnd(ctx)
		default:
			if err := pause.wait(ctx, err); err != nil {
				return s.drainEnd(ctx)
			}
		}
	}
}

// startDrain admits one Drain at a time, whose context also ends with the spool.
func (s *Spool) startDrain(ctx context.Context) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil, ErrClosed
	case s.drained != nil:
		return nil, nil, ErrDraining
	}
	drained := make(chan struct{})
	s.drained = drained
	ctx, cancel := context.WithCancelCause(ctx)
	returned := make(chan struct{})
	go func() {
		defer close(drained)
		select {
		case <-s.closing:
			cancel(ErrClosed)
			<-returned
		case <-returned:
		}
	}()
	return ctx, func() {
		close(returned)
		<-drained
		cancel(nil)
		s.mu.Lock()
		s.drained, s.failure, s.failingSince = nil, nil, time.Time{}
		s.mu.Unlock()
	}, nil
}

func (s *Spool) drainEnd(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return ctx.Err()
}

// drainer is one Drain at work.
type drainer struct {
	spool *Spool
	app   Appender

	// batch is what is sent next. It is kept until every row of it is settled:
	// a batch that is sent again must be the same batch.
	batch []row
	// looked is set once the recovered rows were looked for.
	looked bool
	// removed is how many bytes have left the queue since the file was last looked
	// at for free pages.
	removed int64
	pace    pace
	// singly is the last row of a batch that the server does not take as one.
	singly int64
	// streamID is the stream that acknowledges, empty where it has to be asked for;
	// told is the last one whose difference was logged.
	streamID, told string
}

// step settles or sends what is first in the queue, or waits for it. An error
// means: pause, and do the same again.
func (d *drainer) step(ctx context.Context) error {
	if len(d.batch) == 0 {
		if err := d.giveBack(ctx); err != nil {
			return err
		}
		if err := d.spool.waitFor(ctx, func(st state) bool { return st.depth.Events > 0 }); err != nil {
			return err
		}
		if err := d.lookRecovered(ctx); err != nil {
			return err
		}
		if d.spool.Depth().Events == 0 {
			return nil // all of them were sent
		}
		var err error
		if d.batch, err = d.spool.head(ctx); err != nil {
			return err
		}
	}
	if d.streamID == "" {
		if _, err := d.identify(ctx); err != nil {
			return err
		}
	}
	if d.batch[0].id <= d.spool.sentRow {
		return d.look(ctx)
	}
	return d.send(ctx)
}

// look settles those rows of the batch that the stream has already. They went
// out before without a recorded acknowledgement, so they lie behind the last one
// that was recorded, if it is still the same stream.
func (d *drainer) look(ctx context.Context) error {
	state, err := d.identify(ctx)
	if err != nil {
		return err
	}
	known, _ := d.spool.snapshot()
	after := known.lastStreamSeq
	if known.streamID != d.streamID || after > state.LastSeq {
		after = 0
	}
	ids := make([]string, len(d.batch))
	for i := range d.batch {
		ids[i] = d.batch[i].eventID()
	}
	found, err := d.find(ctx, after, known.lastEventID, ids)
	if err != nil {
		return err
	}
	var stored, missing []row
	for i, r := range d.batch {
		if _, ok := found[ids[i]]; ok {
			stored = append(stored, r)
		} else {
			missing = append(missing, r)
		}
	}
	if len(stored) > 0 {
		last := slices.MaxFunc(stored, func(a, b row) int { return cmp.Compare(found[a.eventID()], found[b.eventID()]) })
		if err := d.settle(ctx, stored, last.eventID(), found[last.eventID()]); err != nil {
			return err
		}
	}
	if d.batch = missing; len(missing) > 0 {
		// Sent in order, one batch at a time: nothing after these is there either.
		d.spool.sentRow = 0
	}
	return nil
}

// send publishes the batch, or its first row where rows go singly, and settles
// what was acknowledged.
func (d *drainer) send(ctx context.Context) error {
	unit := d.batch
	if unit[0].id <= d.singly {
		unit = unit[:1]
	}
	d.spool.cfg.Crash(CrashDrainBeforePublish)
	d.spool.sentRow = unit[len(unit)-1].id
	acks, err := d.publish(ctx, unit)
	d.spool.cfg.Crash(CrashDrainAfterPublish)
	if len(acks) > 0 {
		if d.wentBack(acks) {
			if _, err := d.identify(ctx); err != nil {
				d.streamID = "" // the acknowledgement counts all the same
			}
		}
		if err := d.settle(ctx, unit[:len(acks)], unit[len(acks)-1].eventID(), acks[len(acks)-1].Seq); err != nil {
			return err
		}
		d.batch, unit = d.batch[len(acks):], unit[len(acks):]
	}
	if err == nil {
		return nil
	}
	return d.failed(ctx, unit, err)
}

// publish returns the acknowledgements of the first messages, of all when there
// is no error.
func (d *drainer) publish(ctx context.Context, unit []row) ([]streams.Ack, error) {
	messages := make([]streams.AppendMessage, len(unit))
	for i := range unit {
		messages[i] = streams.AppendMessage{Subject: unit[i].subject, MsgID: unit[i].eventID(), Data: unit[i].data}
	}
	begin := time.Now()
	if d.pace.singly(len(messages)) {
		acks, err := d.appendEach(ctx, messages)
		if err == nil {
			d.pace.sent(len(messages), time.Since(begin))
		}
		return acks, err
	}
	acks, err := d.app.AppendBatch(ctx, messages)
	if len(acks) == len(unit) {
		d.pace.batched(len(unit), time.Since(begin))
		return acks, nil
	}
	if len(acks) > len(unit) || err == nil {
		return nil, fmt.Errorf("%w: %d acknowledgements for %d messages", streams.ErrUncertain, len(acks), len(unit))
	}
	return acks, err
}

// appendEach sends each message after the acknowledgement of the one before.
func (d *drainer) appendEach(ctx context.Context, messages []streams.AppendMessage) ([]streams.Ack, error) {
	acks := make([]streams.Ack, 0, len(messages))
	for _, m := range messages {
		ack, err := d.app.Append(ctx, m)
		if err != nil {
			return acks, err
		}
		acks = append(acks, ack)
	}
	return acks, nil
}

// failed decides what follows an append whose error is about the unit's first
// row, or about all of it. It returns nil where something can be done at once.
func (d *drainer) failed(ctx context.Context, unit []row, err error) error {
	first, last := &unit[0], unit[len(unit)-1].id
	// What fails may come back as another stream.
	d.streamID = ""
	switch {
	case len(unit) > 1 && (errors.Is(err, streams.ErrRefused) || errors.Is(err, streams.ErrDuplicateInBatch) ||
		errors.Is(err, streams.ErrBatchTooLarge)):
		d.spool.cfg.Logger.Info("batch is refused: its events are looked for and go singly",
			"event_id", first.eventID(), "err", err)
		d.singly = last
		return nil
	case errors.Is(err, streams.ErrRefused):
		d.spool.sentRow = 0
		return d.setAside(ctx, first, err)
	case errors.Is(err, streams.ErrUnavailable):
		// Surely not stored: there is nothing to look for.
		d.spool.sentRow = 0
	}
	return fmt.Errorf("send %d events from event_id=%s: %w", len(unit), first.eventID(), err)
}

// settle deletes rows that the stream has, and records how far it acknowledged:
// the last event, and its sequence.
func (d *drainer) settle(ctx context.Context, rows []row, eventID string, streamSeq uint64) error {
	d.spool.cfg.Crash(CrashDrainBeforeDelete)
	// What is acknowledged is recorded even if the Drain ends here. Nobody waits for
	// it while nothing else is to be sent.
	last := func(st state) bool { return st.depth.Events == int64(len(rows)) }
	err := d.spool.changeSoon(context.WithoutCancel(ctx), last, func(ctx context.Context, tx *session, st *state) error {
		if err := st.remove(ctx, tx, rows); err != nil {
			return err
		}
		st.streamID, st.lastStreamSeq, st.lastEventID = d.streamID, streamSeq, eventID
		_, err := tx.ExecContext(ctx, "UPDATE drain SET stream_id = ?, last_stream_seq = ?, last_event_id = ?",
			st.streamID, st.lastStreamSeq, st.lastEventID)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete %d sent events: %w", len(rows), err)
	}
	for i := range rows {
		d.removed += rows[i].bytes()
	}
	d.spool.cfg.Crash(CrashDrainAfterDelete)
	return nil
}

// head returns the first batch of the queue.
func (s *Spool) head(ctx context.Context) (batch []row, err error) {
	st, _ := s.snapshot()
	if batch := st.tail.whole(st.depth.Events); len(batch) > 0 {
		return batch, nil
	}
	rows, err := s.db.QueryContext(ctx,
		"SELECT id, producer, seq, kind, subject, at_ms, data, sum FROM events ORDER BY id LIMIT ?", maxBatch)
	if err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	total := 0
	for rows.Next() {
		var r row
		var sum sql.NullInt64
		if err := rows.Scan(&r.id, &r.producer, &r.seq, &r.kind, &r.subject, &r.atMS, &r.data, &sum); err != nil {
			return nil, fmt.Errorf("read queue: %w", err)
		}
		if !r.genuine(sum) {
			// Opening it again recovers what is whole.
			return nil, fmt.Errorf("%w: event_id=%s is not what was put", ErrDamaged, r.eventID())
		}
		if total += len(r.data); len(batch) > 0 && total > maxBatchBytes {
			break
		}
		batch = append(batch, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	if len(batch) == 0 {
		return nil, errors.New("queue is empty although events are counted")
	}
	return batch, nil
}
