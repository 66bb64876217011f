package archive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// history fills a stream with what makes a restoration hard.
func history(t *testing.T, env *streamstest.Env) {
	t.Helper()
	trimmed := fill(t, env, "gone", 3)
	fill(t, env, "p", 30)
	trim(t, env, trimmed+1)
	for _, data := range []string{"", "no json", " {}", "\xff", strings.Repeat("x", 2<<20)} {
		env.Append(t, streams.AppendMessage{
			Subject: "rosey.db.cytube.x", Data: []byte(data),
			Header: nats.Header{"traceparent": {"00-1"}, "Rosey-Stored-At": {"2001-01-01T00:00:00Z"}},
		})
	}
	last := fill(t, env, "q", 1300)
	erase(t, env, 10, 11, 12, 40, last-1, last)
}

// plain leaves out the headers that are about the append, which are not kept.
func plain(list []string) []string {
	header := regexp.MustCompile(`(Nats-Expected-[A-Za-z-]+|Nats-Batch-[A-Za-z]+|Rosey-Stored-At):\[[^]]*\] ?`)
	var out []string
	for _, line := range list {
		line = header.ReplaceAllString(line, "")
		out = append(out, strings.ReplaceAll(line, " ]", "]"))
	}
	return out
}

func importInto(t *testing.T, env *streamstest.Env, dir string) archive.Imported {
	t.Helper()
	s, res, err := archive.Import(t.Context(), env.Conn, open(t, dir), archive.ImportOptions{Stream: streams.StreamOptions{MaxBytes: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	env.Stream = s
	return res
}

func TestImport_MakesTheStreamAgain(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	history(t, from)
	write(t, from, dir, archive.WriteOptions{SegmentBytes: 20_000})
	want := plain(ofStream(t, from))
	before, err := from.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	to := streamstest.New(t, streamstest.WithoutStream())
	res := importInto(t, to, dir)
	if res.Messages != uint64(len(want)) || res.From != res.FirstSeq {
		t.Errorf("imported %+v of %d messages", res, len(want))
	}
	if got := plain(ofStream(t, to)); !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("restored %.300s\nwant %.300s", got[i], want[i])
			}
		}
		t.Fatalf("restored %d messages, want %d", len(got), len(want))
	}
	// It is the original in every respect.
	for _, s := range []*streams.Stream{to.Stream, reopened(t, to)} {
		after, err := s.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after.Bytes, after.MaxBytes, after.Deleted = before.Bytes, before.MaxBytes, before.Deleted
		if after.LastTime.After(before.LastTime) || after.FirstSeq != before.FirstSeq {
			t.Errorf("ends at %v, the original at %v", after.LastTime, before.LastTime)
		}
		after.LastTime = before.LastTime // the original's last message is erased
		if after.ImportedFrom != before.FirstSeq {
			t.Errorf("it was made of an archive that begins at seq=%d, want %d", after.ImportedFrom, before.FirstSeq)
		}
		after.ImportedFrom = 0
		if after != before {
			t.Errorf("state %+v\nwant  %+v", after, before)
		}
		if s.Identity() != from.Stream.Identity() {
			t.Errorf("identity %v, want %v", s.Identity(), from.Stream.Identity())
		}
	}
	if diffs, err := streams.Check(t.Context(), to.Conn, streams.StreamOptions{}); err != nil || len(diffs) > 0 {
		t.Errorf("differs from its definition: %v, %v", diffs, err)
	}
	m, err := to.Stream.Get(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	original, err := from.Stream.Get(t.Context(), 20)
	if err != nil || !m.Time.Equal(original.Time) {
		t.Errorf("seq=20 was stored at %v, originally at %v, %v", m.Time, original.Time, err)
	}

	// Both go on alike, and so does the archive.
	fill(t, to, "r", 3)
	if res := write(t, to, dir, archive.WriteOptions{SegmentBytes: 20_000}); res.Added != 3 {
		t.Errorf("the archive went on with %+v", res)
	}
}

// What a restored message lacks is what docs/archive.md says, and nothing else.
func TestImport_KeepsAllOtherHeaders(t *testing.T) {
	t.Parallel()
	kept := nats.Header{
		"traceparent": {"00-1"}, "Nats-Something": {"new"}, "nats-ttl": {"1s"}, "Nats-Scheduled": {"x"}, "Several": {"a", "", "b"},
		"Nats-Marker-Reason": {"Purge"}, "Nats-Rollups": {"x"}, "Rosey-Stored-At-All": {"x"}, "Nats-Msg-Size": {"7"}, "Empty": {""}, "Odd": {"\xfe"},
	}
	lost := nats.Header{
		"Nats-Expected-Stream": {streams.StreamName}, "Nats-Required-Api-Level": {"0"}, "Nats-Trace-Origin-Account": {"x"}, "Rosey-Stored-At": {"2001-01-01T00:00:00Z"},
	}
	both := maps.Clone(kept)
	maps.Copy(both, lost)
	from, dir := streamstest.New(t), t.TempDir()
	from.Append(t, streams.AppendMessage{Subject: "rosey.db.cytube.x", MsgID: "p-1", Data: []byte("x"), Header: both})
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	importInto(t, to, dir)
	m, err := to.Stream.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(m.Header, func(key string, _ []string) bool {
		return strings.HasPrefix(key, "Nats-Batch-") || strings.HasPrefix(key, "Nats-Expected-")
	})
	want := maps.Clone(kept)
	want["Nats-Msg-Id"] = []string{"p-1"}
	if !maps.EqualFunc(m.Header, want, slices.Equal[[]string]) {
		t.Errorf("restored with %q\nwant %q", m.Header, want)
	}
	if archived, err := open(t, dir).Get(t.Context(), 1); err != nil || !maps.EqualFunc(streams.Lasting(archived.Header), kept, slices.Equal[[]string]) || archived.Header.Get("Nats-Expected-Stream") == "" {
		t.Errorf("archived with %q, %v", archived.Header, err)
	}
	// A stream that was changed by hand has what only a server understands.
	for header, gone := range map[string]bool{
		"Nats-TTL": true, "Nats-Schedule": true, "Nats-Schedule-TTL": true, "Nats-Schedule-Target": true, "Nats-Scheduler": true, "Nats-Rollup": true, "Nats-Incr": true,
		"Nats-Counter-Sources": true, "Nats-Batch-Id": true, "Nats-Batch-Commit": true, "Nats-Expected-Last-Msg-Id": true, "Nats-Trace-Dest": true, "Nats-Stream-Source": true, "Nats-Msg-Id": true,
		"Nats-": false, "Nats-Sch": false, "Nats-TTLs": false,
	} {
		if lasting := streams.Lasting(nats.Header{header: {"1"}}); (len(lasting) == 0) != gone {
			t.Errorf("%s: lasting are %v", header, lasting)
		}
	}
}

// A header that somebody changed on the way is noticed as a message would be.
func TestImport_ComparesHeaders(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	from.Append(t, streams.AppendMessage{Subject: "rosey.db.cytube.x", Data: []byte("x"), Header: nats.Header{"traceparent": {"00-1"}}})
	write(t, from, dir, archive.WriteOptions{})
	a, to := open(t, dir), streamstest.New(t, streamstest.WithoutStream())
	im, err := streams.BeginImport(t.Context(), to.Conn, streams.ImportOptions{Identity: a.Identity(), First: a.FirstSeq(), Last: a.LastSeq(), LastTime: a.LastTime()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Header = nats.Header{"traceparent": {"00-2"}}
	if err := im.Append(t.Context(), []streams.Message{*m}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := archive.Import(t.Context(), to.Conn, a, archive.ImportOptions{}); !errors.Is(err, streams.ErrInterfered) {
		t.Errorf("import: %v, want ErrInterfered", err)
	}
}

func reopened(t *testing.T, env *streamstest.Env) *streams.Stream {
	t.Helper()
	s, changes, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
	if err != nil || len(changes) > 0 {
		t.Fatalf("%v, %v", changes, err)
	}
	return s
}

// A later publisher cannot give itself a time.
func TestImport_BelievesTheTimeOfRestoredMessagesAlone(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 5)
	write(t, from, dir, archive.WriteOptions{})
	between := time.Now()
	to := streamstest.New(t, streamstest.WithoutStream())
	importInto(t, to, dir)
	to.Append(t, streams.AppendMessage{
		Subject: "rosey.db.message.log", Data: []byte("{}"), Header: nats.Header{"Rosey-Stored-At": {"2001-01-01T00:00:00Z"}},
	})
	m, err := to.Stream.Get(t.Context(), 6)
	if err != nil || m.Time.Before(between) {
		t.Errorf("seq=6 was stored at %v, %v", m.Time, err)
	}
	cons, err := to.Stream.Consumer(t.Context(), "main", streams.ConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := cons.Start(t.Context(), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop()
	for range 6 {
		m, err := d.Next(t.Context())
		if err != nil || m.Time.Before(between) != (m.Seq <= 5) {
			t.Errorf("seq=%d was stored at %v, %v", m.Seq, m.Time, err)
		}
	}
	r, err := to.Stream.Reader(t.Context(), streams.ReadOptions{Since: between, StopAtEnd: true})
	if got := all(t, r, err); len(got) != 1 || !strings.HasPrefix(got[0], "6 ") {
		t.Errorf("since the import: %q", got)
	}
}

// An event that was appended twice is there twice.
func TestImport_KeepsDuplicates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from := streamstest.New(t)
	cfg := js(t, from).CachedInfo().Config
	cfg.Duplicates = 100 * time.Millisecond
	if _, err := from.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	m := streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: "p-1", Data: []byte(`{"a":1}`)}
	for n := 0; n < 3; {
		ack, err := from.Stream.Append(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if !ack.Duplicate {
			n++
		}
	}
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	importInto(t, to, dir)
	if got, want := plain(ofStream(t, to)), plain(ofStream(t, from)); !slices.Equal(got, want) || len(got) != 3 {
		t.Errorf("restored %q\nwant %q", got, want)
	}
}

// A server or stream without atomic batches takes one message after the other.
func TestImport_WithoutAtomicBatches(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 60)
	erase(t, from, 20, 21, 60)
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t)
	cfg := js(t, to).CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := to.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	a := open(t, dir)
	im, err := streams.BeginImport(t.Context(), to.Conn, streams.ImportOptions{Identity: a.Identity(), First: a.FirstSeq(), Last: a.LastSeq(), LastTime: a.LastTime()})
	if err != nil {
		t.Fatal(err)
	}
	// Setting the stream up allowed them again; an older server would not have.
	cfg = js(t, to).CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := to.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if im.Next() != 1 {
		t.Errorf("begins at seq=%d", im.Next())
	}
	importInto(t, to, dir)
	if got, want := plain(ofStream(t, to)), plain(ofStream(t, from)); !slices.Equal(got, want) {
		t.Errorf("restored %q\nwant %q", got, want)
	}
}

func TestImport_GoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	history(t, from)
	write(t, from, dir, archive.WriteOptions{})
	want := plain(ofStream(t, from))
	to := streamstest.New(t, streamstest.WithoutStream())
	a := open(t, dir)
	im, err := streams.BeginImport(t.Context(), to.Conn, streams.ImportOptions{Identity: a.Identity(), First: a.FirstSeq(), Last: a.LastSeq(), LastTime: a.LastTime()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Reader(archive.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 25 {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Append(t.Context(), []streams.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	// Until it is whole nobody can use it.
	if _, err := streams.Open(t.Context(), to.Conn); !errors.Is(err, streams.ErrImporting) {
		t.Errorf("opened: %v", err)
	}
	if _, _, err := streams.Setup(t.Context(), to.Conn, streams.StreamOptions{}); !errors.Is(err, streams.ErrImporting) {
		t.Errorf("set up: %v", err)
	}
	other := streamstest.New(t)
	fill(t, other, "x", 3)
	foreign := t.TempDir()
	write(t, other, foreign, archive.WriteOptions{})
	if _, _, err := archive.Import(t.Context(), to.Conn, open(t, foreign), archive.ImportOptions{}); !errors.Is(err, streams.ErrNotEmpty) {
		t.Errorf("another archive: %v", err)
	}
	if res := importInto(t, to, dir); res.From <= res.FirstSeq {
		t.Errorf("began again: %+v", res)
	}
	if got := plain(ofStream(t, to)); !slices.Equal(got, want) {
		t.Errorf("restored %d messages, want %d", len(got), len(want))
	}
}

// What an interrupted import left is believed only as far as it is what was
// archived.
func TestImport_RefusesABeginningThatDiffers(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 20)
	write(t, from, dir, archive.WriteOptions{})
	a := open(t, dir)
	for _, change := range []func(*streams.Message){
		func(m *streams.Message) { m.Data = []byte("{}") },
		func(m *streams.Message) { m.Time = m.Time.Add(1) },
		func(m *streams.Message) { m.Seq++ },
	} {
		to := streamstest.New(t, streamstest.WithoutStream())
		im, err := streams.BeginImport(t.Context(), to.Conn, streams.ImportOptions{Identity: a.Identity(), First: a.FirstSeq(), Last: a.LastSeq(), LastTime: a.LastTime()})
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Get(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		if err := im.Append(t.Context(), []streams.Message{*m}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := archive.Import(t.Context(), to.Conn, a, archive.ImportOptions{}); !errors.Is(err, streams.ErrInterfered) {
			t.Errorf("import: %v, want ErrInterfered", err)
		}
	}
}

func TestImport_CancelledAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 4500)
	erase(t, from, 2000, 4499)
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	for _, phase := range []string{archive.PhaseVerifying, archive.PhaseImporting, archive.PhaseComparing} {
		ctx, cancel := context.WithCancel(t.Context())
		_, _, err := archive.Import(ctx, to.Conn, open(t, dir), archive.ImportOptions{Progress: func(p string, _ archive.Progress) {
			if p == phase {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", phase, err)
		}
	}
	importInto(t, to, dir)
	if got, want := plain(ofStream(t, to)), plain(ofStream(t, from)); !slices.Equal(got, want) {
		t.Errorf("restored %d messages, want %d", len(got), len(want))
	}
}

func TestImport_RefusesAStreamWithEvents(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 5)
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t)
	fill(t, to, "other", 1)
	want := ofStream(t, to)
	for i := range 2 {
		if i == 1 {
			erase(t, to, 1) // also one that is empty now had a history
			want = nil
		}
		if _, _, err := archive.Import(t.Context(), to.Conn, open(t, dir), archive.ImportOptions{}); !errors.Is(err, streams.ErrNotEmpty) {
			t.Errorf("imported over a stream: %v", err)
		}
		if got := ofStream(t, to); !slices.Equal(got, want) {
			t.Errorf("the stream holds %q", got)
		}
	}
	// A second time is an import over a stream too.
	fresh := streamstest.New(t) // set up, and nothing in it
	importInto(t, fresh, dir)
	if _, _, err := archive.Import(t.Context(), fresh.Conn, open(t, dir), archive.ImportOptions{}); !errors.Is(err, streams.ErrNotEmpty) {
		t.Errorf("imported twice: %v", err)
	}
}

func TestImport_WritesNothingOfADamagedArchive(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 50)
	write(t, from, dir, archive.WriteOptions{SegmentBytes: 1000})
	segments := open(t, dir).Manifest().Segments
	path := filepath.Join(dir, segments[len(segments)-1].Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	to := streamstest.New(t, streamstest.WithoutStream())
	if _, _, err := archive.Import(t.Context(), to.Conn, open(t, dir), archive.ImportOptions{}); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("imported: %v", err)
	}
	if _, err := streams.Open(t.Context(), to.Conn); !errors.Is(err, streams.ErrNoStream) {
		t.Errorf("a stream is there: %v", err)
	}
}

// Somebody who appends meanwhile makes the import fail, and is never taken for a
// part of the history.
func TestImport_NoticesAnotherPublisher(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	fill(t, from, "p", 4500)
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t)
	told := false
	_, _, err := archive.Import(t.Context(), to.Conn, open(t, dir), archive.ImportOptions{Progress: func(phase string, _ archive.Progress) {
		if phase == archive.PhaseImporting && !told {
			told = true
			fill(t, to, "intruder", 1)
		}
	}})
	if !errors.Is(err, streams.ErrInterfered) {
		t.Errorf("import: %v, want ErrInterfered", err)
	}
	if _, err := streams.Open(t.Context(), to.Conn); !errors.Is(err, streams.ErrImporting) {
		t.Errorf("the stream can be used: %v", err)
	}
}

func TestImport_OfSubjectsThatAreNoEvents(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	cfg := js(t, from).CachedInfo().Config
	cfg.Subjects = append(cfg.Subjects, "other.things.>")
	if _, err := from.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	fill(t, from, "p", 2)
	for i := range 3 {
		from.Append(t, streams.AppendMessage{Subject: fmt.Sprintf("other.things.%d", i), Data: []byte("x")})
	}
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	importInto(t, to, dir)
	if got, want := plain(ofStream(t, to)), plain(ofStream(t, from)); !slices.Equal(got, want) {
		t.Errorf("restored %q\nwant %q", got, want)
	}
	if got := js(t, to).CachedInfo().Config.Subjects; !slices.Equal(got, events.StreamSubjects()) {
		t.Errorf("the stream binds %q", got)
	}
}

func TestImport_OfNothing(t *testing.T) {
	t.Parallel()
	from, dir := streamstest.New(t), t.TempDir()
	write(t, from, dir, archive.WriteOptions{})
	to := streamstest.New(t, streamstest.WithoutStream())
	if res := importInto(t, to, dir); res.Messages != 0 || to.Stream.Identity() != from.Stream.Identity() {
		t.Errorf("imported %+v", res)
	}
	if seq := fill(t, to, "p", 1); seq != 1 {
		t.Errorf("the first event is seq=%d", seq)
	}
}
