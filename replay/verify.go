package replay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"rosey/projector"
	"rosey/schema"
)

// Verification is what Verify found.
type Verification struct {
	Path  string `json:"path"`
	Seq   uint64 `json:"seq"`
	Equal bool   `json:"equal"`
	schema.Comparison
	// Erased counts the messages that the live tables had, up to Seq, and the stream
	// lacks now. Erased on purpose, they account for differences; if they were not,
	// they are lost, and the tables alone hold what they said.
	Erased  uint64 `json:"erased_since,omitempty"`
	Rebuild Result `json:"rebuild"`
}

// Verify rebuilds to the checkpoint of the store's current database and compares
// the two: rows, definitions and full-text index, beside SQLite's own check of
// the file. The database may be written to meanwhile: it is seen through one read
// transaction. At most limit differences are named. Nothing is decided: what the
// stream no longer holds is not given up for a question.
func Verify(ctx context.Context, store schema.Store, cfg Config, limit int) (v Verification, err error) {
	cfg.defaults()
	cfg.AcceptGap = false
	if cfg.Channel != "" {
		return v, fmt.Errorf("replay: %w", ErrLimited)
	}
	live, err := openCurrent(ctx, store)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	path := live.Path()
	defer func() { err = errors.Join(err, live.Close()) }()
	tx, err := live.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return v, fmt.Errorf("replay: read %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	if err := projector.CheckWhole(ctx, tx); err != nil {
		return v, err
	}
	c, err := schema.ReadCheckpoint(ctx, tx)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	v = Verification{Path: path, Seq: c.Seq}
	if err := comparable(ctx, c, &cfg); err != nil {
		return v, fmt.Errorf("replay: %s: %w", path, err)
	}
	if err := sameBeginning(ctx, tx, &cfg); err != nil {
		return v, err
	}
	cfg.UntilSeq, cfg.reach, cfg.throwaway = c.Seq, c, true
	cfg.AcceptFailures = true // a difference in dead letters is a row that differs

	if err := removeStale(store); err != nil {
		return v, err
	}
	rebuilt := store.Link + ".verify" + strconv.Itoa(os.Getpid())
	// One of the same number was left by a process that is no more.
	if err := schema.RemoveFile(rebuilt); err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	if err := store.Room(rebuilt); err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	if v.Rebuild, err = build(ctx, rebuilt, cfg); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, schema.RemoveFile(rebuilt)) }()
	cfg.Progress(v.Rebuild.done())
	want, err := schema.OpenForExamination(ctx, rebuilt)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, want.Close()) }()
	if v.Comparison, err = schema.Examine(ctx, want, tx, limit); err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	v.Equal = v.Different == 0
	if v.Equal {
		return v, nil
	}
	if v.Erased, err = erasedSince(ctx, want, tx); schema.IsDamage(err) {
		err = nil // the comparison has named the damage
	}
	return v, err
}

// openCurrent opens the database that the link names. Another one may take its
// place meanwhile, and the first be gone by the time that it is opened; once it is
// open it stays what it is, whatever the link names.
func openCurrent(ctx context.Context, store schema.Store) (*schema.DB, error) {
	g, err := store.Current()
	for err == nil {
		var db *schema.DB
		if db, err = schema.OpenForExamination(ctx, g.Path); err == nil {
			return db, nil
		}
		now, currentErr := store.Current()
		if !errors.Is(err, schema.ErrNoDatabase) || currentErr != nil || now == g {
			return nil, err
		}
		g, err = now, nil
	}
	return nil, err
}

// comparable makes sure that a rebuild by this program should be equal.
func comparable(ctx context.Context, c schema.Checkpoint, cfg *Config) error {
	if c.Seq == 0 {
		return ErrNoCheckpoint
	}
	cfg.DefaultChannel = c.DefaultChannel
	print, err := projector.Fingerprint(c.DefaultChannel)
	if err != nil {
		return err
	}
	if print != c.Fingerprint {
		return projector.ErrOtherProgram
	}
	if err := notTrimmed(projector.CheckStart(ctx, cfg.Stream, c)); err != nil {
		return err
	}
	if now := cfg.Stream.Identity().ID; c.StreamID != now {
		return &projector.StartError{
			Reason: projector.ErrOtherStream,
			Detail: fmt.Sprintf("it was made from stream %s, whose successor %s was adopted since", c.StreamID, now),
			Remedy: "start the projector, which goes on with the adopted stream; then compare again",
		}
	}
	return nil
}

// sameBeginning makes sure that a rebuild would be made of the same messages. A
// database that was made before the stream was trimmed holds more.
func sameBeginning(ctx context.Context, q schema.Queryer, cfg *Config) error {
	state, err := beginning(ctx, cfg)
	if err != nil {
		return notTrimmed(err)
	}
	from, err := beginsAt(ctx, q)
	if err != nil {
		return err
	}
	if from != state.FirstSeq {
		return &projector.StartError{
			Reason: projector.ErrTrimmed,
			Detail: fmt.Sprintf("the database is made from seq=%d on, a rebuild would be from seq=%d: there is nothing to compare it with", from, state.FirstSeq),
			Remedy: restoreToCompare,
		}
	}
	return nil
}

const restoreToCompare = "restore the stream for the comparison, or name an archive that holds its beginning with --from-archive DIR"

// notTrimmed keeps a refusal from offering to give up a gap: that helps a start,
// and no comparison.
func notTrimmed(err error) error {
	var refused *projector.StartError
	if errors.Is(err, projector.ErrTrimmed) && errors.As(err, &refused) {
		refused.Remedy, refused.Flag = restoreToCompare, ""
	}
	return err
}

// staleAfter is when a file that a verification left counts as abandoned.
const staleAfter = 24 * time.Hour

// removeStale removes what verifications left that were cut off. It leaves what
// another one may be working on.
func removeStale(store schema.Store) error {
	paths, err := filepath.Glob(store.Link + ".verify*")
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || time.Since(info.ModTime()) < staleAfter {
			continue
		}
		if err := schema.RemoveFile(p); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}
