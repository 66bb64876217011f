package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rosey/streams"
)

// Archive is an archive that is read. Its manifest is what it was when the
// archive was opened, and so is what is read, whatever is added meanwhile. Safe for concurrent use.
type Archive struct {
	dir      string
	manifest Manifest
}

// Open reads the manifest and looks whether every segment is there, as long as it
// should be; what is in them, Verify and each Reader find out. The error is
// ErrNoArchive, ErrNewer or ErrDamaged.
func Open(dir string) (*Archive, error) {
	m, err := readManifest(dir)
	for err == nil {
		lookErr := lookAt(dir, m)
		if lookErr == nil {
			return &Archive{dir: dir, manifest: m}, nil
		}
		before := m.Segments
		// Somebody may have added to it between the two, or made it forget.
		if m, err = readManifest(dir); err == nil && slices.Equal(m.Segments, before) {
			return nil, fmt.Errorf("archive: open %s: %w", dir, lookErr)
		}
	}
	return nil, fmt.Errorf("archive: open: %w", err)
}

// lookAt looks whether every segment is there, as long as it should be.
func lookAt(dir string, m Manifest) error {
	for _, s := range m.Segments {
		info, err := os.Stat(filepath.Join(dir, s.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return missing(s)
		case err != nil:
			return err
		case info.Size() != s.Bytes:
			return &DamageError{s.Name, fmt.Sprintf("it has %d bytes, it was written with %d", info.Size(), s.Bytes)}
		}
	}
	return nil
}

// missing is the damage of a segment that is not there.
func missing(s Segment) error { return &DamageError{s.Name, "it is not there"} }

// Dir is the archive's folder.
func (a *Archive) Dir() string { return a.dir }

// Manifest says what the archive holds.
func (a *Archive) Manifest() Manifest {
	m := a.manifest
	m.Segments = slices.Clone(m.Segments)
	return m
}

// Identity is that of the stream the archive was made of.
func (a *Archive) Identity() streams.Identity {
	return streams.Identity{ID: a.manifest.Stream.ID, Created: a.manifest.Stream.Created}
}

// FirstSeq is the first sequence that the archive covers.
func (a *Archive) FirstSeq() uint64 { return a.manifest.FirstSeq }

// LastSeq is the last one, FirstSeq-1 for an archive of nothing.
func (a *Archive) LastSeq() uint64 { return a.manifest.LastSeq }

// FirstTime is when the first message was stored, zero where there is none.
func (a *Archive) FirstTime() time.Time {
	for _, s := range a.manifest.Segments {
		if s.Messages > 0 {
			return s.FirstTime
		}
	}
	return time.Time{}
}

// LastTime is when the last message was stored, zero where there is none.
func (a *Archive) LastTime() time.Time {
	for _, s := range slices.Backward(a.manifest.Segments) {
		if s.Messages > 0 {
			return s.LastTime
		}
	}
	return time.Time{}
}

// Get returns the message of a sequence; it reads one segment for it. The error is
// streams.ErrMessageNotFound where it was erased, ErrOutside where the archive
// does not reach, and a *DamageError where the segment is not what was written.
func (a *Archive) Get(ctx context.Context, seq uint64) (*streams.Message, error) {
	r, err := a.Reader(ReadOptions{From: seq, UpTo: seq})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	m, err := r.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("archive: get seq=%d: %w", seq, streams.ErrMessageNotFound)
	}
	if err != nil {
		return nil, err
	}
	// The rest of the segment says whether it is what was archived.
	if _, err := r.Next(ctx); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &m, nil
}

// Progress is how far a pass over an archive is.
type Progress struct {
	Seq, Last uint64
	Messages  uint64
}

// tellEvery is how many messages lie between two calls of a progress function.
const tellEvery = 4096

// Verify reads everything and compares it with the manifest. The error is a
// *DamageError that names the file.
func (a *Archive) Verify(ctx context.Context, progress func(Progress)) error {
	return a.each(ctx, ReadOptions{NoHeaders: true}, progress, func(streams.Message) error { return nil })
}

// each calls f for every message.
func (a *Archive) each(ctx context.Context, o ReadOptions, progress func(Progress), f func(streams.Message) error) error {
	r, err := a.Reader(o)
	if err != nil {
		return err
	}
	defer r.Close()
	for n := uint64(1); ; n++ {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(m); err != nil {
			return err
		}
		if progress != nil && n%tellEvery == 0 {
			progress(Progress{Seq: m.Seq, Last: r.upTo, Messages: n})
		}
	}
}
