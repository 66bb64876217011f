package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rosey/streams"
)

// Phases of an import, in their order.
const (
	PhaseVerifying = "verifying"
	PhaseImporting = "importing"
	PhaseComparing = "comparing"
)

// ImportOptions says how a stream is restored.
type ImportOptions struct {
	// Stream is what an installation chooses about it.
	Stream streams.StreamOptions
	// Progress is told how far it is.
	Progress func(phase string, p Progress)
}

// Imported is what Import came to.
type Imported struct {
	// ID is the identity of the stream.
	ID       string `json:"id"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	Messages uint64 `json:"messages"`
	Erased   uint64 `json:"erased"`
	// From is the first sequence that this run has imported: more than FirstSeq after
	// an interruption.
	From uint64 `json:"from"`
}

// maxSubjects bounds what is no event's subject in an archive.
const maxSubjects = 100

// Import restores the stream of an archive on a server that has none, or one in
// which nothing was ever stored. The archive is verified before anything is
// written, and what is stored is compared with it before the stream can be used.
// An interrupted import goes on where it was. The error is streams.ErrNotEmpty
// where the server has another stream, or a *DamageError.
func Import(ctx context.Context, c *streams.Conn, a *Archive, o ImportOptions) (*streams.Stream, Imported, error) {
	m := &a.manifest
	res := Imported{ID: m.Stream.ID, FirstSeq: m.FirstSeq, LastSeq: m.LastSeq, Messages: m.Messages, Erased: m.LastSeq - m.FirstSeq + 1 - m.Messages}
	s, err := a.importTo(ctx, c, o, &res)
	if err != nil {
		return nil, res, fmt.Errorf("archive: import %s: %w", a.dir, err)
	}
	return s, res, nil
}

func (a *Archive) importTo(ctx context.Context, c *streams.Conn, o ImportOptions, res *Imported) (*streams.Stream, error) {
	tell := func(phase string) func(Progress) {
		return func(p Progress) {
			if o.Progress != nil {
				o.Progress(phase, p)
			}
		}
	}
	subjects, err := a.foreign(ctx, tell(PhaseVerifying))
	if err != nil {
		return nil, err
	}
	im, err := streams.BeginImport(ctx, c, streams.ImportOptions{
		Stream: o.Stream, Identity: a.Identity(), First: a.FirstSeq(), Last: a.LastSeq(), LastTime: a.LastTime(), Subjects: subjects,
	})
	if err != nil {
		return nil, err
	}
	res.From = im.Next()
	if im.Next() > a.FirstSeq() {
		if err := a.compare(ctx, im, tell(PhaseComparing)); err != nil {
			return nil, err
		}
	}
	if err := a.copyTo(ctx, im, tell(PhaseImporting)); err != nil {
		return nil, err
	}
	if err := a.compare(ctx, im, tell(PhaseComparing)); err != nil {
		return nil, err
	}
	return im.Finish(ctx)
}

// foreign verifies the archive, and lists the subjects that are no event's.
func (a *Archive) foreign(ctx context.Context, progress func(Progress)) ([]string, error) {
	known := map[string]bool{}
	var list []string
	err := a.each(ctx, ReadOptions{NoHeaders: true}, progress, func(m streams.Message) error {
		if known[m.Subject] {
			return nil
		}
		foreign := !streams.Binds(m.Subject)
		if foreign {
			list = append(list, m.Subject)
		}
		if len(list) > maxSubjects {
			return fmt.Errorf("%w, such as %s", ErrSubjects, m.Subject)
		}
		if len(known) < maxKnown || foreign {
			known[m.Subject] = true
		}
		return nil
	})
	return list, err
}

// maxKnown bounds the subjects that are remembered: one for each channel and kind
// of event.
const maxKnown = 10_000

// copyBatch is how many messages go to the stream at once; with bulky ones fewer.
const (
	copyBatch = streams.MaxBatch
	copyBytes = 8 << 20
)

// copyTo imports what the stream does not have yet.
func (a *Archive) copyTo(ctx context.Context, im *streams.Import, progress func(Progress)) error {
	if im.Next() > a.LastSeq() {
		return nil
	}
	batch := make([]streams.Message, 0, copyBatch)
	size := 0
	flush := func() error {
		err := im.Append(ctx, batch)
		clear(batch)
		batch, size = batch[:0], 0
		return err
	}
	err := a.each(ctx, ReadOptions{From: im.Next()}, progress, func(m streams.Message) error {
		batch, size = append(batch, m), size+len(m.Data)
		if len(batch) < copyBatch && size < copyBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// compare makes sure that what is imported so far is what was archived.
func (a *Archive) compare(ctx context.Context, im *streams.Import, progress func(Progress)) error {
	if im.Next() <= a.FirstSeq() {
		return nil
	}
	r, err := im.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	err = a.each(ctx, ReadOptions{UpTo: im.Next() - 1}, progress, func(m streams.Message) error {
		stored, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it lacks seq=%d", streams.ErrInterfered, m.Seq)
		}
		if err != nil {
			return err
		}
		if !same(&m, &stored) || !sameHeaders(&m, &stored) {
			return fmt.Errorf("%w: it holds another message at seq=%d", streams.ErrInterfered, stored.Seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if extra, err := r.Next(ctx); !errors.Is(err, io.EOF) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: seq=%d is not in the archive", streams.ErrInterfered, extra.Seq)
	}
	return nil
}
