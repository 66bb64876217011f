package replay_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// dead is a store with three dead letters: one that this program can apply after
// all, as if an older one had made the tables; one that cannot be read; and one
// that a projection rejects.
type dead struct {
	env                    *streamstest.Env
	store                  schema.Store
	fine, unread, rejected uint64
}

func newDead(t *testing.T, change ...func(*dead)) *dead {
	t.Helper()
	d := &dead{env: streamstest.New(t), store: schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, rejected: 1}
	for _, f := range change {
		f(d)
	}
	evening(t, d.env, "A", 5)
	d.fine = 6
	d.unread = d.env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), Data: []byte("{")})
	if d.rejected > 0 {
		d.rejected = d.env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMarkSent), Data: []byte(`{"message":"x"}`)})
	}
	evening(t, d.env, "B", 3)
	if _, err := replay.Swap(t.Context(), d.store, d.config()); err != nil {
		t.Fatal(err)
	}
	d.change(t, fmt.Sprintf("INSERT INTO dead_letters VALUES (%d, 'rosey.db.message.log', 'A-6', 1, 'decode', 'an older program', '{}')", d.fine))
	return d
}

func (d *dead) config() replay.Config { return replay.Config{Stream: d.env.Stream} }

func (d *dead) change(t *testing.T, statement string) {
	t.Helper()
	g, err := d.store.Current()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.OpenWriter(t.Context(), g.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// letters are the dead letters of the current database, and its file.
func (d *dead) letters(t *testing.T) (map[uint64]string, string) {
	t.Helper()
	g, err := d.store.Current()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.OpenReader(t.Context(), g.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	list, err := replay.DeadLetters(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return list, g.Path
}

func TestRetry_AppliesByARebuildAlone(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	res, err := replay.Retry(t.Context(), d.store, d.config(), []uint64{d.fine})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Applied) != 1 || res.Applied[0] != d.fine || len(res.Failing) != 0 || res.Rebuild == nil {
		t.Errorf("it came to %+v", res)
	}
	got, path := d.letters(t)
	if want := fmt.Sprint(map[uint64]string{d.unread: projector.ClassDecode, d.rejected: projector.ClassFold}); fmt.Sprint(got) != want {
		t.Errorf("dead letters %v, want %s", got, want)
	}
	if path != res.Rebuild.Path {
		t.Errorf("readers see %s, rebuilt was %s", path, res.Rebuild.Path)
	}
	v, err := replay.Verify(t.Context(), d.store, d.config(), 3)
	if err != nil || !v.Equal {
		t.Errorf("the tables differ from the stream: %+v, %v", v, err)
	}
}

// What the stream no longer holds is tried as the archive has it.
func TestRetry_OfWhatOnlyTheArchiveHolds(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	cfg := d.config()
	cfg.Archive = archived(t, d.env, t.TempDir())
	erase(t, d.env, d.rejected) // the stream decides about what it reaches back to
	trim(t, d.env, d.fine+2)
	without := d.config()
	if res, err := replay.Retry(t.Context(), d.store, without, []uint64{d.fine}); !errors.Is(err, replay.ErrStillFails) || res.Failing[0].Class != replay.ClassErased {
		t.Errorf("without the archive: %+v, %v", res, err)
	}
	other := cfg
	foreign := streamstest.New(t)
	evening(t, foreign, "F", 3)
	other.Archive = archived(t, foreign, t.TempDir())
	if _, err := replay.Retry(t.Context(), d.store, other, []uint64{d.fine}); !errors.Is(err, archive.ErrOtherStream) {
		t.Errorf("another stream's archive: %v", err)
	}
	res, err := replay.Retry(t.Context(), d.store, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Applied) != 1 || res.Applied[0] != d.fine || len(res.Failing) != 2 || res.Failing[0].Class != projector.ClassDecode || res.Failing[1].Class != replay.ClassErased {
		t.Errorf("it came to %+v", res)
	}
	if got, _ := d.letters(t); len(got) != 1 || got[d.unread] == "" {
		t.Errorf("dead letters %v", got)
	}
}

func TestRetry_LeavesTheTablesWhereItStillFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		seqs func(d *dead) []uint64
		want func(error) bool
	}{
		{"cannot be read", func(d *dead) []uint64 { return []uint64{d.unread} }, is(replay.ErrStillFails)},
		{"one of two cannot be read", func(d *dead) []uint64 { return []uint64{d.fine, d.unread} }, is(replay.ErrStillFails)},
		{"is rejected in the rebuild", func(d *dead) []uint64 { return []uint64{d.rejected} }, is(replay.ErrStillFails)},
		{"one of two is rejected in the rebuild", func(d *dead) []uint64 { return []uint64{d.fine, d.rejected} }, is(replay.ErrStillFails)},
		{"is none", func(*dead) []uint64 { return []uint64{2} }, is(replay.ErrNoDeadLetter)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDead(t)
			before, path := d.letters(t)
			res, err := replay.Retry(t.Context(), d.store, d.config(), tt.seqs(d))
			if !tt.want(err) || res.Rebuild != nil {
				t.Errorf("it came to %+v, %v", res, err)
			}
			if after, now := d.letters(t); fmt.Sprint(after) != fmt.Sprint(before) || now != path {
				t.Errorf("dead letters %v in %s, before %v in %s", after, now, before, path)
			}
		})
	}
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

// failing reports whether it names these, and no other.
func failing(res replay.Retried, seqs ...uint64) bool {
	return slices.EqualFunc(res.Failing, seqs, func(f replay.Failing, seq uint64) bool { return f.Seq == seq && f.Class != "" && f.Reason != "" })
}

// What a stopped projector has not come to yet would become a dead letter: a
// rebuild to the end of the stream is not kept from by that.
func TestRetry_AllowsFailuresBeyondTheCheckpoint(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	later := d.env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), Data: []byte("{")})
	res, err := replay.Retry(t.Context(), d.store, d.config(), []uint64{d.fine})
	if err != nil || len(res.Applied) != 1 {
		t.Fatalf("it came to %+v, %v", res, err)
	}
	if got, _ := d.letters(t); got[later] != projector.ClassDecode || len(got) != 3 {
		t.Errorf("dead letters %v, want seq=%d among three", got, later)
	}
}

// What the tables hold is not given up for a dead letter.
func TestRetry_StopsAtAFailureThatIsNew(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	d.change(t, fmt.Sprintf("DELETE FROM dead_letters WHERE seq = %d", d.unread))
	before, path := d.letters(t)
	var failed *projector.NewFailureError
	if res, err := replay.Retry(t.Context(), d.store, d.config(), []uint64{d.fine}); !errors.As(err, &failed) || failed.Seq != d.unread {
		t.Errorf("it came to %+v, %v, want a NewFailureError at seq=%d", res, err, d.unread)
	}
	if after, now := d.letters(t); fmt.Sprint(after) != fmt.Sprint(before) || now != path {
		t.Errorf("dead letters %v in %s, before %v in %s", after, now, before, path)
	}
}

func TestRetry_AllLeavesOutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	res, err := replay.Retry(t.Context(), d.store, d.config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Applied) != 1 || res.Applied[0] != d.fine || !failing(res, d.unread, d.rejected) {
		t.Errorf("it came to %+v", res)
	}
	if got, _ := d.letters(t); got[d.unread] != projector.ClassDecode || got[d.rejected] != projector.ClassFold || len(got) != 2 {
		t.Errorf("dead letters %v", got)
	}
	_, path := d.letters(t)
	if res, err = replay.Retry(t.Context(), d.store, d.config(), nil); !errors.Is(err, replay.ErrStillFails) || !failing(res, d.unread, d.rejected) {
		t.Errorf("with nothing else left it came to %+v, %v", res, err)
	}
	if _, now := d.letters(t); now != path {
		t.Errorf("with nothing gained the tables are %s, before %s", now, path)
	}
}

func TestRetry_WhileAProjectorRuns(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	p, err := projector.New(t.Context(), projector.Config{Stream: d.env.Stream, Store: d.store})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var inUse *schema.InUseError
	if _, err := replay.Retry(t.Context(), d.store, d.config(), []uint64{d.fine}); !errors.As(err, &inUse) {
		t.Errorf("beside a projector: %v, want an InUseError", err)
	}
	cancel()
	if err := errors.Join(<-done, p.Close()); err != nil {
		t.Error(err)
	}
}
