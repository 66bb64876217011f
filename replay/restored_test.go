package replay_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// inParts appends an event as the spool does when it is too large.
func inParts(t *testing.T, env *streamstest.Env, producer string, n int) {
	t.Helper()
	whole := message(t, producer, n, events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: json.RawMessage(`[{"media":{"title":"😀 ünï"}}]`)})
	chunks := events.SplitData(whole.Data, 60)
	for i, chunk := range chunks {
		env.Append(t, message(t, producer, n+i, events.KindBotPart, &events.BotPart{
			Of: whole.MsgID, Whole: events.KindPlaylistReplaced, Part: int64(i + 1), Parts: int64(len(chunks)), Data: chunk,
		}))
	}
}

// restored archives the stream and imports it on an empty server.
func restored(t *testing.T, from *streamstest.Env) *streamstest.Env {
	t.Helper()
	dir := t.TempDir()
	a := archived(t, from, dir)
	to := streamstest.New(t, streamstest.WithoutStream())
	s, _, err := archive.Import(t.Context(), to.Conn, a, archive.ImportOptions{Stream: streams.StreamOptions{MaxBytes: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	to.Stream = s
	return to
}

// Archive, empty server, restore: the tables are the same, also for payloads
// without ids or times of their own.
func TestInto_OfARestoredStreamEqualsTheOriginal(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	evening(t, from, "p1", 20)
	odd(t, from)
	inParts(t, from, "p2", 1)
	evening(t, from, "p3", 5)
	from.Append(t, message(t, "p3", 3, events.KindBotStopped, &events.BotStopped{Reason: "the same number again"}))
	inParts(t, from, "p4", 1)
	erase(t, from, 9, 10, 11, 30)
	store := newStore(t)
	project(t, from, store)

	to := restored(t, from)
	got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "restored.db"), accepting(to))
	if err != nil {
		t.Fatal(err)
	}
	want := dump(t, store.Link)
	if dump(t, got.Path) != want {
		t.Errorf("tables of the restored stream:\n%s\nwant:\n%s", dump(t, got.Path), want)
	}
	if got.DeadLetters == 0 || !strings.Contains(want, `stream_holes {"first_seq":9,"last_seq":11}`) || !strings.Contains(want, "old publisher") {
		t.Errorf("the history is too simple: %+v\n%s", got, want)
	}
	// Time travel goes by the original times.
	m, err := from.Stream.Get(t.Context(), 25)
	if err != nil {
		t.Fatal(err)
	}
	cfg := accepting(to)
	cfg.UntilTime = m.Time
	if then, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "then.db"), cfg); err != nil || then.Seq != 25 {
		t.Errorf("until the time of seq=25: %+v, %v", then, err)
	}

	// The original's database goes on with the restored stream, and new events
	// follow.
	evening(t, to, "p5", 5)
	project(t, to, store)
	if v, err := replay.Verify(t.Context(), store, config(to), 5); err != nil || !v.Equal {
		t.Errorf("the original's database with the restored stream: %+v, %v", v, err)
	}
}

// A database that was behind when its stream was lost catches up with the restored
// one.
func TestProjector_AnOlderDatabaseGoesOnWithARestoredStream(t *testing.T) {
	t.Parallel()
	from, store := streamstest.New(t), newStore(t)
	evening(t, from, "p1", 10)
	odd(t, from)
	project(t, from, store)
	odd(t, from)
	evening(t, from, "p2", 10)
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "whole.db"), accepting(from))
	if err != nil {
		t.Fatal(err)
	}
	project(t, restored(t, from), store)
	if dump(t, store.Link) != dump(t, want.Path) {
		t.Errorf("tables:\n%s\nwant:\n%s", dump(t, store.Link), dump(t, want.Path))
	}
}

func TestInto_OfARestoredStreamThatBeginsLate(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	evening(t, from, "p1", 20)
	trim(t, from, 10)
	if _, err := projector.AcceptGap(t.Context(), from.Stream, 0); err != nil {
		t.Fatal(err)
	}
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "original.db"), config(from))
	if err != nil {
		t.Fatal(err)
	}
	got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "restored.db"), config(restored(t, from)))
	if err != nil {
		t.Fatal(err)
	}
	if dump(t, got.Path) != dump(t, want.Path) || got.From != 10 {
		t.Errorf("tables of %+v:\n%s\nwant:\n%s", got, dump(t, got.Path), dump(t, want.Path))
	}
}

// What is restored can be archived and restored again.
func TestInto_OfAStreamThatWasRestoredTwice(t *testing.T) {
	t.Parallel()
	first := streamstest.New(t)
	evening(t, first, "p1", 10)
	odd(t, first)
	second := restored(t, first)
	odd(t, second)
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "second.db"), accepting(second))
	if err != nil {
		t.Fatal(err)
	}
	got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "third.db"), accepting(restored(t, second)))
	if err != nil || dump(t, got.Path) != dump(t, want.Path) {
		t.Errorf("%+v, %v: the tables differ", got, err)
	}
}
