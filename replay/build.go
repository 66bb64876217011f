package replay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// A building is one rebuild into a file.
type building struct {
	cfg    *Config
	path   string
	state  streams.State // of what it is made of
	held   uint64        // the first sequence that the stream itself had at the beginning
	last   uint64        // the sequence at which it ends
	resume *resume       // nil where it began from nothing
	anew   string        // why what was left is not gone on with
	origin schema.Origin

	db      *schema.DB
	applier *projector.Applier
	rows    *pipeline
	// whole: all rows are there.
	whole bool
	// erased counts the sequences that it lacks, once it is whole.
	erased uint64
}

// build makes the database at the path itself. Where an interrupted one was left
// there by the same rebuild, it goes on from that; anything else at the path is
// in the way. The file is removed again after an error, but for an interruption
// that it can be gone on after, an *InterruptedError, and what it stopped at that it
// can be gone on after, a *StoppedError.
func build(ctx context.Context, path string, cfg Config) (res Result, err error) {
	b := &building{cfg: &cfg, path: path}
	if err := b.extent(ctx); err != nil {
		return res, err
	}
	if err := b.open(ctx); err != nil {
		return res, err
	}
	if err := b.run(ctx); err != nil {
		return res, b.end(ctx, err)
	}
	res = Result{
		Path: path, From: b.state.FirstSeq, ResumedAfter: b.resume.done(), BegunAnew: b.anew, EndsBefore: cfg.endsBefore(b.state),
		Channel: b.origin.Channel, Archive: b.origin.Archive, ArchiveNotNeeded: cfg.Archive != nil && !cfg.archived,
	}
	res.Erased = b.erased
	cfg.meter.result(&res, b.applier.Checkpoint())
	return res, nil
}

// extent finds out what there is to rebuild from, and where the rebuild ends.
func (b *building) extent(ctx context.Context) (err error) {
	cfg := b.cfg
	own, err := cfg.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	b.held = own.FirstSeq
	if b.state, err = beginning(ctx, cfg); err != nil {
		return err
	}
	if cfg.UntilSeq > 0 && cfg.UntilSeq < b.state.FirstSeq {
		return fmt.Errorf("replay: %w: it begins at seq=%d, the rebuild was to end at seq=%d", ErrNothingBefore, b.state.FirstSeq, cfg.UntilSeq)
	}
	if !cfg.UntilTime.IsZero() && b.state.Messages > 0 && b.state.FirstTime.After(cfg.UntilTime) {
		return fmt.Errorf("replay: %w: it begins at %s, the rebuild was to end at %s", ErrNothingBefore,
			b.state.FirstTime.UTC().Format(time.RFC3339), cfg.UntilTime.UTC().Format(time.RFC3339))
	}
	b.last = b.state.LastSeq
	if cfg.UntilSeq > 0 {
		b.last = min(b.last, cfg.UntilSeq)
	}
	return nil
}

// open makes the file, or opens the one that was left.
func (b *building) open(ctx context.Context) (err error) {
	if err := b.takeUp(ctx); err != nil {
		return err
	}
	if b.db == nil {
		if b.db, err = schema.CreateForLoading(ctx, b.path); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.discard())
		}
	}()
	ctx = context.WithoutCancel(ctx) // it takes no time, and would lose what was left
	// Before the first row, so that a limited database never looks like a whole one.
	b.origin = schema.Origin{
		StreamID: b.state.Identity.ID, FromSeq: b.state.FirstSeq, UntilSeq: b.cfg.UntilSeq, UntilTime: b.cfg.UntilTime,
		Channel: b.cfg.Channel, Program: b.cfg.Program, Made: time.Now(),
	}
	if b.cfg.archived {
		b.origin.Archive = b.cfg.Archive.Dir()
	}
	if err := schema.WriteOrigin(ctx, b.db, b.origin); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	b.applier, err = projector.NewApplier(ctx, b.db, projector.ApplierConfig{
		DefaultChannel: b.cfg.DefaultChannel, Channel: b.cfg.Channel, Identity: b.cfg.Stream.Identity(), Loading: true,
		Allow: b.cfg.allow(), Crash: b.cfg.Crash,
	})
	return err
}

// spelled is the channel that the rebuild is limited to as the events spell it, which
// whoever asked need not have done.
func (b *building) spelled(ctx context.Context) (channel string, err error) {
	if b.cfg.Channel == "" {
		return "", nil
	}
	for _, table := range []string{"chat_messages", "current_status", "user_stats", "media_history", "polls"} {
		err := b.db.QueryRowContext(ctx, "SELECT channel FROM "+table+" LIMIT 1").Scan(&channel)
		if err == nil {
			return channel, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("replay: read how the channel is spelled: %w", err)
		}
	}
	return b.cfg.Channel, nil
}

// run applies the events and completes the file.
func (b *building) run(ctx context.Context) error {
	b.rows = newPipeline(b.cfg, b.applier.Checkpoint().Seq+1, b.last)
	if b.resume != nil {
		b.cfg.meter.add(0, b.resume.applied(), b.resume.Seq)
	}
	if err := b.rows.run(ctx, b.applier); err != nil {
		return err
	}
	if err := untrimmed(ctx, b.cfg, b.held); err != nil {
		return err
	}
	if b.cfg.Channel != "" && b.cfg.meter.applied.Events+b.cfg.meter.applied.DeadLetters == 0 {
		return fmt.Errorf("replay: %w: nothing up to seq=%d is about %s", ErrNoChannel, b.applier.Checkpoint().Seq, b.cfg.Channel)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("replay: interrupted at seq=%d of %d: %w", b.applier.Checkpoint().Seq, b.last, err)
	}
	ctx, finish := context.WithoutCancel(ctx), ctx
	b.whole = true
	if to := b.cfg.reach; to.Seq <= b.last && b.cfg.UntilTime.IsZero() { // the pipeline has found what there is up to there
		if err := b.applier.Pass(ctx, to); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	if err := b.applier.Complete(ctx); err != nil {
		return err
	}
	b.origin.ToSeq, b.origin.Made = b.applier.Checkpoint().Seq, time.Now()
	channel, err := b.spelled(ctx)
	if err != nil {
		return err
	}
	b.origin.Channel = channel
	if err := schema.WriteOrigin(ctx, b.db, b.origin); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	made, err := madeOf(ctx, b.db)
	if err != nil {
		return err
	}
	b.erased = countBetween(made, b.state.FirstSeq)
	b.cfg.meter.seq = b.applier.Checkpoint().Seq
	b.cfg.Progress(b.cfg.meter.progress(PhaseIndexes, b.last))
	b.cfg.Crash(crashBeforeFinish)
	if err := b.db.Finish(finish); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// end leaves what can be gone on with after an interruption, and where it stopped
// at a failure or for want of an answer, and nothing after any other error.
func (b *building) end(ctx context.Context, err error) error {
	at := b.applier.Checkpoint().Seq
	var failed *projector.NewFailureError
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		e := &InterruptedError{Seq: at, Last: b.last, cause: err}
		return b.endAt(ctx, e, &e.Kept)
	case (errors.As(err, &failed) || errors.Is(err, streams.ErrUnvouched)) && at > 0:
		e := &StoppedError{Seq: at, Last: b.last, cause: err}
		return b.endAt(ctx, e, &e.Kept)
	}
	return errors.Join(err, b.discard())
}

// endAt leaves what can be gone on with, and has the error say so.
func (b *building) endAt(ctx context.Context, err error, kept *bool) error {
	if !b.resumable() {
		return errors.Join(err, b.discard())
	}
	if leaveErr := b.leave(context.WithoutCancel(ctx)); leaveErr != nil {
		return errors.Join(err, leaveErr, b.discard())
	}
	*kept = true
	return err
}

func (b *building) discard() error {
	return errors.Join(b.db.Close(), schema.RemoveFile(b.path))
}
