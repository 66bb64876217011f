package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// follower brings a finished database after the stream, which grows meanwhile, by
// the same ordered read as a rebuild.
type follower struct {
	cfg     *Config
	db      *schema.DB
	applier *projector.Applier
	phase   string // what catching up is for
	told    time.Time
}

// follow opens a database for that. One of another program or stream is an error.
func follow(ctx context.Context, path string, cfg *Config) (_ *follower, err error) {
	f := &follower{cfg: cfg, phase: PhaseCatchingUp}
	if f.db, err = schema.OpenWriter(ctx, path); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	// What the live projection has not come to it would make dead letters of, too.
	f.applier, err = projector.NewApplier(ctx, f.db, projector.ApplierConfig{
		DefaultChannel: cfg.DefaultChannel, Identity: cfg.Stream.Identity(), Crash: cfg.Crash,
	})
	if err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	cfg.meter.seq = f.applier.Checkpoint().Seq
	return f, nil
}

const (
	// followBatch bounds the events of one transaction.
	followBatch = 5000
	// closeEnough is how many events may be left for the time in which the tables
	// stand still.
	closeEnough = 500
	// maxRounds bounds the chase after a stream that grows as fast as it is read.
	maxRounds = 12
)

// near comes close to the stream's end, and makes what is there durable.
func (f *follower) near(ctx context.Context) error {
	f.cfg.Crash(crashBeforeCatchUp)
	for range maxRounds {
		state, err := f.cfg.Stream.State(ctx)
		if err != nil {
			return fmt.Errorf("replay: catch up: %w", err)
		}
		left := streams.Lag(state.LastSeq, f.applier.Checkpoint().Seq)
		if err := f.to(ctx, state.LastSeq); err != nil {
			return err
		}
		if left <= closeEnough {
			break
		}
	}
	// Later this would take from the time in which the tables stand still.
	if err := f.db.TrimLog(ctx); err != nil {
		return fmt.Errorf("replay: catch up: %w", err)
	}
	return nil
}

// to applies what the stream holds up to a sequence, which it has stored. A batch
// that was begun is finished.
func (f *follower) to(ctx context.Context, last uint64) error {
	from := f.applier.Checkpoint().Seq + 1
	if last < from {
		return nil
	}
	if err := f.read(ctx, last); err != nil {
		return err
	}
	return untrimmed(ctx, f.cfg, from)
}

// over comes at least to the checkpoint of the database that is replaced. Where the
// stream's last messages were erased since that one applied them, it passes over
// them: nothing of them is in this one, and nobody is taken back.
func (f *follower) over(ctx context.Context, at schema.Checkpoint) error {
	c := f.applier.Checkpoint()
	if c.Seq >= at.Seq {
		return nil
	}
	state, err := f.cfg.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("replay: catch up: %w", err)
	}
	if c.StreamID != at.StreamID || state.LastSeq < at.Seq {
		return fmt.Errorf("replay: %w: seq=%d after seq=%d", ErrBehind, c.Seq, at.Seq)
	}
	if err := f.to(ctx, at.Seq); err != nil {
		return err
	}
	if err := f.applier.Pass(context.WithoutCancel(ctx), at); err != nil {
		return fmt.Errorf("replay: catch up: %w", err)
	}
	return nil
}

// untrimmed makes sure that nothing was trimmed off from where something was read:
// a reader takes what is gone for erased.
func untrimmed(ctx context.Context, cfg *Config, from uint64) error {
	state, err := cfg.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w: %w", streams.ErrUnvouched, err)
	}
	if state.FirstSeq > from {
		return fmt.Errorf("replay: %w: it was read from seq=%d on, and begins at seq=%d now", ErrTrimmedMeanwhile, from, state.FirstSeq)
	}
	return nil
}

func (f *follower) read(ctx context.Context, last uint64) error {
	at := f.applier.Checkpoint().Seq
	f.tell(last, true)
	r, err := f.cfg.source(ctx, at+1, last)
	if err != nil {
		return err
	}
	defer r.Close()
	dec := events.NewDecoder()
	var batch []projector.Item
	size := 0
	for ended := false; !ended; {
		m, err := r.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			ended = true
		case err != nil:
			return fmt.Errorf("replay: catch up after seq=%d: %w", at, err)
		default:
			it := projector.Decode(dec, m)
			it.Erased = m.Seq - at - 1 // the reader proves that it is not there
			at = m.Seq
			batch, size = append(batch, it), size+len(m.Data)
		}
		if len(batch) == 0 || !ended && len(batch) < followBatch && size < maxBatchBytes {
			continue
		}
		res, err := f.applier.Apply(context.WithoutCancel(ctx), batch)
		if err != nil {
			return fmt.Errorf("replay: catch up: %w", err)
		}
		f.cfg.meter.add(len(batch), res, f.applier.Checkpoint().Seq)
		f.tell(last, false)
		clear(batch)
		batch, size = batch[:0], 0
	}
	return nil
}

// swapping tells that the rest is caught up while the tables stand still.
func (f *follower) swapping(last uint64) {
	f.phase = PhaseSwapping
	f.tell(last, true)
}

// tell tells how far it is, at most a few times a second unless it is said to.
func (f *follower) tell(last uint64, now bool) {
	if !now && time.Since(f.told) < 200*time.Millisecond {
		return
	}
	f.told = time.Now()
	f.cfg.meter.seq = f.applier.Checkpoint().Seq
	f.cfg.Progress(f.cfg.meter.progress(f.phase, last))
}

// add has a result tell of what was caught up, too.
func (f *follower) add(res Result) Result {
	res.Path = f.db.Path()
	f.cfg.meter.result(&res, f.applier.Checkpoint())
	return res
}
