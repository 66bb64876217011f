package replay_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// at calls what is to happen at the first arrival at a point.
func at(point string, do func()) func(string) {
	var once sync.Once
	return func(reached string) {
		if reached == point {
			once.Do(do)
		}
	}
}

// wantUntouched makes sure that work that came to nothing left the tables as they
// were, nothing beside them, and a projection that goes on.
func (s *supervised) wantUntouched(t *testing.T, env *streamstest.Env, store schema.Store, generation int) {
	t.Helper()
	if n := currentNumber(t, store); n != generation {
		t.Errorf("generation %d is the current one, want %d", n, generation)
	}
	for _, f := range filesOf(t, store) {
		if strings.HasSuffix(f, ".unfinished") && !slices.Contains(filesOf(t, store), strings.TrimSuffix(f, ".unfinished")+schema.ResumeSuffix) {
			t.Errorf("left %s", f)
		}
	}
	evening(t, env, "after", 5)
	s.caughtUp(t, env)
	if st := s.Status(); st.Trouble != nil || !st.Running {
		t.Errorf("status %+v, want a projection that goes on", st)
	}
}

func TestSupervisor_AFailureThatIsNewLeavesTheTables(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	d.change(t, "DELETE FROM dead_letters WHERE reason_class = 'fold'")
	s := supervise(t, supervisorConfig(d.env, d.store))
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	w := s.ended(t)
	if w.Error == "" || w.Class == "" || !strings.Contains(w.Remedy, "dead-letter") || w.Result != nil {
		t.Errorf("the work came to %+v", w)
	}
	s.wantUntouched(t, d.env, d.store, 1)
	s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptFailures: true})
	wantEqual(t, d.env, d.store)
}

func TestSupervisor_RetriesDeadLetters(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	s := supervise(t, supervisorConfig(d.env, d.store))
	s.ask(t, replay.Request{Kind: replay.KindRetry, Seqs: []uint64{d.fine, d.unread}})
	if w := s.ended(t); !w.FailedBy(replay.ErrStillFails) || w.Retried == nil || len(w.Retried.Failing) != 1 {
		t.Errorf("with one that still fails: %+v, %+v", w, w.Retried)
	}
	s.ask(t, replay.Request{Kind: replay.KindRetry, Seqs: []uint64{1}})
	if w := s.ended(t); !w.FailedBy(replay.ErrNoDeadLetter) {
		t.Errorf("what is no dead letter: %+v", w)
	}
	s.wantUntouched(t, d.env, d.store, 1)
	w := s.do(t, replay.Request{Kind: replay.KindRetry})
	if r := w.Retried; r == nil || !slices.Equal(r.Applied, []uint64{d.fine}) || len(r.Failing) != 2 || r.Rebuild == nil {
		t.Errorf("all of them: %+v", w.Retried)
	}
	if n := s.Status().DeadLetters.Count; n != 2 || currentNumber(t, d.store) != 2 {
		t.Errorf("%d dead letters in generation %d", n, currentNumber(t, d.store))
	}
	wantEqual(t, d.env, d.store)
}

// Tables that nobody projects in are remade by a retry as well, and projected in
// from then on.
func TestSupervisor_RetriesDeadLettersOfTablesAtRest(t *testing.T) {
	t.Parallel()
	d := newDead(t)
	d.change(t, "UPDATE projection_state SET fingerprint = 'another'")
	cfg := supervisorConfig(d.env, d.store)
	var s *supervised
	ready := make(chan struct{})
	cfg.Projector.Crash = at("replay.before_finish", func() { <-ready; s.Cancel() })
	s = supervise(t, cfg)
	close(ready)
	if w := s.ended(t); !w.FailedBy(context.Canceled) || !s.Database().AtRest {
		t.Fatalf("the work of its own came to %+v, want tables at rest", w)
	}
	w := s.do(t, replay.Request{Kind: replay.KindRetry, Seqs: []uint64{d.fine}})
	if r := w.Retried; r == nil || !slices.Equal(r.Applied, []uint64{d.fine}) || r.Rebuild == nil {
		t.Errorf("it came to %+v", w.Retried)
	}
	if st := s.Status(); s.Database().AtRest || st.Trouble != nil {
		t.Fatalf("nobody projects in the new tables: %+v", st)
	}
	evening(t, d.env, "C", 3)
	s.caughtUp(t, d.env)
	wantEqual(t, d.env, d.store)
}

func TestSupervisor_CancelLeavesTheTables(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"projector.before_commit", "replay.before_finish", "replay.before_catch_up", "replay.before_hand_over"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 20)
			project(t, env, store)
			var s *supervised
			cfg := supervisorConfig(env, store)
			cfg.Projector.Crash = at(point, func() {
				if !s.Cancel() {
					t.Error("there was nothing to cancel")
				}
			})
			s = supervise(t, cfg)
			if s.Cancel() {
				t.Error("something was cancelled before there was any work")
			}
			s.ask(t, replay.Request{Kind: replay.KindRebuild})
			w := s.ended(t)
			if !w.FailedBy(context.Canceled) {
				t.Errorf("the work came to %+v", w)
			}
			s.wantUntouched(t, env, store, 1)
			s.do(t, replay.Request{Kind: replay.KindRebuild})
			wantEqual(t, env, store)
		})
	}
}

// Work that was taken before there is a Run can be cancelled before it begins.
func TestSupervisor_CancelledBeforeItBegins(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	s, err := replay.NewSupervisor(t.Context(), supervisorConfig(env, store))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(replay.Request{Kind: replay.KindRebuild}); err != nil {
		t.Error(err)
	}
	if !s.Cancel() {
		t.Error("there was nothing to cancel")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if w := (&supervised{Supervisor: s}).ended(t); !w.FailedBy(context.Canceled) || !strings.Contains(w.Error, replay.ErrCancelled.Error()) {
		t.Errorf("the work came to %+v", w)
	}
	cancel()
	if err := errors.Join(<-done, s.Close()); err != nil {
		t.Error(err)
	}
	if n := currentNumber(t, store); n != 1 {
		t.Errorf("generation %d is the current one, want 1", n)
	}
}

func TestSupervisor_OneWorkAtATime(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	cfg := supervisorConfig(env, store)
	held, goOn := make(chan struct{}), make(chan struct{})
	cfg.Projector.Crash = at("replay.before_finish", func() { close(held); <-goOn })
	idle, err := replay.NewSupervisor(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if w := idle.Work(); w.ID != "" || w.Running {
		t.Errorf("before anything was asked for there is %+v", w)
	}
	// Whoever asks while the process starts is not turned away.
	if err := idle.Start(replay.Request{Kind: replay.KindRebuild}); err != nil || !idle.Work().Running {
		t.Errorf("before it runs: %v, %+v", err, idle.Work())
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if w := idle.Work(); w.Running || !strings.Contains(w.Error, replay.ErrStopped.Error()) {
		t.Errorf("closed without having run there is %+v", w)
	}
	s := supervise(t, cfg)
	if err := s.Start(replay.Request{Kind: "other"}); err == nil || errors.Is(err, replay.ErrBusy) {
		t.Errorf("work of no kind: %v", err)
	}
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	<-held
	if err := s.Start(replay.Request{Kind: replay.KindUndo}); !errors.Is(err, replay.ErrBusy) {
		t.Errorf("beside other work: %v", err)
	}
	first := s.Work()
	if !first.Running || first.Request.Kind != replay.KindRebuild || first.Progress.Phase != replay.PhaseIndexes {
		t.Errorf("meanwhile: %+v", first)
	}
	close(goOn)
	if w := s.ended(t); w.ID != first.ID || w.Error != "" {
		t.Errorf("afterwards: %+v", w)
	}
	s.do(t, replay.Request{Kind: replay.KindUndo})
	s.stop()
	if err := s.Start(replay.Request{Kind: replay.KindRebuild}); !errors.Is(err, replay.ErrStopped) {
		t.Errorf("after it has run: %v", err)
	}
}

// The process ends while work is under way: nothing is left running or behind.
func TestSupervisor_EndsDuringTheWork(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	cfg := supervisorConfig(env, store)
	held := make(chan struct{})
	ending := make(chan struct{})
	cfg.Projector.Crash = at("replay.before_catch_up", func() { close(held); <-ending })
	s := supervise(t, cfg)
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	<-held
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	eventually(t, "it is ending", func() bool { return !s.Status().Running })
	close(ending)
	<-stopped
	if w := s.Work(); w.Running || w.Error == "" {
		t.Errorf("the work came to %+v", w)
	}
	if got := filesOf(t, store); !slices.Equal(got, []string{"g1"}) {
		t.Errorf("left %v", got)
	}
	again := supervise(t, supervisorConfig(env, store))
	again.do(t, replay.Request{Kind: replay.KindRebuild})
	wantEqual(t, env, store)
}

func TestSupervisor_ATrimmedStreamLeavesTheTables(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	trim(t, env, 10)
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	if w := s.ended(t); !w.FailedBy(projector.ErrTrimmed) || w.Remedy == "" {
		t.Errorf("the work came to %+v", w)
	}
	s.wantUntouched(t, env, store, 1)
	if w := s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptGap: true}); w.Result.From != 10 || w.Result.Kept == "" {
		t.Errorf("the work came to %+v", w.Result)
	}
	s.caughtUp(t, env)
	wantEqual(t, env, store)
}

// Where other tables cannot be made the old ones answer, it is said why, and a
// request that gives up what is gone is carried out.
func TestSupervisor_OldTablesOfATrimmedStream(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	trim(t, env, 10)
	s := supervise(t, supervisorConfig(env, store))
	eventually(t, "it has failed", func() bool { return errors.Is(s.Status().Trouble, projector.ErrTrimmed) })
	s.ended(t)
	st := s.Status()
	var refused *projector.StartError
	if !errors.Is(st.Trouble, projector.ErrOtherProgram) || !errors.As(st.Trouble, &refused) || refused.Remedy == "" || !st.Running || st.TroubleSince.IsZero() {
		t.Errorf("status %+v", st)
	}
	if o := s.Database(); !o.AtRest || !o.Current {
		t.Errorf("the old tables are %+v", o)
	}
	before := dump(t, store.Link)
	evening(t, env, "p2", 5)
	w := s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptGap: true})
	if w.Result.Kept == "" || dump(t, w.Result.Kept) != before {
		t.Errorf("the old tables are not kept: %+v", w.Result)
	}
	s.caughtUp(t, env)
	if st := s.Status(); st.Trouble != nil {
		t.Errorf("status %+v", st)
	}
	wantEqual(t, env, store)
}

// Who cancels after the swap comes too late: the projection begins in the new
// tables, which nobody else would have begin.
func TestSupervisor_CancelledAfterTheSwapOfOldTables(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{replay.ReasonProgram, replay.ReasonAsked} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 20)
			project(t, env, store)
			change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
			if reason == replay.ReasonAsked {
				trim(t, env, 10)
			}
			cfg := supervisorConfig(env, store)
			var s *supervised
			ready := make(chan struct{})
			cfg.Projector.Crash = at("replay.after_swap", func() { <-ready; s.Cancel() })
			s = supervise(t, cfg)
			close(ready)
			if reason == replay.ReasonAsked {
				eventually(t, "it has failed", func() bool { return errors.Is(s.Status().Trouble, projector.ErrTrimmed) })
				s.ask(t, replay.Request{Kind: replay.KindRebuild, AcceptGap: true})
			}
			s.caughtUp(t, env)
			if w := s.ended(t); w.Error != "" || w.Result == nil {
				t.Errorf("the work came to %+v", w)
			}
			if st := s.Status(); st.Trouble != nil || s.Database().AtRest {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// A stream that goes away while it is read ends the work.
func TestSupervisor_TheStreamIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"replay.before_finish", "replay.before_catch_up"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 20)
			project(t, env, store)
			want := dump(t, store.Link)
			cfg := supervisorConfig(env, store)
			cfg.Projector.Crash = at(point, func() {
				if err := env.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
					t.Error(err)
				}
			})
			// The projection cannot go on without a stream either, and ends.
			sup, err := replay.NewSupervisor(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- sup.Run(ctx) }()
			s := &supervised{Supervisor: sup}
			s.ask(t, replay.Request{Kind: replay.KindRebuild})
			if w := s.ended(t); w.Error == "" {
				t.Errorf("the work came to %+v", w)
			}
			cancel()
			<-done
			if err := sup.Close(); err != nil {
				t.Error(err)
			}
			if got := filesOf(t, store); !slices.Equal(got, []string{"g1"}) || dump(t, store.Link) != want {
				t.Errorf("left %v, or other tables", got)
			}
		})
	}
}

// What is being trimmed while it is read would look like erased.
func TestSupervisor_TrimmedWhileItIsRead(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	cfg := supervisorConfig(env, store)
	var s *supervised
	cfg.Projector.Crash = at("replay.before_catch_up", func() {
		evening(t, env, "p2", 5)
		state, err := env.Stream.State(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		s.caughtUp(t, env)
		trim(t, env, state.LastSeq-1)
	})
	s = supervise(t, cfg)
	s.caughtUp(t, env)
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	if w := s.ended(t); !strings.Contains(w.Error, replay.ErrTrimmedMeanwhile.Error()) {
		t.Errorf("the work came to %+v", w)
	}
	s.wantUntouched(t, env, store, 1)
}
