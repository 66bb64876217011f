package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// An InterruptedError says that a rebuild was interrupted between two batches. It
// unwraps to the context's error.
type InterruptedError struct {
	// Seq is the last sequence applied, Last the one at which it would have ended.
	Seq, Last uint64
	// Kept says that the next rebuild with the same options goes on from there.
	Kept  bool
	cause error
}

func (e *InterruptedError) Error() string { return e.cause.Error() }

// Unwrap returns what interrupted it.
func (e *InterruptedError) Unwrap() error { return e.cause }

// A StoppedError says that a rebuild stopped: at an event that cannot be applied and
// was no dead letter before, or where no server said in time what was erased. It unwraps
// to a *projector.NewFailureError or to streams.ErrUnvouched.
type StoppedError struct {
	// Seq is the last sequence applied, Last the one at which it would have ended.
	Seq, Last uint64
	// Kept says that the next rebuild goes on from there: with the same options, and
	// with AcceptFailures.
	Kept  bool
	cause error
}

func (e *StoppedError) Error() string {
	if !e.Kept {
		return e.cause.Error()
	}
	return fmt.Sprintf("%v; it stopped after seq=%d of %d, and what was done is kept", e.cause, e.Seq, e.Last)
}

// Unwrap returns what it stopped at.
func (e *StoppedError) Unwrap() error { return e.cause }

// resumeFormat is the version of a mark.
const resumeFormat = 1

// resume is the mark beside an interrupted rebuild: what it was to be, and how far
// it came. One that differs in anything but how far it came is begun anew.
type resume struct {
	Format int `json:"format"`
	// What the rows depend on.
	StreamID    string `json:"stream_id"`
	Fingerprint string `json:"fingerprint"`
	// FirstSeq and Deleted are of the stream as it was: what was erased from it since
	// is not to be in the tables.
	FirstSeq uint64 `json:"first_seq"`
	Deleted  uint64 `json:"deleted"`
	// StreamFirst is where the stream itself began, whatever an archive has of what
	// comes before: what is trimmed while it is read looks like erased.
	StreamFirst uint64 `json:"stream_first_seq"`
	// Archive stands for what an archive has of that: it may forget something, and
	// several archives of one stream need not have forgotten the same.
	Archive string `json:"archive,omitempty"`
	// Limits and options.
	UntilSeq       uint64    `json:"until_seq,omitempty"`
	UntilTime      time.Time `json:"until_time,omitzero"`
	Channel        string    `json:"channel,omitempty"`
	AcceptFailures bool      `json:"accept_failures,omitempty"`
	// How far it came.
	Seq         uint64 `json:"seq"`
	TimeMS      int64  `json:"time_ms"`
	MsgID       string `json:"msg_id"`
	Events      int    `json:"events"`
	Duplicates  int    `json:"duplicates"`
	DeadLetters int    `json:"dead_letters"`
}

// done is the last sequence that was applied before; 0 for a rebuild from nothing.
func (r *resume) done() uint64 {
	if r == nil {
		return 0
	}
	return r.Seq
}

func (r *resume) applied() projector.Applied {
	return projector.Applied{Events: r.Events, Duplicates: r.Duplicates, DeadLetters: r.DeadLetters}
}

// wanted is the mark that this rebuild would leave before its first batch.
func (b *building) wanted() (resume, error) {
	print, err := projector.Fingerprint(b.cfg.DefaultChannel)
	if err != nil {
		return resume{}, err
	}
	return resume{
		Format: resumeFormat, StreamID: b.state.Identity.ID, Fingerprint: print, FirstSeq: b.state.FirstSeq, Deleted: b.state.Deleted,
		StreamFirst: b.held, Archive: b.archived(),
		UntilSeq: b.cfg.UntilSeq, UntilTime: b.cfg.UntilTime.UTC(), Channel: b.cfg.Channel, AcceptFailures: b.cfg.AcceptFailures,
	}, nil
}

// archived stands for what comes from the archive, "" for nothing.
func (b *building) archived() string {
	if !b.cfg.archived {
		return ""
	}
	hash := sha256.New()
	for _, s := range b.cfg.Archive.Manifest().Segments {
		if s.FirstSeq < b.held {
			fmt.Fprintln(hash, s.FirstSeq, s.ContentSHA256)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// takeUp opens what an interrupted rebuild of the same kind left at the path. What
// cannot be gone on with is removed; a file that no rebuild left is in the way. An
// interruption leaves everything as it was.
func (b *building) takeUp(ctx context.Context) error {
	text, err := schema.ReadResume(b.path)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if text == nil {
		return nil
	}
	left, why := b.suits(text)
	if why == "" {
		if why, err = b.continues(ctx, left); err != nil {
			return err
		}
	}
	// From here on it is written to, so that a crash leaves no mark.
	if err := schema.RemoveResume(b.path); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if why == "" {
		b.db, why = goOn(context.WithoutCancel(ctx), b.path, left)
	}
	if why == "" {
		b.resume = left
		b.cfg.Logger.Info("going on with an interrupted rebuild", "seq", left.Seq)
		return nil
	}
	b.anew = why
	b.cfg.Logger.Info("an interrupted rebuild is begun anew", "path", b.path, "err", why)
	if err := schema.RemoveRows(b.path); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// suits says why this rebuild cannot go on from a mark, if it cannot.
func (b *building) suits(text []byte) (_ *resume, why string) {
	switch {
	case b.cfg.Fresh:
		return nil, "it was asked for"
	case !b.resumable():
		return nil, "all events have to be seen"
	}
	var left resume
	if err := json.Unmarshal(text, &left); err != nil {
		return nil, "its mark cannot be read"
	}
	same, err := b.wanted()
	if err != nil {
		return nil, err.Error()
	}
	return &left, left.differs(same, b.last)
}

// differs says why a rebuild that wants a mark of its own, and ends at last, cannot
// go on from this one, if it cannot.
func (r *resume) differs(wanted resume, last uint64) (why string) {
	switch {
	case r.Format != wanted.Format:
		return "another version of the program left it"
	case r.StreamID != wanted.StreamID:
		return "it is of another stream"
	case r.Fingerprint != wanted.Fingerprint:
		return "this program's tables or projections are other ones, or the default channel is"
	case r.FirstSeq != wanted.FirstSeq, r.Deleted != wanted.Deleted, r.StreamFirst != wanted.StreamFirst:
		return "messages of the stream were erased or trimmed since, or it was restored"
	case r.Archive != wanted.Archive:
		return "the archive has other messages of what the stream no longer holds"
	case r.UntilSeq != wanted.UntilSeq, !r.UntilTime.Equal(wanted.UntilTime), r.Channel != wanted.Channel:
		return "it was to end elsewhere, or is of other channels"
	case r.AcceptFailures && !wanted.AcceptFailures:
		// The other way round nothing is lost: it met no failure that is new.
		return "it made dead letters of what this one is to stop at"
	case r.Seq > last:
		return "it came further than this one is to"
	}
	return ""
}

// continues says why the stream does not go on where the rebuild was interrupted,
// if it does not.
func (b *building) continues(ctx context.Context, left *resume) (why string, err error) {
	if left.Seq == 0 {
		return "", nil
	}
	m, err := b.cfg.Stream.Get(ctx, left.Seq)
	switch {
	case errors.Is(err, streams.ErrMessageNotFound), errors.Is(err, streams.ErrUnreadable):
		// An archive has it: what was erased since shows in the mark. What was damaged since
		// was read before, and a rebuild that begins anew would not get that far.
		return "", nil
	case err != nil:
		return "", fmt.Errorf("replay: compare an interrupted rebuild with the stream: %w", err)
	case m.MsgID != left.MsgID || m.Time.UnixMilli() != left.TimeMS:
		return "the stream holds another message there", nil
	}
	return "", nil
}

// goOn opens the file, if it is what the mark says.
func goOn(ctx context.Context, path string, left *resume) (_ *schema.DB, why string) {
	db, err := schema.OpenForLoading(ctx, path)
	if err != nil {
		return nil, err.Error()
	}
	c, err := schema.ReadCheckpoint(ctx, db)
	switch {
	case err != nil:
		why = err.Error()
	case left.Seq > 0 && (c.Seq != left.Seq || c.Fingerprint != left.Fingerprint || c.StreamID != left.StreamID), left.Seq == 0 && c.Seq > 0:
		why = "its mark is not about it"
	default:
		return db, ""
	}
	_ = db.Close() // it is removed next
	return nil, why
}

// resumable reports whether the rebuild may leave something to go on with. What
// a retry finds out on its way is not kept, and a database of one channel that was
// completed takes no further events.
func (b *building) resumable() bool {
	return b.cfg.again == nil && !b.cfg.throwaway && (!b.whole || b.cfg.Channel == "")
}

// leave closes the file and marks it as one to go on with. A crash before the mark
// leaves one that is not.
func (b *building) leave(ctx context.Context) error {
	if err := b.applier.Settle(ctx); err != nil {
		return err
	}
	if err := b.db.Suspend(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	mark, err := b.wanted()
	if err != nil {
		return err
	}
	c := b.applier.Checkpoint()
	mark.Seq, mark.TimeMS, mark.MsgID = c.Seq, c.TimeMS, c.MsgID
	mark.Events, mark.Duplicates, mark.DeadLetters = b.cfg.meter.applied.Events, b.cfg.meter.applied.Duplicates, b.cfg.meter.applied.DeadLetters
	text, err := json.Marshal(mark)
	if err != nil {
		return fmt.Errorf("replay: mark %s: %w", b.path, err)
	}
	b.cfg.Crash(crashBeforeMark)
	if err := schema.WriteResume(b.path, text); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}
