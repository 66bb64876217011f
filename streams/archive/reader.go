package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"rosey/streams"
)

// ReadOptions says what to read.
type ReadOptions struct {
	// From is the first sequence. Default: the archive's first.
	From uint64
	// UpTo is the last one. Default: the archive's last.
	UpTo uint64
	// NoHeaders leaves out all headers; a message's id stays.
	NoHeaders bool
}

// Reader reads an archive in order. Each segment is compared with the manifest at
// its end, also where reading ends within it, so that io.EOF says that all that
// was returned is what was archived. It may be read while somebody adds to the
// archive. One goroutine may use it at a time.
type Reader struct {
	a        *Archive
	from     uint64
	upTo     uint64
	segments []Segment // as they were when they were last looked up
	next     int
	parser   lineParser
	open     *segmentReader
	read     uint64
	err      error // what ended the reading
}

// Reader opens a reader. The error is ErrOutside for a range that the archive
// does not cover.
func (a *Archive) Reader(o ReadOptions) (*Reader, error) {
	m := &a.manifest
	if o.From == 0 {
		o.From = m.FirstSeq
	}
	if o.UpTo == 0 {
		o.UpTo = m.LastSeq
	}
	if o.From < m.FirstSeq || o.UpTo > m.LastSeq {
		return nil, fmt.Errorf("archive: read seq=%d to seq=%d: %w: it has seq=%d to seq=%d", o.From, o.UpTo, ErrOutside, m.FirstSeq, m.LastSeq)
	}
	r := &Reader{a: a, from: o.From, upTo: o.UpTo, segments: m.Segments, parser: lineParser{noHeaders: o.NoHeaders}}
	for r.next < len(m.Segments) && m.Segments[r.next].LastSeq < o.From {
		r.next++
	}
	return r, nil
}

// Next returns the next message. Erased messages are holes in the sequence. The
// error is io.EOF at the end, ctx's own, or a *DamageError.
func (r *Reader) Next(ctx context.Context) (streams.Message, error) {
	if r.err != nil {
		return streams.Message{}, r.err
	}
	m, err := r.advance(ctx)
	if err != nil && ctx.Err() == nil {
		r.err = err
		r.Close()
	}
	return m, err
}

func (r *Reader) advance(ctx context.Context) (streams.Message, error) {
	for {
		if r.read++; r.read%256 == 0 {
			if err := ctx.Err(); err != nil {
				return streams.Message{}, err
			}
		}
		if r.open == nil {
			if err := r.openNext(ctx); err != nil {
				return streams.Message{}, err
			}
		}
		m, err := r.open.next()
		if errors.Is(err, io.EOF) {
			r.Close()
			continue
		}
		if err != nil {
			return streams.Message{}, fmt.Errorf("archive: read %s: %w", r.a.dir, err)
		}
		if m.Seq >= r.from && m.Seq <= r.upTo {
			return m, nil
		}
	}
}

func (r *Reader) openNext(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.next >= len(r.segments) || r.segments[r.next].FirstSeq > r.upTo {
		return io.EOF
	}
	s, err := openSegment(r.a.dir, r.segments[r.next], &r.parser)
	for errors.Is(err, fs.ErrNotExist) && r.lookUp() {
		s, err = openSegment(r.a.dir, r.segments[r.next], &r.parser)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = missing(r.segments[r.next])
	}
	if err != nil {
		return fmt.Errorf("archive: read %s: %w", r.a.dir, err)
	}
	r.open, r.next = s, r.next+1
	return nil
}

// lookUp finds what took the place of the next segment, which is gone: whoever adds
// to an archive writes its last segment anew while that is small, and any one in
// which something is forgotten. It reports whether there is one.
func (r *Reader) lookUp() bool {
	m, err := readManifest(r.a.dir)
	if err != nil || m.Stream != r.a.manifest.Stream {
		return false
	}
	gone := r.segments[r.next]
	i := slices.IndexFunc(m.Segments, func(s Segment) bool { return s.FirstSeq == gone.FirstSeq })
	if i < 0 || m.Segments[i].LastSeq < gone.LastSeq || m.Segments[i].Name == gone.Name {
		return false
	}
	r.segments, r.next = m.Segments, i
	return true
}

// Close ends the reader.
func (r *Reader) Close() {
	if r.open != nil {
		r.open.close()
		r.open = nil
	}
}
