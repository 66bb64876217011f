package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"rosey/streams"
)

// draftPattern names segments that are not whole yet.
const draftPattern = ".segment-*.new"

// segmentWriter writes one segment beside the archive until it is finished.
type segmentWriter struct {
	dir      string
	file     *os.File
	out      *counter // to the file
	zip      *zstd.Encoder
	content  *counter // to the encoder
	line     []byte
	segment  Segment
	previous uint64
}

// counter counts and hashes what is written through it.
type counter struct {
	w    io.Writer
	n    int64
	hash hash.Hash
}

func newCounter(w io.Writer) *counter { return &counter{w: w, hash: sha256.New()} }

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.hash.Write(p[:n])
	return n, err
}

func (c *counter) sum() string { return hex.EncodeToString(c.hash.Sum(nil)) }

// newSegment begins the segment that covers the archive from a sequence on.
func newSegment(dir string, first uint64) (*segmentWriter, error) {
	f, err := os.CreateTemp(dir, draftPattern) // 0600
	if err != nil {
		return nil, err
	}
	w := &segmentWriter{dir: dir, file: f, out: newCounter(f), segment: Segment{FirstSeq: first}, previous: first - 1}
	if w.zip, err = zstd.NewWriter(w.out, zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	w.content = newCounter(w.zip)
	return w, nil
}

// add writes one message.
func (w *segmentWriter) add(m streams.Message) (err error) {
	if m.Seq <= w.previous {
		return fmt.Errorf("seq=%d after seq=%d", m.Seq, w.previous)
	}
	if w.line, err = appendLine(w.line[:0], m); err != nil {
		return fmt.Errorf("seq=%d: %w", m.Seq, err)
	}
	if _, err := w.content.Write(w.line); err != nil {
		return err
	}
	if w.segment.Messages == 0 {
		w.segment.FirstTime = m.Time.UTC()
	}
	w.segment.LastTime = m.Time.UTC()
	w.segment.Messages++
	w.previous = m.Seq
	return nil
}

// finish makes the segment, which covers everything up to last, a file of the
// archive's folder. It belongs to the archive once the manifest names it.
func (w *segmentWriter) finish(last, rewritten uint64) (s Segment, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, w.abandon())
		}
	}()
	if err := errors.Join(w.zip.Close(), w.file.Sync(), w.file.Close()); err != nil {
		return s, err
	}
	s = w.segment
	s.LastSeq, s.Rewritten, s.Name = last, rewritten, segmentName(s.FirstSeq, last, rewritten)
	s.Erased = s.LastSeq - s.FirstSeq + 1 - s.Messages
	s.Bytes, s.SHA256 = w.out.n, w.out.sum()
	s.ContentBytes, s.ContentSHA256 = w.content.n, w.content.sum()
	if err := os.Rename(w.file.Name(), filepath.Join(w.dir, s.Name)); err != nil {
		return s, err
	}
	return s, syncFolder(w.dir)
}

// abandon removes what was written.
func (w *segmentWriter) abandon() error {
	if w.zip != nil {
		_ = w.zip.Close()
	}
	_ = w.file.Close()
	if err := os.Remove(w.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// segmentReader reads one segment, and at its end compares it with what the
// manifest says.
type segmentReader struct {
	segment  Segment
	file     *os.File
	in       *counter // what is read of the file
	zip      *zstd.Decoder
	content  *counter // what is read of the lines
	lines    *bufio.Reader
	long     []byte
	parser   *lineParser
	messages uint64
	previous uint64
}

// maxWindow bounds what a file may ask for to be unpacked.
const maxWindow = 32 << 20

// openSegment opens a segment. The error is fs.ErrNotExist where it is not there.
func openSegment(dir string, s Segment, p *lineParser) (*segmentReader, error) {
	f, err := os.Open(filepath.Join(dir, s.Name))
	if err != nil {
		return nil, err
	}
	r := &segmentReader{segment: s, file: f, in: newCounter(io.Discard), content: newCounter(io.Discard), parser: p, previous: s.FirstSeq - 1}
	r.zip, err = zstd.NewReader(io.TeeReader(f, r.in), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// One byte more than there should be, so that more is noticed.
	r.lines = bufio.NewReaderSize(io.TeeReader(io.LimitReader(r.zip, s.ContentBytes+1), r.content), 256<<10)
	return r, nil
}

func (r *segmentReader) damaged(format string, args ...any) error {
	return &DamageError{r.segment.Name, fmt.Sprintf(format, args...)}
}

// next returns the next message. The error is io.EOF once the whole segment was
// read and is what it should be, or a *DamageError.
func (r *segmentReader) next() (m streams.Message, err error) {
	line, err := r.readLine()
	if err != nil {
		return m, err
	}
	if m, err = r.parser.parse(line); err != nil {
		return m, r.damaged("after seq=%d: %v", r.previous, err)
	}
	if m.Seq <= r.previous || m.Seq > r.segment.LastSeq {
		return m, r.damaged("seq=%d follows seq=%d", m.Seq, r.previous)
	}
	r.previous = m.Seq
	r.messages++
	return m, nil
}

func (r *segmentReader) readLine() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		switch {
		case err == nil && len(r.long) == 0:
			return part[:len(part)-1], nil
		case err == nil:
			r.long = append(r.long, part...)
			return r.long[:len(r.long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			if r.long = append(r.long, part...); len(r.long) > maxLine {
				return nil, r.damaged("the line after seq=%d is too long", r.previous)
			}
		case errors.Is(err, io.EOF) && len(r.long)+len(part) == 0:
			return nil, r.end()
		case errors.Is(err, io.EOF):
			return nil, r.damaged("it ends within the line after seq=%d", r.previous)
		default:
			return nil, r.damaged("after seq=%d: %v", r.previous, err)
		}
	}
}

// end is io.EOF if what was read is what was written.
func (r *segmentReader) end() error {
	if _, err := io.Copy(io.Discard, io.TeeReader(r.file, r.in)); err != nil {
		return r.damaged("%v", err)
	}
	switch s := r.segment; {
	case r.messages != s.Messages:
		return r.damaged("it holds %d messages, it was written with %d", r.messages, s.Messages)
	case r.content.n != s.ContentBytes || r.content.sum() != s.ContentSHA256:
		return r.damaged("its content has another hash than when it was written")
	case r.in.n != s.Bytes || r.in.sum() != s.SHA256:
		return r.damaged("it has another hash than when it was written")
	}
	return io.EOF
}

func (r *segmentReader) close() {
	r.zip.Close()
	_ = r.file.Close()
}
