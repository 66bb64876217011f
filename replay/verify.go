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
	Rebuild Result `json:"rebuild"`
}

// Verify rebuilds to the checkpoint of the store's current database and compares
// the two: rows, definitions and full-text index, beside SQLite's own check of
// the file. The database may be written to meanwhile: it is seen through one read
// transaction. At most limit differences are named.
func Verify(ctx context.Context, store schema.Store, cfg Config, limit int) (v Verification, err error) {
	cfg.defaults()
	g, err := store.Current()
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	live, err := schema.OpenForExamination(ctx, g.Path)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, live.Close()) }()
	tx, err := live.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return v, fmt.Errorf("replay: read %s: %w", g.Path, err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	c, err := schema.ReadCheckpoint(ctx, tx)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	v = Verification{Path: g.Path, Seq: c.Seq}
	if err := comparable(ctx, c, &cfg); err != nil {
		return v, fmt.Errorf("replay: %s: %w", g.Path, err)
	}
	if err := sameBeginning(ctx, tx, &cfg); err != nil {
		return v, err
	}
	cfg.UntilSeq = c.Seq
	cfg.AcceptFailures = true // a difference in dead letters is a row that differs

	if err := removeStale(store); err != nil {
		return v, err
	}
	path := store.Link + ".verify" + strconv.Itoa(os.Getpid())
	if v.Rebuild, err = Into(ctx, path, cfg); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, schema.RemoveFile(path)) }()
	want, err := schema.OpenForExamination(ctx, path)
	if err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, want.Close()) }()
	if v.Comparison, err = schema.Examine(ctx, want, tx, limit); err != nil {
		return v, fmt.Errorf("replay: %w", err)
	}
	v.Equal = v.Different == 0
	return v, nil
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
	if err := projector.CheckStart(ctx, cfg.Stream, c); err != nil {
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
		return err
	}
	from, err := beginsAt(ctx, q)
	if err != nil {
		return err
	}
	if from != state.FirstSeq {
		return &projector.StartError{
			Reason: projector.ErrTrimmed,
			Detail: fmt.Sprintf("the database is made from seq=%d on, a rebuild would be from seq=%d: there is nothing to compare it with", from, state.FirstSeq),
			Remedy: "restore the stream for the comparison",
		}
	}
	return nil
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
