package replay_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// archived archives the stream as it is now.
func archived(t *testing.T, env *streamstest.Env, dir string) *archive.Archive {
	t.Helper()
	if _, err := archive.Write(t.Context(), dir, env.Stream, archive.WriteOptions{SegmentBytes: 2000}); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// odd appends what older and foreign publishers send: no ids, no times of their
// own, and what cannot be read at all.
func odd(t *testing.T, env *streamstest.Env) {
	t.Helper()
	for _, data := range []string{
		`{"username":"zoe","msg":"from an old publisher"}`, `no json`, ``, `{"username":"zoe","message":"again"}`, "{\"username\":\"\xff\"}",
	} {
		env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), Data: []byte(data)})
	}
}

func TestInto_FromAnArchiveEqualsTheDatabaseBeforeTheTrim(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 30)
	odd(t, env)
	evening(t, env, "p2", 30)
	erase(t, env, 12, 50)
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "before.db"), accepting(env))
	if err != nil {
		t.Fatal(err)
	}
	a := archived(t, env, t.TempDir())
	for _, first := range []uint64{10, 13, 51, 70} {
		trim(t, env, first)
		cfg := accepting(env)
		cfg.Archive = a
		got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "after.db"), cfg)
		if err != nil {
			t.Fatalf("trimmed to seq=%d: %v", first, err)
		}
		if dump(t, got.Path) != dump(t, want.Path) || got.From != 1 || got.DeadLetters != want.DeadLetters {
			t.Errorf("trimmed to seq=%d: %+v differs from %+v", first, got, want)
		}
		cfg.UntilSeq = 8
		if got, err = replay.Into(t.Context(), filepath.Join(t.TempDir(), "early.db"), cfg); err != nil || got.Seq != 8 {
			t.Errorf("to the 8th of a stream from seq=%d on: %+v, %v", first, got, err)
		}
	}
}

// accepting goes on at events that cannot be applied.
func accepting(env *streamstest.Env) replay.Config {
	cfg := config(env)
	cfg.AcceptFailures = true
	return cfg
}

// What was erased from the stream after it was archived stays erased for as long
// as the stream reaches there.
func TestInto_AnArchiveBringsNothingErasedBack(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 30)
	a := archived(t, env, t.TempDir())
	erase(t, env, 20)
	trim(t, env, 10)
	cfg := config(env)
	cfg.Archive = a
	res, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(t, res.Path); !strings.Contains(got, `stream_holes {"first_seq":20,"last_seq":20}`) || strings.Contains(got, `stream_holes {"first_seq":1,`) {
		t.Errorf("holes:\n%s", got)
	}
}

func TestSwap_FromAnArchive(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 30)
	project(t, env, store)
	a := archived(t, env, t.TempDir())
	evening(t, env, "p2", 10)
	evening(t, env, "p3", 10)
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "whole.db"), config(env))
	if err != nil {
		t.Fatal(err)
	}
	trim(t, env, a.LastSeq()+1)
	cfg := config(env)
	cfg.Archive = a
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.Kept != "" {
		t.Fatalf("%+v, %v", res, err)
	}
	if dump(t, store.Link) != dump(t, want.Path) {
		t.Error("the rebuilt database differs from one made before the trim")
	}
	if v, err := replay.Verify(t.Context(), store, cfg, 5); err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
	project(t, env, store) // and it goes on
}

// A database whose checkpoint lies before the stream's beginning is replaced where
// the archive holds what is in between.
func TestSwap_AnArchiveBridgesATrimAboveTheCheckpoint(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	evening(t, env, "p2", 10)
	a := archived(t, env, t.TempDir())
	evening(t, env, "p3", 10)
	trim(t, env, a.LastSeq())
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.Is(err, projector.ErrTrimmed) {
		t.Fatalf("without the archive: %v", err)
	}
	cfg := config(env)
	cfg.Archive = a
	if res, err := replay.Swap(t.Context(), store, cfg); err != nil || res.From != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	project(t, env, store)
}

func TestInto_RefusesAnArchiveThatDoesNotJoin(t *testing.T) {
	t.Parallel()
	env, other := streamstest.New(t), streamstest.New(t)
	evening(t, env, "p1", 20)
	evening(t, other, "p1", 20)
	mine, theirs := archived(t, env, t.TempDir()), archived(t, other, t.TempDir())
	evening(t, env, "p2", 20)
	trim(t, env, mine.LastSeq()+2)
	for _, c := range []struct {
		a      *archive.Archive
		reason error
	}{{mine, archive.ErrGap}, {theirs, archive.ErrOtherStream}} {
		cfg := config(env)
		cfg.Archive = c.a
		_, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), cfg)
		var refused *projector.StartError
		if !errors.Is(err, c.reason) || !errors.As(err, &refused) || refused.Remedy == "" {
			t.Errorf("%v, want %v with a remedy", err, c.reason)
		}
	}
}

// An archive that begins late needs the decision about what is missing, wherever
// that is by now.
func TestInto_AnArchiveAfterAnAcceptedGap(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	trim(t, env, 10)
	early := archived(t, env, t.TempDir())
	if _, err := projector.AcceptGap(t.Context(), env.Stream, 0); err != nil {
		t.Fatal(err)
	}
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "before.db"), config(env))
	if err != nil {
		t.Fatal(err)
	}
	late := archived(t, env, t.TempDir())
	trim(t, env, early.LastSeq()+1)
	for _, a := range []*archive.Archive{early, late} { // the decision is in the stream, then in both
		cfg := config(env)
		cfg.Archive = a
		got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "after.db"), cfg)
		if err != nil || dump(t, got.Path) != dump(t, want.Path) || got.From != 10 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	evening(t, env, "p2", 5)
	trim(t, env, late.LastSeq()+1) // now it is in the archive alone
	cfg := config(env)
	cfg.Archive, cfg.UntilSeq = late, want.Seq
	got, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "later.db"), cfg)
	if err != nil || dump(t, got.Path) != dump(t, want.Path) {
		t.Errorf("%+v, %v", got, err)
	}
	cfg.Archive, cfg.UntilSeq = early, 0
	if _, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "gap.db"), cfg); !errors.Is(err, archive.ErrGap) {
		t.Errorf("with the earlier archive: %v", err)
	}
}

// Another version of the program remakes its tables by itself where an archive
// holds what the stream no longer does.
func TestSupervisor_RemakesTheTablesWithAnArchive(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	before := dump(t, store.Link)
	a := archived(t, env, t.TempDir())
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	trim(t, env, 15)
	cfg := supervisorConfig(env, store)
	cfg.Archive = a.Dir()
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	if w := s.ended(t); w.Reason != replay.ReasonProgram || w.Error != "" || w.Result == nil || w.Result.From != 1 {
		t.Errorf("the work was %+v", w)
	}
	if dump(t, store.Link) != before {
		t.Errorf("tables:\n%s\nwant:\n%s", dump(t, store.Link), before)
	}
	if o := schematest.Read(t, store.Link, schema.ReadOrigin); o.Archive != a.Dir() || o.FromSeq != 1 {
		t.Errorf("made of %+v", o)
	}
	// And by request, while events arrive.
	evening(t, env, "p2", 5)
	if w := s.do(t, replay.Request{Kind: replay.KindRebuild, Archive: a.Dir()}); w.Result.From != 1 || w.Result.Kept != "" {
		t.Errorf("the work came to %+v", w.Result)
	}
	s.caughtUp(t, env)
	if v, err := replay.Verify(t.Context(), store, archiveConfig(env, a), 5); err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
}

func archiveConfig(env *streamstest.Env, a *archive.Archive) replay.Config {
	cfg := config(env)
	cfg.Archive = a
	return cfg
}

// An interrupted rebuild from an archive goes on where it was.
func TestInto_FromAnArchiveGoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 200)
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "whole.db"), config(env))
	if err != nil {
		t.Fatal(err)
	}
	a := archived(t, env, t.TempDir())
	trim(t, env, 150)
	for _, after := range []uint64{50, 160} {
		path := filepath.Join(t.TempDir(), "resumed.db")
		ctx, cancel := context.WithCancel(t.Context())
		cfg := archiveConfig(env, a)
		cfg.BatchSize = 10
		n := uint64(0)
		cfg.Crash = func(point string) {
			if point == "projector.after_commit" {
				if n += 10; n == after {
					cancel()
				}
			}
		}
		_, err := replay.Into(ctx, path, cfg)
		var interrupted *replay.InterruptedError
		if !errors.As(err, &interrupted) || !interrupted.Kept {
			t.Fatalf("after seq=%d: %v", after, err)
		}
		cancel()
		cfg.Crash = nil
		got, err := replay.Into(t.Context(), path, cfg)
		if err != nil || dump(t, got.Path) != dump(t, want.Path) {
			t.Errorf("resumed after seq=%d: %+v, %v", after, got, err)
		}
	}
}

// What is trimmed while it is read looks like erased, whatever a later archive has
// of it.
func TestInto_IsNotGoneOnWithWhereTheStreamWasTrimmedMeanwhile(t *testing.T) {
	t.Parallel()
	env, dir, file := streamstest.New(t), t.TempDir(), filepath.Join(t.TempDir(), "into.db")
	evening(t, env, "p1", 30)
	cfg := config(env)
	cfg.Archive = archived(t, env, dir)
	trim(t, env, 10)
	interrupted(t, file, cfg)
	evening(t, env, "p2", 5)
	cfg.Archive = archived(t, env, dir)
	trim(t, env, 14)
	if res, err := replay.Into(t.Context(), file, cfg); err != nil || res.ResumedAfter != 0 {
		t.Errorf("went on after seq=%d, %v, want that it begins anew", res.ResumedAfter, err)
	}
}

// Whoever names the wrong archive learns it before it is needed.
func TestInto_AnArchiveThatIsNotNeededIsLookedAt(t *testing.T) {
	t.Parallel()
	env, other := streamstest.New(t), streamstest.New(t)
	evening(t, env, "p1", 20)
	evening(t, other, "p1", 20)
	mine, theirs := archived(t, env, t.TempDir()), archived(t, other, t.TempDir())
	if _, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), archiveConfig(env, theirs)); !errors.Is(err, archive.ErrOtherStream) {
		t.Errorf("with the archive of another stream: %v", err)
	}
	res, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), archiveConfig(env, mine))
	if err != nil || !res.ArchiveNotNeeded || res.Archive != "" {
		t.Errorf("with its own: %+v, %v", res, err)
	}
	trim(t, env, 5)
	late := archived(t, env, t.TempDir())
	res, err = replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), archiveConfig(env, mine))
	if err != nil || res.ArchiveNotNeeded || res.Archive != mine.Dir() {
		t.Errorf("once it is needed: %+v, %v", res, err)
	}
	// One that begins no earlier than the stream is of no help, and it is said why.
	for _, first := range []uint64{5, 8} {
		trim(t, env, first)
		_, err = replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), archiveConfig(env, late))
		if !errors.Is(err, projector.ErrTrimmed) || !strings.Contains(err.Error(), "the archive holds seq=5 to seq=") {
			t.Errorf("an archive from seq=5 on, a stream from seq=%d on: %v", first, err)
		}
	}
}

// What an archive has forgotten since is not in the tables of a rebuild that goes on.
func TestInto_IsNotGoneOnWithWhereTheArchiveForgotMeanwhile(t *testing.T) {
	t.Parallel()
	env, dir, file := streamstest.New(t), t.TempDir(), filepath.Join(t.TempDir(), "into.db")
	evening(t, env, "p1", 30)
	cfg := archiveConfig(env, archived(t, env, dir))
	trim(t, env, 20)
	interrupted(t, file, cfg)
	if _, err := archive.Forget(t.Context(), dir, []uint64{4}, archive.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Archive = a
	got, err := replay.Into(t.Context(), file, cfg)
	if err != nil || got.ResumedAfter != 0 {
		t.Errorf("went on after seq=%d, %v, want that it begins anew", got.ResumedAfter, err)
	}
	want, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "whole.db"), cfg)
	if err != nil || dump(t, got.Path) != dump(t, want.Path) {
		t.Errorf("it has other tables than one from nothing: %v", err)
	}
}

// An archive that is of no use is told at the start, with what to do, and keeps nobody
// from projecting; while tables wait for it, the log says what to do as well.
func TestSupervisor_AWrongArchiveIsToldAtOnce(t *testing.T) {
	t.Parallel()
	env, other := streamstest.New(t), streamstest.New(t)
	evening(t, env, "p1", 5)
	evening(t, other, "p1", 5)
	for name, tt := range map[string]struct{ folder, cause, next string }{
		"nowhere":        {filepath.Join(t.TempDir(), "nowhere"), archive.ErrNoArchive.Error(), "name the folder of the archive"},
		"another stream": {archived(t, other, t.TempDir()).Dir(), archive.ErrOtherStream.Error(), "name the archive of this stream"},
		"the right one":  {folder: archived(t, env, t.TempDir()).Dir()},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			var log suite.Output
			cfg := supervisorConfig(env, store)
			cfg.Archive, cfg.Projector.Instance, cfg.Projector.Logger = tt.folder, "told", slog.New(slog.NewTextHandler(&log, nil))
			s := supervise(t, cfg)
			s.caughtUp(t, env)
			if tt.cause != "" {
				eventually(t, "it is told", func() bool { return strings.Contains(log.String(), "the archive cannot be used") })
			}
			s.stop()
			said := log.String()
			if tt.cause == "" && strings.Contains(said, "the archive") {
				t.Errorf("it says\n%s", said)
			}
			for _, part := range []string{tt.folder, tt.cause, tt.next} {
				if tt.cause != "" && !strings.Contains(said, part) {
					t.Errorf("it does not say %q:\n%s", part, said)
				}
			}
			if tt.cause == "" {
				return
			}
			change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
			s = supervise(t, cfg)
			s.ended(t)
			s.stop()
			waiting, said, _ := strings.Cut(log.String()[len(said):], "the tables are not remade")
			if line, _, _ := strings.Cut(said, "\n"); !strings.Contains(line, tt.next) {
				t.Errorf("while it waits it says %q; before:\n%s", line, waiting)
			}
		})
	}
}
