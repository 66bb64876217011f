package replay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/schema"
)

// current is what a rebuild needs to know of the database it replaces.
type current struct {
	schema.Generation
	// exists says that there is one, plain that it stands at the link's own place.
	exists, plain bool
	// related says that the stream goes on where the database ends, so that the
	// rebuilt one holds all that this one does.
	related    bool
	checkpoint schema.Checkpoint
	from       uint64 // the first sequence that its rows are made of
	dead       map[uint64]string
	limited    error // it is of one channel alone
}

// currentState refuses a database that the stream does not continue, unless
// Force is set.
func currentState(ctx context.Context, store schema.Store, cfg *Config) (current, error) {
	g, err := store.Current()
	if errors.Is(err, schema.ErrNoDatabase) {
		return current{}, nil
	}
	if err != nil {
		return current{}, fmt.Errorf("replay: %w", err)
	}
	st := current{Generation: g, exists: true, plain: g.Number == 0}
	if err := st.read(ctx); err != nil {
		if refusal := unreadable(&st, err); !cfg.Force || !errors.Is(refusal, ErrUnreadable) {
			return current{}, refusal
		}
		cfg.Logger.Warn("the current database cannot be read; it is kept", "path", g.Path, "err", err)
		return st, nil
	}
	if st.limited != nil {
		if !cfg.Force {
			return current{}, st.limited
		}
		cfg.Logger.Warn("the current database is limited to one channel; it is kept", "path", g.Path)
		return st, nil
	}
	if st.checkpoint.Seq == 0 {
		st.related = true // it holds nothing that the stream could lack
		return st, nil
	}
	err = projector.CheckStart(ctx, cfg.Stream, st.checkpoint)
	if cfg.AcceptGap && errors.Is(err, projector.ErrTrimmed) {
		err = nil // the rebuild gives up all that comes before the stream
	}
	if cfg.Archive != nil && errors.Is(err, projector.ErrTrimmed) {
		ok, bridgeErr := cfg.bridged(ctx, st.checkpoint)
		if bridgeErr != nil {
			err = bridgeErr
		} else if ok {
			err = nil
		}
	}
	st.related = err == nil
	if cfg.Force && otherHistory(err) {
		cfg.Logger.Warn("the current database belongs to another history; it is kept", "path", g.Path, "err", err)
		return st, nil
	}
	return st, err
}

func (st *current) read(ctx context.Context) error {
	db, err := schema.OpenReader(ctx, st.Path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if st.checkpoint, err = schema.ReadCheckpoint(ctx, db); err != nil {
		return err
	}
	if st.from, err = beginsAt(ctx, db); err != nil {
		return err
	}
	if st.limited = projector.CheckWhole(ctx, db); st.limited != nil && !errors.Is(st.limited, projector.ErrOneChannel) {
		return st.limited
	}
	st.dead, err = DeadLetters(ctx, db)
	return err
}

// beginsAt is the first sequence that a database's rows are made of. It is more
// than 1 where the stream began later as the database was made from nothing.
func beginsAt(ctx context.Context, q schema.Queryer) (uint64, error) {
	from := uint64(1)
	err := q.QueryRowContext(ctx, "SELECT last_seq + 1 FROM stream_holes WHERE first_seq = 1").Scan(&from)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("replay: read where the database begins: %w", err)
	}
	return from, nil
}

// otherHistory recognises what Force overrides. A trimmed stream is none of it:
// no rebuild can begin there.
func otherHistory(err error) bool {
	return errors.Is(err, projector.ErrOtherStream) || errors.Is(err, projector.ErrAhead) || errors.Is(err, projector.ErrOtherHistory)
}

// unreadable refuses to replace what cannot be compared with the stream. At the
// link's own place there may be a file that never was a database of Rosey's: no
// force moves it, nor a good database that cannot be read just now.
func unreadable(st *current, err error) error {
	foreign := errors.Is(err, schema.ErrNotADatabase) || errors.Is(err, schema.ErrForeignDatabase)
	if !schema.IsDamage(err) || st.plain && foreign {
		return fmt.Errorf("replay: %w", err)
	}
	return &projector.StartError{
		Reason: fmt.Errorf("%w: %w", ErrUnreadable, err),
		Detail: "whether it belongs to this stream cannot be told from " + st.Path,
		Remedy: "`rosey replay --force` rebuilds the tables from this stream and keeps the file that is there",
	}
}
