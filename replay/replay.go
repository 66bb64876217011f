package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
)

// Config says what to rebuild, and how far.
type Config struct {
	// Stream is the history.
	Stream *streams.Stream
	// DefaultChannel stands in for publishers that name no channel.
	DefaultChannel string
	// Channel leaves out what is certainly about another channel, compared without
	// case. Only Into takes it: nothing goes on with such a database. Default: all
	// channels.
	Channel string
	// Like is the store whose current database says how much room Into needs. Default:
	// nothing does, and Into begins on any disk.
	Like schema.Store
	// Fresh begins anew where an interrupted rebuild could be gone on with.
	Fresh bool
	// UntilSeq is the last sequence to apply. Default: the last one stored when the
	// rebuild begins.
	UntilSeq uint64
	// UntilTime leaves out what the stream stored later. Default: everything.
	UntilTime time.Time
	// Known are the dead letters that the live database already has, by sequence,
	// with their reason class. A rebuild stops at any other, because it says that
	// this program reads something worse than the one before.
	Known map[uint64]string
	// KnownTo is the checkpoint of the database that Known comes from. What it has
	// not applied yet it cannot have read better: a failure beyond would have been a
	// dead letter there too, and is one here. Default: no failure is beyond. Swap
	// takes it from the current database.
	KnownTo uint64
	// AcceptFailures goes on all the same.
	AcceptFailures bool
	// Force lets Swap replace a database that belongs to another stream or to
	// another history of it, or whose checkpoint cannot be read. It is kept as a
	// file then, and nothing older is removed.
	Force bool
	// AcceptGap rebuilds from where the stream begins. The decision becomes an event
	// first; once it is one, no later rebuild needs to be told.
	AcceptGap bool
	// AcceptErased replaces tables that have much of what the stream lists as erased:
	// else that is a *projector.StartError of ErrManyErased, as the store may have lost it.
	// They are kept as a file then.
	AcceptErased bool
	// Archive holds what the stream no longer does: the rebuild begins with it where
	// the stream begins later. Default: none.
	Archive *archive.Archive
	// Program is the version of the program, for the record of how a database was
	// made. Default: unknown.
	Program string
	// Keep is how many generations Swap leaves, the new one among them. Default:
	// schema.Keep.
	Keep int
	// Grace is how long a generation stays after it was the current one, whatever Keep
	// says: a reader may be about to open it. Default: schema.Grace.
	Grace time.Duration
	// BatchSize bounds the events of one transaction. Default 10,000.
	BatchSize int
	// Progress is told how far the rebuild is, a few times a second.
	Progress func(Progress)
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Crash is called at named points; tests end the process there.
	Crash func(point string)

	again     *again // nil but for Retry
	archived  bool   // the beginning comes from the archive
	throwaway bool   // nobody goes on with it, Verify's
	// tap comes between the stream's reader and its witness; tests leave messages out
	// there. Nil: nothing does.
	tap   func(source) source
	meter *meter // of all that the work applies
	// reach is the checkpoint of the database that is replaced or compared with. What
	// was erased from the end of the stream since then is passed over.
	reach schema.Checkpoint
	// sweep is told how many generations to leave, once they have stayed long enough.
	// Nil where nobody is there to do that.
	sweep func(keep int)
}

func (c *Config) defaults() {
	if c.BatchSize <= 0 {
		c.BatchSize = 10_000
	}
	if c.Grace <= 0 {
		c.Grace = schema.Grace
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Crash == nil {
		c.Crash = func(string) {}
	}
	if c.Program == "" {
		c.Program = "unknown"
	}
	if c.meter == nil {
		c.meter = newMeter()
	}
	c.Logger = c.Logger.With("component", "replay")
}

// Result is what a rebuild came to.
type Result struct {
	Path       string            `json:"path"`
	Checkpoint schema.Checkpoint `json:"-"`
	Seq        uint64            `json:"seq"`
	// From is the first sequence that the rows are made of: more than 1 where what
	// comes before was given up.
	From        uint64  `json:"from"`
	Events      int     `json:"events"`
	Duplicates  int     `json:"duplicates"`
	DeadLetters int     `json:"dead_letters"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"events_per_second"`
	// ResumedAfter is the last sequence that an interrupted rebuild had applied, which
	// this one went on from. Seconds and PerSecond are of the rest.
	ResumedAfter uint64 `json:"resumed_after_seq,omitempty"`
	// BegunAnew says why what an earlier rebuild had left was not gone on with, "" where
	// there was nothing or it was.
	BegunAnew string `json:"begun_anew,omitempty"`
	// EndsBefore says that the stream ends before the UntilSeq or UntilTime that was
	// asked for: a later rebuild up to there may come to more.
	EndsBefore bool `json:"stream_ends_before_limit,omitempty"`
	// Channel is the one that the rebuild was limited to, as the events spell it.
	Channel string `json:"-"`
	// Archive is the folder that the beginning came from, "" for none.
	Archive string `json:"archive,omitempty"`
	// ArchiveNotNeeded says that there was an archive, of this stream, and that the
	// stream itself reaches back as far.
	ArchiveNotNeeded bool `json:"archive_not_needed,omitempty"`
	// Erased counts the sequences from From to Seq that the stream holds no more, and
	// ErasedSince those of them that the database before was made of.
	Erased      uint64 `json:"erased,omitempty"`
	ErasedSince uint64 `json:"erased_since,omitempty"`
	manyErased  bool   // the database before is kept for it
	// Kept is the database before where it holds what no rebuild gives again; nothing
	// removes it but a person.
	Kept string `json:"kept,omitempty"`
	// Note says what did not succeed after the swap; the tables are remade all the
	// same.
	Note string `json:"note,omitempty"`
}

// Swap rebuilds the store and makes the result its current generation. Nobody
// else may write to the store meanwhile: the error is a *schema.InUseError when
// somebody does. A current database that the stream does not continue may be the
// last copy of its history, so it is a *projector.StartError, unless Force is
// set. After any error the rows that readers see are the ones they saw.
func Swap(ctx context.Context, store schema.Store, cfg Config) (_ Result, err error) {
	cfg.defaults()
	release, err := store.Lock(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if _, err := store.Discard(); err != nil {
		return Result{}, fmt.Errorf("replay: %w", err)
	}
	x, err := newExchange(ctx, store, &cfg)
	if err != nil {
		return Result{}, err
	}
	if err := x.build(ctx); err != nil {
		return x.res, err
	}
	if err = x.ahead(); err == nil {
		err = x.compare(ctx)
	}
	if err != nil {
		return x.res, x.abandon(err)
	}
	if err := x.swap(); err != nil {
		return x.res, x.abandon(err)
	}
	cfg.meter.result(&x.res, x.res.Checkpoint)
	x.prune(ctx)
	cfg.Progress(x.res.done())
	return x.res, nil
}

// beginning makes sure that the stream reaches back to where a rebuild begins, or
// that an operator gave up what comes before.
func beginning(ctx context.Context, cfg *Config) (streams.State, error) {
	state, err := checkBeginning(ctx, cfg)
	if cfg.AcceptGap && errors.Is(err, projector.ErrTrimmed) {
		seq, acceptErr := projector.AcceptGapBefore(ctx, cfg.Stream, state.FirstSeq)
		if acceptErr != nil {
			return streams.State{}, acceptErr
		}
		cfg.Logger.Warn("what the stream no longer holds is given up", "stream", streams.StreamName, "seq", seq)
		state, err = checkBeginning(ctx, cfg)
	}
	var refused *projector.StartError
	if errors.As(err, &refused) && errors.Is(err, projector.ErrTrimmed) {
		if a := cfg.Archive; a != nil {
			refused.Detail += fmt.Sprintf("; the archive holds seq=%d to seq=%d", a.FirstSeq(), a.LastSeq())
			refused.Remedy = "name an archive that begins with what is gone; or " + refused.Remedy
		} else if name := "name an archive that holds them (--from-archive DIR; --archive DIR for what runs)"; projector.BeganLate(state) {
			refused.Remedy += "; or " + name
		} else {
			refused.Remedy = name + "; or " + refused.Remedy
		}
		refused.Remedy += "; until then the current database is left as it is"
	}
	if err != nil {
		return streams.State{}, err
	}
	return state, nil
}

// endsBefore says that the stream ended the rebuild, and no limit that was set.
func (c *Config) endsBefore(state streams.State) bool {
	reached := c.UntilSeq > 0 && c.UntilSeq <= state.LastSeq || !c.UntilTime.IsZero() && c.UntilTime.Before(state.LastTime)
	return !reached && (c.UntilSeq > 0 || c.UntilTime.After(time.Now()))
}

func (c *Config) allow() func(uint64, projector.Failure) bool {
	if c.AcceptFailures {
		return nil
	}
	return func(seq uint64, f projector.Failure) bool {
		return c.again.fails(seq, f) || c.Known[seq] == f.Class || c.KnownTo > 0 && seq > c.KnownTo
	}
}

// DeadLetters returns the reason classes of a database's dead letters, by
// sequence.
func DeadLetters(ctx context.Context, q schema.Queryer) (map[uint64]string, error) {
	rows, err := q.QueryContext(ctx, "SELECT seq, reason_class FROM dead_letters")
	if err != nil {
		return nil, fmt.Errorf("replay: read dead letters: %w", err)
	}
	defer func() { _ = rows.Close() }()
	list := map[uint64]string{}
	for rows.Next() {
		var seq uint64
		var class string
		if err := rows.Scan(&seq, &class); err != nil {
			return nil, fmt.Errorf("replay: read dead letters: %w", err)
		}
		list[seq] = class
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("replay: read dead letters: %w", err)
	}
	return list, nil
}
