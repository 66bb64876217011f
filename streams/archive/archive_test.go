package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// fill appends chat lines and returns the last sequence.
func fill(t *testing.T, env *streamstest.Env, producer string, n int) uint64 {
	t.Helper()
	return fillWith(t, env, producer, n, 0)
}

// fillWith is fill with messages that are larger by some bytes.
func fillWith(t *testing.T, env *streamstest.Env, producer string, n, size int) uint64 {
	t.Helper()
	list := make([]streams.AppendMessage, n)
	for i := range list {
		list[i] = streams.AppendMessage{
			Subject: "rosey.db.message.log", MsgID: fmt.Sprintf("%s-%d", producer, i+1),
			Data: fmt.Appendf(nil, `{"username":"ann","message":"line %d of %s%s"}`, i, producer, strings.Repeat(".", size)),
		}
	}
	return env.Append(t, list...)
}

func js(t *testing.T, env *streamstest.Env) jetstream.Stream {
	t.Helper()
	s, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func erase(t *testing.T, env *streamstest.Env, seqs ...uint64) {
	t.Helper()
	s := js(t, env)
	for _, seq := range seqs {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
}

// trim makes a sequence the stream's first.
func trim(t *testing.T, env *streamstest.Env, first uint64) {
	t.Helper()
	if err := js(t, env).Purge(t.Context(), jetstream.WithPurgeSequence(first)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, env *streamstest.Env, dir string, o archive.WriteOptions) archive.Written {
	t.Helper()
	res, err := archive.Write(t.Context(), dir, env.Stream, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func open(t *testing.T, dir string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type messages interface {
	Next(ctx context.Context) (streams.Message, error)
	Close()
}

// all describes every message, so that two sources can be compared.
func all(t *testing.T, r messages, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var list []string
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%d %d %q %q %v %q", m.Seq, m.Time.UnixNano(), m.Subject, m.MsgID, m.Header, m.Data))
	}
}

func ofArchive(t *testing.T, dir string) []string {
	t.Helper()
	r, err := open(t, dir).Reader(archive.ReadOptions{})
	return all(t, r, err)
}

func ofStream(t *testing.T, env *streamstest.Env) []string {
	t.Helper()
	r, err := env.Stream.Reader(t.Context(), streams.ReadOptions{StopAtEnd: true})
	return all(t, r, err)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		list = append(list, e.Name())
	}
	return list
}

func TestWrite_HoldsTheStreamAsItIs(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), filepath.Join(t.TempDir(), "archive")
	fill(t, env, "p", 30)
	for _, data := range []string{"", "no json", " {}", "\xff", strings.Repeat("x", 1<<20)} {
		env.Append(t, streams.AppendMessage{Subject: "rosey.db.cytube.x", Data: []byte(data), Header: nats.Header{"traceparent": {"00-1"}}})
	}
	fill(t, env, "q", 30)
	erase(t, env, 1, 7, 8, 9, 65)
	res := write(t, env, dir, archive.WriteOptions{SegmentBytes: 2000})
	want := ofStream(t, env)
	if got := ofArchive(t, dir); !slices.Equal(got, want) {
		t.Errorf("archive:\n%.3000q\nwant:\n%.3000q", got, want)
	}
	if res.FirstSeq != 2 || res.LastSeq != 65 || res.Messages != 60 || res.Erased != 4 || res.Added != 60 || res.Segments < 3 {
		t.Errorf("written %+v", res)
	}
	if err := open(t, dir).Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v", info.Mode(), err)
	}
	files(t, dir)
}

func TestWrite_AddsWhatIsNew(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	o := archive.WriteOptions{SegmentBytes: 4000}
	write(t, env, dir, o) // nothing at all
	for i := range 12 {
		last := fill(t, env, fmt.Sprintf("p%d", i), 7)
		if i == 5 {
			erase(t, env, last) // it had better not count as the end
		}
		if res := write(t, env, dir, o); res.LastSeq != last || res.Added == 0 {
			t.Fatalf("run %d: %+v, want the end at seq=%d", i, res, last)
		}
	}
	if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
		t.Errorf("archive:\n%q\nwant:\n%q", got, want)
	}
	before := files(t, dir)
	segments := open(t, dir).Manifest().Segments
	for _, s := range segments[:len(segments)-1] {
		if s.ContentBytes < o.SegmentBytes {
			t.Errorf("segment %s is small and not the last", s.Name)
		}
	}
	if len(before) != len(segments)+2 {
		t.Errorf("files %q for %d segments", before, len(segments))
	}
	if res := write(t, env, dir, o); res.Added != 0 || !slices.Equal(files(t, dir), before) {
		t.Errorf("another run: %+v", res)
	}
}

func TestWrite_UpToASequence(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 20)
	if res := write(t, env, dir, archive.WriteOptions{To: 12}); res.LastSeq != 12 || res.Messages != 12 {
		t.Errorf("written %+v", res)
	}
	if res := write(t, env, dir, archive.WriteOptions{To: 5}); res.LastSeq != 12 || res.Added != 0 {
		t.Errorf("written %+v", res)
	}
	if res := write(t, env, dir, archive.WriteOptions{To: 99}); res.LastSeq != 20 || res.Added != 8 {
		t.Errorf("written %+v", res)
	}
}

func TestWrite_GoesOnAfterATrimOfWhatIsArchived(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 20)
	want := ofStream(t, env)
	write(t, env, dir, archive.WriteOptions{})
	trim(t, env, 21)
	fill(t, env, "q", 5)
	write(t, env, dir, archive.WriteOptions{})
	trim(t, env, 23)
	write(t, env, dir, archive.WriteOptions{})
	if got := ofArchive(t, dir); len(got) != 25 || !slices.Equal(got[:20], want) {
		t.Errorf("archive of %d messages:\n%q", len(got), got)
	}
}

func TestWrite_RefusesWhatDoesNotContinueTheArchive(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 20)
	write(t, env, dir, archive.WriteOptions{})
	other := streamstest.New(t)
	fill(t, other, "p", 30)
	if _, err := archive.Write(t.Context(), dir, other.Stream, archive.WriteOptions{}); !errors.Is(err, archive.ErrOtherStream) {
		t.Errorf("another stream: %v", err)
	}
	fill(t, env, "q", 10)
	trim(t, env, 23)
	if _, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{}); !errors.Is(err, archive.ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write(t.Context(), foreign, env.Stream, archive.WriteOptions{}); !errors.Is(err, archive.ErrNotEmpty) {
		t.Errorf("a folder of other files: %v", err)
	}
}

// A stream that was restored to an older state and went on has the same identity.
func TestWrite_RefusesAnotherHistory(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 20)
	write(t, env, dir, archive.WriteOptions{})
	id := env.Stream.Identity().ID
	if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	s, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	cfg := js(t, env).CachedInfo().Config
	cfg.Metadata["rosey_identity"] = id
	if _, err := env.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	env.Stream = s
	fill(t, env, "r", 10)
	if _, err := archive.Write(t.Context(), dir, s, archive.WriteOptions{}); !errors.Is(err, archive.ErrOtherHistory) {
		t.Errorf("an older stream: %v", err)
	}
	fill(t, env, "s", 20)
	if _, err := archive.Write(t.Context(), dir, s, archive.WriteOptions{}); !errors.Is(err, archive.ErrOtherHistory) {
		t.Errorf("another history: %v", err)
	}
}

// At every point a process may die: what is there is a valid archive, and the next
// run goes on and clears up.
func TestWrite_IsValidAfterACrash(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	fill(t, env, "p", 40)
	for crashAt := range 12 {
		dir := t.TempDir()
		write(t, env, dir, archive.WriteOptions{To: 7})
		crash(t, env, dir, crashAt)
		a := open(t, dir)
		if err := a.Verify(t.Context(), nil); err != nil {
			t.Errorf("crash %d: %v", crashAt, err)
		}
		write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
		if got, want := ofArchive(t, dir), ofStream(t, env); !slices.Equal(got, want) {
			t.Errorf("crash %d: archive %q\nwant %q", crashAt, got, want)
		}
		if got, want := len(files(t, dir)), len(open(t, dir).Manifest().Segments)+2; got != want {
			t.Errorf("crash %d left %q", crashAt, files(t, dir))
		}
	}
}

// crash runs Write until the n-th point, and leaves everything as it is then.
func crash(t *testing.T, env *streamstest.Env, dir string, n int) {
	t.Helper()
	died := errors.New("died")
	defer func() {
		if r := recover(); r != nil && r != any(died) {
			panic(r)
		}
	}()
	_, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{SegmentBytes: 1000, Crash: func(string) {
		if n--; n < 0 {
			// The drafts of a process that dies stay behind.
			if err := os.WriteFile(filepath.Join(dir, ".segment-1.new"), []byte("x"), 0o600); err != nil {
				t.Error(err)
			}
			panic(died)
		}
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestWrite_OneAtATime(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 5)
	var second error
	write(t, env, dir, archive.WriteOptions{Crash: func(string) {
		_, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{})
		second = errors.Join(second, err)
	}})
	if !errors.Is(second, archive.ErrInUse) {
		t.Errorf("a second one meanwhile: %v", second)
	}
}

func TestWrite_InterruptedKeepsWhatIsWhole(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 60)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := archive.Write(ctx, dir, env.Stream, archive.WriteOptions{SegmentBytes: 1000, Crash: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	a := open(t, dir)
	if err := a.Verify(t.Context(), nil); err != nil || a.LastSeq() == 0 || a.LastSeq() == 60 {
		t.Errorf("up to seq=%d, %v", a.LastSeq(), err)
	}
	for _, name := range files(t, dir) {
		if strings.HasSuffix(name, ".new") {
			t.Errorf("%s is left", name)
		}
	}
}

// Whatever happens to a file, the reader names it.
func TestReader_NamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 40)
	write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
	segment := open(t, dir).Manifest().Segments[1]
	path := filepath.Join(dir, segment.Name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		bad := slices.Clone(whole)
		bad[at] ^= 0x10
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		err := open(t, dir).Verify(t.Context(), nil)
		var damage *archive.DamageError
		if !errors.As(err, &damage) || damage.File != segment.Name {
			t.Fatalf("byte %d: %v", at, err)
		}
		if m, err := open(t, dir).Get(t.Context(), segment.FirstSeq); !errors.Is(err, archive.ErrDamaged) {
			t.Fatalf("byte %d: one message of it: %+v, %v", at, m, err)
		}
	}
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(dir); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a short segment: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(dir); !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), segment.Name) {
		t.Errorf("a missing segment: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(dir); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("another manifest: %v", err)
	}
	if _, err := archive.Open(t.TempDir()); !errors.Is(err, archive.ErrNoArchive) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no archive: %v", err)
	}
}

// The last segment is written anew with each addition while it is small.
func TestReader_GoesOnWhileTheArchiveGrows(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), filepath.Join(t.TempDir(), "archive")
	fill(t, env, "a", 5)
	write(t, env, dir, archive.WriteOptions{SegmentBytes: 300})
	old, want := open(t, dir), ofArchive(t, dir)
	r, err := old.Reader(archive.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		fill(t, env, fmt.Sprint("more", i), 2)
		write(t, env, dir, archive.WriteOptions{SegmentBytes: 300})
	}
	if got := all(t, r, nil); !slices.Equal(got, want[1:]) {
		t.Errorf("reading on: %q\nwant %q", got, want[1:])
	}
	again, err := old.Reader(archive.ReadOptions{})
	if got := all(t, again, err); !slices.Equal(got, want) {
		t.Errorf("read anew: %q\nwant %q", got, want)
	}
	if err := old.Verify(t.Context(), nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	if m, err := old.Get(t.Context(), old.LastSeq()); err != nil || m.Seq != 5 {
		t.Errorf("get: %v, %v", m, err)
	}
	// What is really gone is still damage.
	last := open(t, dir).Manifest().Segments
	if err := os.Remove(filepath.Join(dir, last[len(last)-1].Name)); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(dir); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("opened without its last segment: %v", err)
	}
}

func TestOpen_WhileTheArchiveGrows(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), filepath.Join(t.TempDir(), "archive")
	fill(t, env, "a", 1)
	write(t, env, dir, archive.WriteOptions{})
	added := make(chan error, 1)
	go func() {
		var err error
		for i := range 20 {
			if err != nil {
				break
			}
			if _, err = env.Conn.JetStream().Publish(context.Background(), "rosey.db.message.log", fmt.Append(nil, i)); err == nil {
				_, err = archive.Write(context.Background(), dir, env.Stream, archive.WriteOptions{})
			}
		}
		added <- err
	}()
	for {
		select {
		case err := <-added:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		a, err := archive.Open(dir)
		if err == nil {
			err = a.Verify(t.Context(), nil)
		}
		if err != nil {
			<-added
			t.Fatal(err)
		}
	}
}

// What is trimmed before it was read looks like erased, and is not.
func TestWrite_NoticesATrimMeanwhile(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), filepath.Join(t.TempDir(), "archive")
	last := fill(t, env, "a", 20_000)
	trimmed := false
	_, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{Progress: func(archive.Progress) {
		if !trimmed {
			trimmed = true
			trim(t, env, last)
		}
	}})
	if !trimmed || !errors.Is(err, archive.ErrGap) {
		t.Errorf("trimmed %t, %v: want ErrGap", trimmed, err)
	}
	if a := open(t, dir); a.LastSeq() != 0 || len(a.Manifest().Segments) != 0 {
		t.Errorf("the archive reaches to seq=%d", a.LastSeq())
	}
}

func TestReader_ReadsARange(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	fill(t, env, "p", 40)
	erase(t, env, 20)
	write(t, env, dir, archive.WriteOptions{SegmentBytes: 1000})
	a := open(t, dir)
	want := ofStream(t, env)
	r, err := a.Reader(archive.ReadOptions{From: 15, UpTo: 25})
	if got := all(t, r, err); !slices.Equal(got, want[14:24]) {
		t.Errorf("got %q, want %q", got, want[14:24])
	}
	if m, err := a.Get(t.Context(), 33); err != nil || m.Seq != 33 || m.MsgID != "p-33" {
		t.Errorf("got %v, %v", m, err)
	}
	if _, err := a.Get(t.Context(), 20); !errors.Is(err, streams.ErrMessageNotFound) {
		t.Errorf("an erased one: %v", err)
	}
	if _, err := a.Reader(archive.ReadOptions{From: 10, UpTo: 41}); !errors.Is(err, archive.ErrOutside) {
		t.Errorf("beyond the end: %v", err)
	}
}
