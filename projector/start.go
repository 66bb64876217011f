package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/schema"
	"rosey/streams"
)

// replaceIt is the next step where the stream is right and the database is not.
const replaceIt = "`rosey replay --force`: it rebuilds the tables from what this stream holds and keeps the old database as a file"

// lostItsEnd is the next step where the database may know more than the stream: a server
// that begins on a damaged store cuts off what follows the damage.
const lostItsEnd = "unless an older copy of the stream was put in its place on purpose, its store was damaged and has lost its end: copy the data folder away, store and tables, and " +
	LookAtDoctor + "look at the disk. Then restore the stream from a backup (rosey restore DIR) or an archive (rosey import events DIR) that has the rest"

// LookAtDoctor is the part of a remedy that the doctor itself leaves out.
const LookAtDoctor = "look at rosey doctor; "

// The flags by which an operator lets a refused start go on.
const (
	FlagAcceptGap   = "--accept-gap"
	FlagAdoptStream = "--adopt-stream"
)

// CheckStart refuses a database that cannot go on with the stream as it is now.
// The refusal is a *StartError that says what to do. What operators decided and
// the stream holds is taken into account: a gap that was given up, and a stream
// that was adopted, are no reasons to refuse.
func CheckStart(ctx context.Context, s *streams.Stream, c schema.Checkpoint) error {
	state, err := standing(ctx, s, c.Seq)
	if err != nil {
		return fmt.Errorf("projector: compare the database with the stream: %w", err)
	}
	other, trimmed := c.StreamID != "" && c.StreamID != state.Identity.ID, state.FirstSeq > c.Seq+1
	var d *decisions
	if other || trimmed {
		if d, err = readDecisions(ctx, s, state.Identity.ID); err != nil {
			return err
		}
	}
	if other {
		if !d.continues(c.StreamID) {
			return otherStreamError(ctx, s, state, c)
		}
		if err := sameAt(ctx, s, state, c); err != nil {
			return err
		}
	}
	switch {
	case c.Seq > state.LastSeq:
		return aheadError(c, state)
	case trimmed && !d.cover(c.Seq+1, state.FirstSeq-1):
		return trimmedError(c, state)
	case c.Seq == 0:
		return nil
	}
	m, err := s.Get(ctx, c.Seq)
	if errors.Is(err, streams.ErrMessageNotFound) || errors.Is(err, streams.ErrUnreadable) {
		return nil // erased or damaged since it was applied; what follows decides
	}
	if err != nil {
		return fmt.Errorf("projector: compare the checkpoint with the stream: %w", err)
	}
	return sameMessage(m, c)
}

const (
	// growing is how long a stream that is too short has for its next message.
	growing = time.Second
	// filled is within how many of these it must be as long as it should, at the pace
	// of the last one: a stream that a bot writes to grows too, and comes to it in
	// hours or days, as another one than the database is made from.
	filled = 60
)

// standing returns the stream's state, once it reaches up to seq or is not about to: a
// server that is given a stream back shows it while it is still being filled.
func standing(ctx context.Context, s *streams.Stream, seq uint64) (streams.State, error) {
	state, err := s.State(ctx)
	for looks := 0; err == nil && state.LastSeq < seq && looks < 2*filled; looks++ {
		t := time.NewTimer(growing)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return state, ctx.Err()
		}
		before := state.LastSeq
		if state, err = s.State(ctx); err != nil || !soonFilled(before, state.LastSeq, seq) {
			break
		}
	}
	return state, err
}

// soonFilled reports whether a stream that went from one last sequence to another
// within a moment comes to seq soon.
func soonFilled(before, now, seq uint64) bool {
	return now > before && (now >= seq || (seq-now)/(now-before) < filled)
}

// otherStreamError offers adoption only where it would be accepted.
func otherStreamError(ctx context.Context, s *streams.Stream, state streams.State, c schema.Checkpoint) error {
	refused := &StartError{
		Reason: ErrOtherStream,
		Detail: fmt.Sprintf("its checkpoint is seq=%d of stream %s, this one is %s", c.Seq, c.StreamID, state.Identity.ID),
		Remedy: "start with the data folder that belongs to this stream, or " + replaceIt,
	}
	if c.Seq == 0 || sameAt(ctx, s, state, c) != nil {
		return refused
	}
	refused.Detail += fmt.Sprintf("; it holds the same message at seq=%d, so it may be a restored or promoted copy", c.Seq)
	refused.Remedy = "if it is such a copy, the same command with " + FlagAdoptStream + "; if not, start with the data folder that belongs to this stream"
	refused.Flag = FlagAdoptStream
	return refused
}

func aheadError(c schema.Checkpoint, state streams.State) error {
	return &StartError{
		Reason: ErrAhead,
		Detail: fmt.Sprintf("its checkpoint is seq=%d, the stream ends at seq=%d", c.Seq, state.LastSeq),
		Remedy: lostItsEnd + fmt.Sprintf(". Only where nothing else holds seq=%d to seq=%d: %s, which has them then and nothing else", state.LastSeq+1, c.Seq, replaceIt),
	}
}

func trimmedError(c schema.Checkpoint, state streams.State) error {
	detail := fmt.Sprintf("its checkpoint is seq=%d, the stream begins", c.Seq)
	if c.Seq == 0 {
		detail = "tables that are made from nothing need all of the stream, which begins" // there may be others, with a checkpoint
	}
	refused := &StartError{
		Reason: ErrTrimmed,
		Detail: fmt.Sprintf("%s at seq=%d: seq=%d to seq=%d are gone", detail, state.FirstSeq, c.Seq+1, state.FirstSeq-1),
		Remedy: "restore the stream or a database that reaches into it; or " + giveUp(c.Seq+1, state.FirstSeq-1),
		Flag:   FlagAcceptGap,
	}
	switch {
	case state.FirstSeq == state.ImportedFrom:
		refused.Detail += "; the archive that the stream was made of did not hold them"
		refused.Remedy = giveUp(c.Seq+1, state.FirstSeq-1) + "; or import an archive that holds them"
	case c.Seq == 0 && BeganLate(state):
		// The server keeps no account of what was erased at the beginning: it begins later.
		refused.Remedy = "if they were erased on purpose, " + giveUp(c.Seq+1, state.FirstSeq-1) + "; if not, restore the stream or a database that reaches into it"
	}
	return refused
}

// BeganLate reports whether what the stream lacks at its beginning is hardly anywhere
// else: the archive that it was made of did not hold it, or it is so little that it
// was erased.
func BeganLate(state streams.State) bool {
	return state.FirstSeq == state.ImportedFrom || state.FirstSeq <= fewErased+1
}

// fewErased is how many messages at the beginning may have been erased one by one:
// more are trimmed.
const fewErased = 16

// giveUp says what an operator loses by accepting a gap.
func giveUp(first, last uint64) string {
	return fmt.Sprintf("give up %d events, seq=%d to seq=%d, for good: the same command with %s", last-first+1, first, last, FlagAcceptGap)
}

func sameMessage(m *streams.Message, c schema.Checkpoint) error {
	if m.MsgID == c.MsgID && m.Time.UnixMilli() == c.TimeMS {
		return nil
	}
	detail := fmt.Sprintf("at seq=%d the stream holds %s, the database applied %s", c.Seq, name(m.MsgID), name(c.MsgID))
	if m.MsgID == c.MsgID {
		detail = fmt.Sprintf("at seq=%d the stream holds %s, stored at %s; the database applied the one stored at %s",
			c.Seq, name(m.MsgID), storedAt(m.Time), storedAt(time.UnixMilli(c.TimeMS)))
	}
	return &StartError{
		Reason: ErrOtherHistory,
		Detail: detail,
		Remedy: lostItsEnd + ". Only where nothing else holds what the database was made from: " + replaceIt,
	}
}

func storedAt(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func name(id string) string {
	if id == "" {
		return "a message without an id"
	}
	return id
}

// OpenDatabase opens the store's current generation, or makes the first one
// where there is none. The caller holds the store's lock.
func OpenDatabase(ctx context.Context, s schema.Store) (*schema.DB, error) {
	return openDatabase(ctx, s, func(string) {})
}

func openDatabase(ctx context.Context, s schema.Store, crash func(point string)) (*schema.DB, error) {
	g, err := s.Current()
	if errors.Is(err, schema.ErrNoDatabase) {
		return createGeneration(ctx, s, crash)
	}
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	if g.Number == 0 {
		if err := verifyOwn(ctx, g.Path); err != nil {
			return nil, err
		}
		if g, err = s.Adopt(); err != nil {
			return nil, fmt.Errorf("projector: %w", err)
		}
	}
	db, err := schema.OpenWriter(ctx, g.Path)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	return db, nil
}

// verifyOwn looks at a file before anything about it changes.
func verifyOwn(ctx context.Context, path string) error {
	db, err := schema.OpenReader(ctx, path)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}

func createGeneration(ctx context.Context, s schema.Store, crash func(point string)) (*schema.DB, error) {
	g, err := s.Begin()
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	db, err := schema.Create(ctx, g.Path)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	// The link comes last: a crash before it leaves a file that nobody opens.
	crash(crashBeforeLink)
	if err := s.Swap(g); err != nil {
		return nil, errors.Join(fmt.Errorf("projector: %w", err), db.Close())
	}
	_ = s.Prune(schema.Keep) // what is old and cannot be removed keeps nobody from beginning
	crash(crashAfterLink)
	return db, nil
}
