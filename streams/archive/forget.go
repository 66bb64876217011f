package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rosey/streams"
)

// Erased says what becomes of archived messages that were erased from the stream
// since.
type Erased int

const (
	// ForgetErased takes them out of the archive too, except where they look as if a
	// damaged store had lost them: that is ErrManyErased, and all of them stay.
	ForgetErased Erased = iota
	// ForgetAllErased takes them out however many they are.
	ForgetAllErased
	// KeepErased leaves them there.
	KeepErased
)

// Forget takes messages out of an archive, whatever the stream has of them: that is
// the way where the stream no longer reaches back to them. It needs no stream. The
// error is ErrOutside for a sequence that the archive does not cover, and nothing
// is changed then; one that it covers and does not hold is none.
func Forget(ctx context.Context, dir string, seqs []uint64, o WriteOptions) (res Written, err error) {
	w := newWriter(dir, nil, o)
	if res, err = w.forgetSeqs(ctx, seqs); err != nil {
		return res, fmt.Errorf("archive: forget in %s: %w", dir, err)
	}
	return res, nil
}

func (w *writer) forgetSeqs(ctx context.Context, seqs []uint64) (res Written, err error) {
	// First of all, so that no lock is left in a folder that is none.
	if _, err := readManifest(w.dir); err != nil {
		return res, err
	}
	release, err := lock(w.dir)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if w.manifest, err = readManifest(w.dir); err != nil {
		return res, err
	}
	if err := w.clean(); err != nil {
		return res, err
	}
	seqs = slices.Compact(slices.Sorted(slices.Values(seqs)))
	runs := make(spans, len(seqs))
	for i, seq := range seqs {
		if seq < w.manifest.FirstSeq || seq > w.manifest.LastSeq {
			return res, fmt.Errorf("seq=%d: %w: it has seq=%d to seq=%d", seq, ErrOutside, w.manifest.FirstSeq, w.manifest.LastSeq)
		}
		runs[i] = [2]uint64{seq, seq}
	}
	found, _, err := w.holding(ctx, runs, 0)
	if err == nil {
		err = w.forget(ctx, runs, found)
	}
	return w.written(), err
}

// forgetErased takes out of the archive what the stream lists as erased. What lies
// before the stream's first message was trimmed, and stays.
func (w *writer) forgetErased(ctx context.Context) error {
	erased, first, err := w.stream.Erased(ctx)
	if err != nil {
		return err
	}
	runs := spans(erased)
	found, lost, err := w.holding(ctx, runs, first)
	if err != nil {
		return err
	}
	for _, h := range found {
		w.erasedSince += h.messages
	}
	switch {
	case w.erasedSince == 0, w.o.Erased == KeepErased:
		return nil
	case w.o.Erased == ForgetAllErased:
	case len(lost.Long()) > 0:
		return fmt.Errorf("%w: %s", ErrManyErased, lost.Describe())
	case lost.Many():
		return fmt.Errorf("%w: %d, in %s", ErrManyErased, w.erasedSince, segments(found))
	}
	return w.forget(ctx, runs, found)
}

// held is a segment and which of the messages in question it holds.
type held struct {
	Segment
	messages uint64
	runs     spans
}

// holding finds the segments that hold messages of the runs, from a sequence on, and
// the runs of which there are any.
func (w *writer) holding(ctx context.Context, runs spans, first uint64) (found []held, lost streams.Erasures, err error) {
	a := &Archive{dir: w.dir, manifest: w.manifest}
	for _, s := range w.manifest.Segments {
		gone := runs.within(max(s.FirstSeq, first), s.LastSeq)
		// What was erased before it was archived is erased still. What was forgotten by
		// name the stream may still hold.
		if gone == 0 || s.Messages == 0 || first > 0 && s.FirstSeq >= first && gone <= s.Erased-s.Forgotten {
			continue
		}
		h := held{Segment: s}
		err := a.each(ctx, ReadOptions{From: max(s.FirstSeq, first), UpTo: s.LastSeq, NoHeaders: true}, nil, func(m streams.Message) error {
			if !runs.has(m.Seq) {
				return nil
			}
			h.messages++
			h.runs = h.runs.with(m.Seq)
			run := runs[runs.at(m.Seq)]
			if n := len(lost); n == 0 || lost[n-1].First != run[0] {
				lost = append(lost, streams.Erasure{First: run[0], Last: run[1]})
			}
			l := &lost[len(lost)-1]
			l.Messages, l.Bytes = l.Messages+1, l.Bytes+uint64(len(m.Data))
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		if h.messages > 0 {
			found = append(found, h)
		}
	}
	return found, lost, nil
}

// forget writes the segments anew without the messages of the runs, one after the
// other: what is done stays done.
func (w *writer) forget(ctx context.Context, runs spans, found []held) error {
	for _, h := range found {
		if err := errors.Join(ctx.Err(), w.rewrite(ctx, h.Segment, runs)); err != nil {
			if w.open != nil {
				err = errors.Join(err, w.open.abandon())
				w.open = nil
			}
			return err
		}
		w.forgotten += h.messages
		for _, run := range h.runs {
			if n := len(w.forgottenRuns); n > 0 && w.forgottenRuns[n-1][1]+1 == run[0] {
				w.forgottenRuns[n-1][1] = run[1]
				continue
			}
			w.forgottenRuns = append(w.forgottenRuns, run)
		}
		w.erasedSince -= min(w.erasedSince, h.messages)
		w.log.Debug("segment forgot messages", "seq", h.LastSeq)
	}
	return nil
}

// rewrite puts another file in the place of a segment. It has another name, so
// that the manifest names a whole one at every moment, and whoever reads the old one
// reads it to its end.
func (w *writer) rewrite(ctx context.Context, old Segment, runs spans) (err error) {
	if w.open, err = newSegment(w.dir, old.FirstSeq); err != nil {
		return err
	}
	a := &Archive{dir: w.dir, manifest: w.manifest}
	err = a.each(ctx, ReadOptions{From: old.FirstSeq, UpTo: old.LastSeq}, nil, func(m streams.Message) error {
		if runs.has(m.Seq) {
			return nil
		}
		return w.open.add(m)
	})
	if err != nil {
		return err
	}
	open := w.open
	w.open = nil
	s, err := open.finish(old.LastSeq, old.Rewritten+1)
	if err != nil {
		return err
	}
	if s.Forgotten = old.Forgotten; w.stream == nil { // by name
		s.Forgotten += s.Erased - old.Erased
	}
	w.o.Crash(crashBeforeForgotten)
	m := w.manifest.instead(s)
	if err := m.write(w.dir); err != nil {
		return err
	}
	w.manifest = m
	w.o.Crash(crashAfterForgotten)
	return w.clean()
}

// segments lists the first of the segments.
func segments(found []held) string {
	text := found[0].Name
	if n := len(found) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// spans are runs of sequences, both ends included and in order.
type spans [][2]uint64

// at is the index of the first run that does not end before a sequence.
func (s spans) at(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s, seq, func(run [2]uint64, seq uint64) int {
		if run[1] < seq {
			return -1
		}
		return 1
	})
	return i
}

// with adds the sequence that follows all others.
func (s spans) with(seq uint64) spans {
	if n := len(s); n > 0 && s[n-1][1]+1 == seq {
		s[n-1][1] = seq
		return s
	}
	return append(s, [2]uint64{seq, seq})
}

func (s spans) has(seq uint64) bool {
	i := s.at(seq)
	return i < len(s) && s[i][0] <= seq
}

// within counts the sequences between two, both included.
func (s spans) within(from, to uint64) (n uint64) {
	for i := s.at(from); i < len(s) && s[i][0] <= to; i++ {
		n += min(s[i][1], to) - max(s[i][0], from) + 1
	}
	return n
}
