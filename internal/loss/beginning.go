package loss

import (
	"context"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

// Beginning is what the tables have of before the stream's first message where nothing
// that is noted accounts for it: no operator gave it up, and no archive that was looked
// at holds it. It was trimmed with an archive that is noted nowhere, or a damaged store
// has lost its first files: from here the two look the same.
type Beginning struct {
	// FirstSeq is where the stream begins, Messages how many of before the tables have.
	FirstSeq, Messages uint64
	// Archive is the one that was looked at, "" for none; where it is of no use Err says
	// why.
	Archive string
	Err     error
}

// Settle says what tells a trimmed stream from one that has lost its beginning.
const Settle = "where you trimmed it yourself, the archive of it settles it: rosey doctor --archive DIR. Otherwise the store has lost its first files: keep the older backups and archives, " +
	"which alone have these messages as events, and restore the stream from one that begins earlier"

// String says it for people.
func (b *Beginning) String() string {
	text := fmt.Sprintf("the stream begins with seq=%d, and the tables have %d messages of before that neither the stream holds nor an operator gave up", b.FirstSeq, b.Messages)
	switch {
	case b.Err != nil:
		return fmt.Sprintf("%s; the archive %s does not stand in for them: %v", text, b.Archive, b.Err)
	case b.Archive != "":
		return fmt.Sprintf("%s; the archive %s does not hold them", text, b.Archive)
	}
	return text + ", and no archive of them is noted"
}

// Before judges what the tables, which were made of this stream, have of before its first
// message, as the doctor does. The archive in the folder stands in for it, or the one that
// the tables were made with. It is nil where nothing is open; of what people erase one by
// one nothing is said either.
func (t Tables) Before(ctx context.Context, s *streams.Stream, first uint64, folder string) (*Beginning, error) {
	b, err := t.undecided(ctx, s, first)
	if b == nil || err != nil {
		return nil, err
	}
	for _, dir := range []string{folder, t.Archive} {
		if dir == "" {
			continue
		}
		from, err := joined(ctx, s, dir)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && !t.before(min(first, from)).Many() {
			return nil, nil
		}
		if b.Archive == "" {
			b.Archive, b.Err = dir, err
		}
	}
	return b, nil
}

// undecided is what no operator accounts for.
func (t Tables) undecided(ctx context.Context, s *streams.Stream, first uint64) (*Beginning, error) {
	list := t.before(first)
	if !list.Many() {
		return nil, nil
	}
	if decided, err := projector.Decided(ctx, s, first); decided || err != nil {
		return nil, err
	}
	return &Beginning{FirstSeq: first, Messages: list.Messages()}, nil
}

// joined is where an archive begins that goes up to the stream.
func joined(ctx context.Context, s *streams.Stream, dir string) (from uint64, err error) {
	a, err := archive.Open(dir)
	if err != nil {
		return 0, err
	}
	return a.FirstSeq(), a.Joins(ctx, s)
}

// before is what the tables have of what comes before a sequence.
func (t Tables) before(first uint64) streams.Erasures {
	if first <= 1 {
		return nil
	}
	return t.Have([]Run{{1, first - 1}}, 1)
}

// LookBefore asks the store's current database, as Look does. An archive that the tables
// were made with is opened, which reads some of it, or else taken at its word.
func LookBefore(ctx context.Context, store schema.Store, s *streams.Stream, folder string, open bool) (*Beginning, error) {
	state, err := s.State(ctx)
	if err != nil || state.FirstSeq <= 1 {
		return nil, err
	}
	t, err := tablesOf(ctx, store, s)
	if err != nil {
		return nil, fmt.Errorf("loss: %w", err)
	}
	if !open && (folder != "" || t.Archive != "") {
		return nil, nil
	}
	b, err := t.Before(ctx, s, state.FirstSeq, folder)
	if err != nil {
		return nil, fmt.Errorf("loss: %w", err)
	}
	return b, nil
}

// tablesOf are the store's tables, empty where they are of another stream or not there.
func tablesOf(ctx context.Context, store schema.Store, s *streams.Stream) (t Tables, err error) {
	g, err := store.Current()
	if errors.Is(err, schema.ErrNoDatabase) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil || c.StreamID != s.Identity().ID {
		return t, err
	}
	return Read(ctx, db)
}
