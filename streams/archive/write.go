package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"rosey/streams"
)

const (
	// lockName is locked by whoever writes to the archive.
	lockName = ".lock"
	// segmentBytes is how many bytes of lines a segment has, at least.
	segmentBytes = 64 << 20
	// writeInFlight bounds the messages on their way.
	writeInFlight = 4000
)

// WriteOptions says what to write.
type WriteOptions struct {
	// To is the last sequence. Default: the stream's last now.
	To uint64
	// SegmentBytes is how large the lines of a segment become before another is
	// begun. Default 64 MiB.
	SegmentBytes int64
	// Erased says what becomes of messages that were erased from the stream since they
	// were archived. Default: the archive forgets them.
	Erased Erased
	// Progress is told how far it is.
	Progress func(Progress)
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Crash is called at named points; tests end the process there.
	Crash func(point string)
}

// The points at which WriteOptions.Crash is called.
const (
	crashBeforeManifest = "archive.before_manifest" // a segment is there, nothing names it
	crashAfterManifest  = "archive.after_manifest"  // the segment it replaces is still there

	crashBeforeForgotten = "archive.before_forgotten" // a segment without what is forgotten is there, nothing names it
	crashAfterForgotten  = "archive.after_forgotten"  // the one with it is still there, nothing names it
)

// Written is what Write came to.
type Written struct {
	Dir      string `json:"path"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	Messages uint64 `json:"messages"`
	Erased   uint64 `json:"erased"`
	Segments int    `json:"segments"`
	Bytes    int64  `json:"bytes"`
	// Added counts the messages that this run has added.
	Added uint64 `json:"added"`
	// Forgotten counts the messages that this run has taken out of it.
	Forgotten uint64 `json:"forgotten"`
	// ForgottenRuns are their sequences: runs, both ends included and in order.
	ForgottenRuns [][2]uint64 `json:"forgotten_runs,omitempty"`
	// ErasedSince counts those that it holds and the stream has erased.
	ErasedSince uint64 `json:"erased_since"`
}

// Write archives the stream in a folder, or adds what is new to the archive that
// is there. What was erased from the stream since is taken out of the archive,
// whose segments are written anew for that, as the last one is while it is small;
// everything else stays as it is. The error is ErrOtherStream, ErrOtherHistory or ErrGap
// where the stream does not continue the archive, streams.ErrLeftOut where a server did
// not deliver what was never erased, ErrInUse where somebody else
// writes to it, ErrManyErased where so much was erased, or so much of it one after the
// other, that somebody should look; what is new is archived then. After any error the archive is valid and holds what
// was finished.
func Write(ctx context.Context, dir string, s *streams.Stream, o WriteOptions) (res Written, err error) {
	w := newWriter(dir, s, o)
	if res, err = w.run(ctx); err != nil {
		return res, fmt.Errorf("archive: write %s: %w", dir, err)
	}
	return res, nil
}

type writer struct {
	dir      string
	stream   *streams.Stream
	o        WriteOptions
	log      *slog.Logger
	manifest Manifest
	tap      func(streams.Source) streams.Source // what a test does to what is read

	open *segmentWriter
	// forgottenThere is how many messages the segment that the open one continues has
	// forgotten by name.
	forgottenThere uint64
	from           uint64 // the first sequence that the open segment takes from the stream
	taken          uint64 // how many messages it has taken from there
	added          uint64

	forgotten, erasedSince uint64
	forgottenRuns          spans
}

func newWriter(dir string, s *streams.Stream, o WriteOptions) *writer {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = segmentBytes
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	return &writer{dir: dir, stream: s, o: o, log: o.Logger.With("component", "archive", "stream", streams.StreamName)}
}

func (w *writer) run(ctx context.Context) (res Written, err error) {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return res, err
	}
	release, err := lock(w.dir)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, release()) }()
	to, err := w.begin(ctx)
	if err != nil {
		return res, err
	}
	if to > w.manifest.LastSeq {
		if err := w.extend(ctx, to); err != nil {
			if w.open != nil {
				err = errors.Join(err, w.open.abandon())
			}
			return w.written(), err
		}
	}
	err = w.forgetErased(ctx)
	return w.written(), err
}

func (w *writer) written() Written {
	m := &w.manifest
	res := Written{
		Dir: w.dir, FirstSeq: m.FirstSeq, LastSeq: m.LastSeq, Messages: m.Messages, Segments: len(m.Segments), Added: w.added,
		Forgotten: w.forgotten, ForgottenRuns: w.forgottenRuns, ErasedSince: w.erasedSince, Erased: m.LastSeq - m.FirstSeq + 1 - m.Messages,
	}
	for _, s := range m.Segments {
		res.Bytes += s.Bytes
	}
	return res
}

// lock keeps others from writing to the archive.
func lock(dir string) (release func() error, err error) {
	l := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrInUse
	}
	return l.Unlock, nil
}

// begin reads what is there, makes sure that the stream continues it, and returns
// up to where to write.
func (w *writer) begin(ctx context.Context) (to uint64, err error) {
	state, err := w.stream.State(ctx)
	if err != nil {
		return 0, err
	}
	w.manifest, err = readManifest(w.dir)
	switch {
	case errors.Is(err, ErrNoArchive):
		if err := w.clean(); err != nil {
			return 0, err
		}
		w.manifest = newManifest(state.Identity, state.FirstSeq)
		// An archive of nothing is one too.
		if err := w.manifest.write(w.dir); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	default:
		if err := w.continues(ctx, state); err != nil {
			return 0, err
		}
		if err := w.clean(); err != nil {
			return 0, err
		}
	}
	to = state.LastSeq
	if w.o.To > 0 {
		to = min(to, w.o.To)
	}
	return to, nil
}

// clean removes what a run left that was cut off. In a folder that is no archive
// yet nothing else may be: the error is ErrNotEmpty.
func (w *writer) clean() error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	named := map[string]bool{lockName: true, manifestName: true}
	for _, s := range w.manifest.Segments {
		named[s.Name] = true
	}
	for _, e := range entries {
		name := e.Name()
		switch left := leftover(name); {
		case named[name]:
		case left:
			if err := os.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case w.manifest.Format == "":
			return fmt.Errorf("%w, such as %s", ErrNotEmpty, name)
		}
	}
	return nil
}

// leftover recognises files that Write makes.
func leftover(name string) bool {
	if draft, _ := filepath.Match(draftPattern, name); draft {
		return true
	}
	if strings.HasPrefix(name, "."+manifestName) { // a manifest that was being written
		return true
	}
	var first, last, rewritten uint64
	if _, err := fmt.Sscanf(name, "%d-%d.r%d.ndjson.zst", &first, &last, &rewritten); err == nil {
		return name == segmentName(first, last, rewritten)
	}
	_, err := fmt.Sscanf(name, "%d-%d.ndjson.zst", &first, &last)
	return err == nil && name == segmentName(first, last, 0)
}

// continues makes sure that what the stream holds follows what is archived.
func (w *writer) continues(ctx context.Context, state streams.State) error {
	a := &Archive{dir: w.dir, manifest: w.manifest}
	if err := a.joins(ctx, w.stream, state); err != nil {
		return err
	}
	if last := w.manifest.LastSeq; state.LastSeq < last {
		return fmt.Errorf("%w: it ends at seq=%d, the archive at seq=%d", ErrOtherHistory, state.LastSeq, last)
	}
	return nil
}

// extend archives everything after the archive's end.
func (w *writer) extend(ctx context.Context, to uint64) error {
	if err := w.reopen(ctx); err != nil {
		return err
	}
	r, err := w.read(ctx, w.manifest.LastSeq+1, to)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return w.closeSegment(ctx, to)
		}
		if err != nil {
			return err
		}
		if err := w.open.add(m); err != nil {
			return err
		}
		w.taken++
		if n := w.added + w.taken; n%tellEvery == 0 {
			w.o.Progress(Progress{Seq: m.Seq, Last: to, Messages: n})
		}
		if w.open.content.n < w.o.SegmentBytes || m.Seq == to {
			continue
		}
		if err := errors.Join(w.closeSegment(ctx, m.Seq), ctx.Err()); err != nil {
			return err
		}
		if err := w.openSegment(m.Seq+1, m.Seq+1); err != nil {
			return err
		}
	}
}

// read opens a part of the stream. A hole in an archive means that the message was
// erased, for good: the stream's leader has to say so.
func (w *writer) read(ctx context.Context, from, to uint64) (streams.Source, error) {
	r, err := w.stream.Reader(ctx, streams.ReadOptions{From: from, UpTo: to, InFlight: writeInFlight})
	if err != nil {
		return nil, err
	}
	var src streams.Source = r
	if w.tap != nil {
		src = w.tap(r)
	}
	return w.stream.Witnessed(src, from, to), nil
}

// reopen begins a segment, with what the last one holds if that is not full.
func (w *writer) reopen(ctx context.Context) error {
	next := w.manifest.LastSeq + 1
	n := len(w.manifest.Segments)
	if n == 0 || w.manifest.Segments[n-1].ContentBytes >= w.o.SegmentBytes {
		return w.openSegment(next, next)
	}
	first := w.manifest.Segments[n-1].FirstSeq
	if err := w.openSegment(first, next); err != nil {
		return err
	}
	w.forgottenThere = w.manifest.Segments[n-1].Forgotten
	a := &Archive{dir: w.dir, manifest: w.manifest}
	return a.each(ctx, ReadOptions{From: first}, nil, w.open.add)
}

func (w *writer) openSegment(first, from uint64) (err error) {
	w.open, err = newSegment(w.dir, first)
	w.from, w.taken, w.forgottenThere = from, 0, 0
	return err
}

// closeSegment makes the open segment, which covers everything up to last, a part
// of the archive.
func (w *writer) closeSegment(ctx context.Context, last uint64) error {
	if err := w.notTrimmed(ctx, last); err != nil {
		return err
	}
	open := w.open
	w.open = nil
	s, err := open.finish(last, 0)
	if err != nil {
		return err
	}
	s.Forgotten = w.forgottenThere
	w.o.Crash(crashBeforeManifest)
	m := w.manifest.with(s)
	if err := m.write(w.dir); err != nil {
		return err
	}
	w.manifest, w.added = m, w.added+w.taken
	w.o.Crash(crashAfterManifest)
	w.log.Debug("segment is written", "seq", last)
	return w.clean()
}

// notTrimmed makes sure that what was missing was erased, and not trimmed while
// it was being read.
func (w *writer) notTrimmed(ctx context.Context, last uint64) error {
	if last-w.from+1 == w.taken {
		return nil
	}
	state, err := w.stream.State(ctx)
	if err != nil {
		return err
	}
	if state.FirstSeq > w.from {
		return fmt.Errorf("%w: the stream was trimmed up to seq=%d while it was read", ErrGap, state.FirstSeq-1)
	}
	return nil
}
