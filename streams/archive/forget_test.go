package archive_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// What is erased from the stream is out of the archive with the next export, whose
// other messages stay what they are.
func TestWrite_ForgetsWhatWasErasedSince(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 40)
	erase(t, env, 12) // before it is archived
	write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
	before := open(t, dir).Manifest()
	erase(t, env, 10, 11, 13, 40)
	fill(t, env, "q", 5)

	res := write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000, Erased: archive.KeepErased})
	if res.Forgotten != 0 || res.ErasedSince != 4 || res.Added != 5 {
		t.Errorf("kept: %+v", res)
	}
	res = write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
	if res.Forgotten != 4 || res.ErasedSince != 0 || res.Messages != 40 || res.Erased != 5 {
		t.Errorf("forgotten: %+v", res)
	}
	if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
		t.Errorf("archive %q\nwant %q", got, want)
	}
	noTrace(t, dir, "line 9 of p", "line 39 of p")
	m := open(t, dir).Manifest()
	if m.Version != 2 || before.Version != 1 {
		t.Errorf("version %d, before %d: an older program has to refuse it", m.Version, before.Version)
	}
	for _, s := range before.Segments {
		i := slices.IndexFunc(m.Segments, func(now archive.Segment) bool { return now.FirstSeq == s.FirstSeq })
		touched := s.FirstSeq <= 13 && s.LastSeq >= 10 || s.LastSeq >= 40
		if i < 0 || m.Segments[i].Name == s.Name == touched {
			t.Errorf("segment %s is now %s", s.Name, m.Segments[i].Name)
		}
	}
	if res := write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000}); res.Forgotten != 0 || !slices.Equal(open(t, dir).Manifest().Segments, m.Segments) {
		t.Errorf("a run with nothing to do: %+v", res)
	}
	// A segment that was written anew grows and forgets as any other.
	fill(t, env, "r", 1)
	write(t, env, dir, archive.WriteOptions{})
	erase(t, env, 45)
	write(t, env, dir, archive.WriteOptions{})
	if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
		t.Errorf("archive %q\nwant %q", got, want)
	}
}

// noTrace makes sure that no file of the archive holds the texts.
func noTrace(t *testing.T, dir string, texts ...string) {
	t.Helper()
	if err := open(t, dir).Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	for _, line := range ofArchive(t, dir) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				t.Errorf("the archive holds %q", line)
			}
		}
	}
	if got, want := len(files(t, dir)), len(open(t, dir).Manifest().Segments)+2; got != want {
		t.Errorf("the folder has %q", files(t, dir))
	}
}

// What a trim took is what the archive is for.
func TestWrite_KeepsWhatWasTrimmed(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 40)
	write(t, env, dir, archive.WriteOptions{})
	want := ofStream(t, env)
	trim(t, env, 20)
	erase(t, env, 30, 20) // the latter is the stream's first: it looks like a trim
	if res := write(t, env, dir, archive.WriteOptions{}); res.Forgotten != 1 || res.FirstSeq != 1 || res.Messages != 39 {
		t.Errorf("%+v", res)
	}
	want = slices.Delete(want, 29, 30)
	if got := ofArchive(t, dir); !slices.Equal(got, want) {
		t.Errorf("archive %q\nwant %q", got, want)
	}
	// What the stream does not reach back to is forgotten by name.
	res, err := archive.Forget(t.Context(), dir, []uint64{20, 3, 3, 30}, archive.WriteOptions{})
	if err != nil || res.Forgotten != 2 || res.Messages != 37 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := ofArchive(t, dir); !slices.Equal(got, slices.Delete(slices.Delete(want, 19, 20), 2, 3)) {
		t.Errorf("archive %q", got)
	}
	if err := open(t, dir).Joins(t.Context(), env.Stream); err != nil {
		t.Error(err)
	}
}

// What was forgotten by name, and is in the stream still, hides no erasure.
func TestWrite_ForgetsBesideWhatWasForgottenByName(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 10)
	write(t, env, dir, archive.WriteOptions{})
	if _, err := archive.Forget(t.Context(), dir, []uint64{3}, archive.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	erase(t, env, 5)
	if res := write(t, env, dir, archive.WriteOptions{}); res.Forgotten != 1 || res.Messages != 8 {
		t.Errorf("%+v", res)
	}
	noTrace(t, dir, "line 2 of p", "line 4 of p")
	// The segment grows, and is the same one still.
	fill(t, env, "q", 5)
	write(t, env, dir, archive.WriteOptions{})
	erase(t, env, 12)
	if res := write(t, env, dir, archive.WriteOptions{}); res.Forgotten != 1 || res.Messages != 12 {
		t.Errorf("%+v", res)
	}
	noTrace(t, dir, "line 1 of q")
}

func TestForget_WhatItRefuses(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 9)
	write(t, env, dir, archive.WriteOptions{})
	want := files(t, dir)
	if _, err := archive.Forget(t.Context(), dir, []uint64{4, 10}, archive.WriteOptions{}); !errors.Is(err, archive.ErrOutside) {
		t.Errorf("beyond its end: %v", err)
	}
	if got := files(t, dir); !slices.Equal(got, want) || len(ofArchive(t, dir)) != 9 {
		t.Errorf("it has %q, had %q", got, want)
	}
	empty := t.TempDir()
	if _, err := archive.Forget(t.Context(), empty, []uint64{1}, archive.WriteOptions{}); !errors.Is(err, archive.ErrNoArchive) || len(files(t, empty)) != 0 {
		t.Errorf("a folder without one: %v, %q", err, files(t, empty))
	}
}

// A store that lost a block lists what was in it as erased: the archive may hold the
// only copy.
func TestWrite_DoesNotFollowALargeErasureUnasked(t *testing.T) {
	t.Parallel()
	every := func(n, step int) (seqs []uint64) {
		for i := range n {
			seqs = append(seqs, uint64(2+i*step))
		}
		return seqs
	}
	for _, tt := range []struct {
		name string
		seqs []uint64
		size int // of a message
		cut  int64
		want string
	}{
		{name: "single ones, too many", seqs: every(1001, 2), want: "1001"},
		{name: "a run", seqs: append(every(40, 1), 50), want: "41, of which one after the other seq=2 to seq=41"},
		{name: "a run in two segments", seqs: every(17, 1), cut: 1000, want: "seq=2 to seq=18"},
		{name: "a run of large ones", seqs: every(5, 1), size: 300_000, want: "seq=2 to seq=6"},
		{name: "five single ones", seqs: every(5, 3), size: 300_000},
		{name: "a short run", seqs: every(16, 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, dir := streamstest.New(t), t.TempDir()
			all := int(tt.seqs[len(tt.seqs)-1]) + 9
			fillWith(t, env, "p", all, tt.size)
			write(t, env, dir, archive.WriteOptions{SegmentBytes: tt.cut})
			erase(t, env, tt.seqs...)
			fill(t, env, "q", 3)
			res, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{SegmentBytes: tt.cut})
			n := uint64(len(tt.seqs))
			if tt.want == "" {
				if err != nil || res.Forgotten != n || res.ErasedSince != 0 {
					t.Errorf("%+v, %v", res, err)
				}
			} else {
				if !errors.Is(err, archive.ErrManyErased) || !strings.Contains(err.Error(), tt.want) || res.Added != 3 || res.Messages != uint64(all+3) || res.ErasedSince != n || len(res.ForgottenRuns) > 0 {
					t.Errorf("%+v, %v", res, err)
				}
				res = write(t, env, dir, archive.WriteOptions{SegmentBytes: tt.cut, Erased: archive.ForgetAllErased})
			}
			var forgotten []uint64
			for _, run := range res.ForgottenRuns {
				for seq := run[0]; seq <= run[1]; seq++ {
					forgotten = append(forgotten, seq)
				}
			}
			if !slices.Equal(forgotten, tt.seqs) || len(forgotten) > 1 && tt.seqs[1] == 3 && len(res.ForgottenRuns) > 2 {
				t.Errorf("forgotten are %v", res.ForgottenRuns)
			}
			if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
				t.Errorf("archive of %d messages, want %d", len(got), len(want))
			}
		})
	}
}

// A process may die at every point: the archive is valid, and the next run leaves no
// trace of what is to be forgotten.
func TestWrite_ForgetsAfterACrash(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	fill(t, env, "p", 40)
	dirs := make([]string, 4)
	for i := range dirs {
		dirs[i] = t.TempDir()
		write(t, env, dirs[i], archive.WriteOptions{SegmentBytes: 1000})
	}
	erase(t, env, 5, 30)
	for crashAt, dir := range dirs {
		crash(t, env, dir, crashAt)
		a := open(t, dir)
		if err := a.Verify(t.Context(), nil); err != nil {
			t.Errorf("crash %d: %v", crashAt, err)
		}
		if n := a.Manifest().Messages; n != uint64(40-(crashAt+1)/2) {
			t.Errorf("crash %d: %d messages", crashAt, n)
		}
		write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
		if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
			t.Errorf("crash %d: archive %q\nwant %q", crashAt, got, want)
		}
		noTrace(t, dir, "line 4 of p", "line 29 of p")
	}
}

// Whoever reads meanwhile gets a whole archive: each segment as it was, or as it is.
func TestReader_WhileTheArchiveForgets(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 60)
	write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
	want := ofStream(t, env)
	r, err := open(t, dir).Reader(archive.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for n := range 56 {
		if n == 2 {
			// In the segment that is open, in the next, and in the last one.
			erase(t, env, 4, 10, 20, 59)
			write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
		}
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("after %d messages: %v", n, err)
		}
		got = append(got, fmt.Sprintf("%d %d %q %q %v %q", m.Seq, m.Time.UnixNano(), m.Subject, m.MsgID, m.Header, m.Data))
	}
	got = append(got, all(t, r, nil)...)
	seen := slices.Contains(got, want[3]) // of the file that was open
	for _, seq := range []int{59, 20, 10} {
		want = slices.Delete(want, seq-1, seq)
	}
	if !seen || !slices.Equal(got, want) {
		t.Errorf("read %q\nwant %q", got, want)
	}
}

// What is forgotten is a hole like any other where the stream is made again.
func TestImport_OfAnArchiveThatForgot(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 30)
	write(t, from, dir, archive.WriteOptions{})
	erase(t, from, 7, 8, 30)
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	importInto(t, to, dir)
	if got, want := plain(ofStream(t, to)), plain(ofStream(t, from)); !slices.Equal(got, want) {
		t.Errorf("restored %q\nwant %q", got, want)
	}
	if state, err := to.Stream.State(t.Context()); err != nil || state.LastSeq != 30 || state.Identity.ID != from.Stream.Identity().ID {
		t.Errorf("%+v, %v", state, err)
	}
}
