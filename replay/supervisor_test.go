package replay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// supervised is a Supervisor that runs in the background.
type supervised struct {
	*replay.Supervisor
	stop func()
}

func supervisorConfig(env *streamstest.Env, store schema.Store) replay.SupervisorConfig {
	return replay.SupervisorConfig{Projector: projector.Config{Stream: env.Stream, Store: store}}
}

// supervise runs one; it ends with the test at the latest.
func supervise(t *testing.T, cfg replay.SupervisorConfig) *supervised {
	t.Helper()
	s, err := replay.NewSupervisor(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	sup := &supervised{Supervisor: s}
	sup.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Errorf("stop the supervisor: %v", err)
		}
	}
	t.Cleanup(sup.stop)
	return sup
}

// ask begins work as soon as it is taken.
func (s *supervised) ask(t *testing.T, r replay.Request) {
	t.Helper()
	eventually(t, "the work is taken", func() bool {
		err := s.Start(r)
		if err != nil && !errors.Is(err, replay.ErrStopped) && !errors.Is(err, replay.ErrBusy) {
			t.Fatal(err)
		}
		return err == nil
	})
}

// ended waits for the end of the work.
func (s *supervised) ended(t *testing.T) replay.Work {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		w := s.Work()
		if w.ID != "" && !w.Running {
			return w
		}
		if time.Now().After(deadline) {
			t.Fatalf("the work does not end: %+v", w)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// do asks for work that comes to something.
func (s *supervised) do(t *testing.T, r replay.Request) replay.Work {
	t.Helper()
	s.ask(t, r)
	w := s.ended(t)
	if w.Error != "" {
		t.Fatalf("%s: %s", r.Kind, w.Error)
	}
	return w
}

func (s *supervised) caughtUp(t *testing.T, env *streamstest.Env) uint64 {
	t.Helper()
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.WaitFor(ctx, state.LastSeq); err != nil {
		t.Fatalf("wait for seq=%d: %v; %+v", state.LastSeq, err, s.Status())
	}
	return state.LastSeq
}

// disturbed reports whether the projection was interrupted, and not only for want
// of a word from a server that stood still with its machine or its disk.
func disturbed(st projector.Status) bool {
	return st.Interruptions > 0 && !errors.Is(st.LastError, streams.ErrNoHeartbeat) && !errors.Is(st.LastError, projector.ErrStarved)
}

var eventually = suite.Eventually

func wantEqual(t *testing.T, env *streamstest.Env, store schema.Store) {
	t.Helper()
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
}

func currentNumber(t *testing.T, store schema.Store) int {
	t.Helper()
	g, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	return g.Number
}

func TestSupervisor_RebuildsBesideTheProjection(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 30)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	w := s.do(t, replay.Request{Kind: replay.KindRebuild})
	if w.Result == nil || w.Result.Seq < 30 || w.Progress.Phase != replay.PhaseDone || w.EndedMS < w.StartedMS || w.Reason != replay.ReasonAsked {
		t.Errorf("the work came to %+v, %+v", w, w.Result)
	}
	if p, res := w.Progress, w.Result; p.Seq != res.Seq || p.Last != res.Seq || p.Events != res.Events || p.Events < 30 || p.PerSecond != res.PerSecond || p.PerSecond <= 0 {
		t.Errorf("done at %+v, and the result is %+v", p, res)
	}
	if n := currentNumber(t, store); n != 2 {
		t.Errorf("generation %d is the current one, want 2", n)
	}
	if st := s.Status(); st.Path != w.Result.Path || st.Trouble != nil || st.Reopened > 0 || disturbed(st) {
		t.Errorf("status %+v, want that it goes on in %s", st, w.Result.Path)
	}
	evening(t, env, "p2", 30)
	s.caughtUp(t, env)
	wantEqual(t, env, store)
}

// Going back twice ends in the tables there were, and all of them are caught up.
func TestSupervisor_UndoAndUndoAgain(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	s.ask(t, replay.Request{Kind: replay.KindUndo})
	if w := s.ended(t); w.Error == "" || w.Remedy == "" || w.Result != nil {
		t.Errorf("an undo of nothing came to %+v", w)
	}
	s.do(t, replay.Request{Kind: replay.KindRebuild})
	for i, want := range []int{1, 2, 1, 2} {
		evening(t, env, "u"+string(rune('a'+i)), 5)
		last := s.caughtUp(t, env)
		w := s.do(t, replay.Request{Kind: replay.KindUndo})
		if n := currentNumber(t, store); n != want || w.Result.Seq < last {
			t.Errorf("undo %d: generation %d at seq=%d, want %d at seq=%d", i+1, n, w.Result.Seq, want, last)
		}
		wantEqual(t, env, store)
	}
	s.stop()
	// Another start leaves the one that was gone back from.
	s = supervise(t, supervisorConfig(env, store))
	s.do(t, replay.Request{Kind: replay.KindUndo})
	if n := currentNumber(t, store); n != 1 {
		t.Errorf("generation %d is the current one, want 1", n)
	}
	wantEqual(t, env, store)
}

// Tables of another program answer as they were until they are remade.
func TestSupervisor_RemakesTheTablesOfAnotherProgram(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	s, err := replay.NewSupervisor(t.Context(), supervisorConfig(env, store))
	if err != nil {
		t.Fatal(err)
	}
	st, o := s.Status(), s.Database()
	if !errors.Is(st.Trouble, projector.ErrOtherProgram) || st.Checkpoint.Seq == 0 || !o.AtRest || !o.Current || o.Path == "" {
		t.Errorf("before: %+v, %+v", st, o)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run := supervise(t, supervisorConfig(env, store))
	evening(t, env, "p2", 20)
	run.caughtUp(t, env)
	if w := run.ended(t); w.Reason != replay.ReasonProgram || w.Running || w.Error != "" || w.Result == nil {
		t.Errorf("the work was %+v", w)
	}
	if st := run.Status(); st.Trouble != nil || run.Database().AtRest {
		t.Errorf("after: %+v", st)
	}
	wantEqual(t, env, store)
}

// Questions are answered from the old tables while others are made, and events are
// stored all the while.
func TestSupervisor_OldTablesAnswerMeanwhile(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	cfg := supervisorConfig(env, store)
	held, goOn := make(chan struct{}), make(chan struct{})
	cfg.Projector.Crash = at("replay.before_finish", func() { close(held); <-goOn })
	s := supervise(t, cfg)
	service, err := query.NewService(query.Config{Conn: env.Conn, Tables: s})
	if err != nil {
		t.Fatal(err)
	}
	<-held
	client := query.Client{Conn: env.Connect(t), Timeout: 2 * time.Minute}
	before, err := client.Status(t.Context(), "")
	if err != nil || summed(before) != 20 {
		t.Errorf("meanwhile: %+v, %v", before, err)
	}
	if w := s.Work(); !w.Running || w.Reason != replay.ReasonProgram || w.Progress.Seq != before.Seq {
		t.Errorf("the work is %+v", w)
	}
	if _, _, known := s.Delay(time.Now()); known {
		t.Error("the delay of tables at rest is told")
	}
	evening(t, env, "p2", 20)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.WaitFor(ctx, before.Seq+1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what is not there yet: %v", err)
	}
	if err := s.WaitFor(t.Context(), before.Seq); err != nil {
		t.Errorf("what is there: %v", err)
	}
	close(goOn)
	s.caughtUp(t, env)
	if after, err := client.Status(t.Context(), ""); err != nil || summed(after) != 40 {
		t.Errorf("afterwards: %+v, %v", after, err)
	}
	if err := service.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	wantEqual(t, env, store)
}

func TestSupervisor_KeepsAsManyAsItIsTold(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	cfg := supervisorConfig(env, store)
	cfg.Keep, cfg.Grace = 3, time.Nanosecond
	s := supervise(t, cfg)
	for _, tt := range []struct {
		keep int
		want []string
	}{
		{0, []string{"g1", "g2"}},
		{0, []string{"g1", "g2", "g3"}},
		{0, []string{"g2", "g3", "g4"}},
		{2, []string{"g4", "g5"}},
		{1, []string{"g6"}},
	} {
		s.do(t, replay.Request{Kind: replay.KindRebuild, Keep: tt.keep})
		eventually(t, fmt.Sprintf("keeping %d leaves %v", tt.keep, tt.want), func() bool { return slices.Equal(filesOf(t, store), tt.want) })
	}
	s.ask(t, replay.Request{Kind: replay.KindUndo})
	if w := s.ended(t); !w.FailedBy(schema.ErrNoPrevious) || w.Remedy == "" {
		t.Errorf("an undo with none kept came to %+v", w)
	}
}

// Only what this program made, and is whole, is gone back to.
func TestSupervisor_UndoIsRefusedWhereItCannotBeRight(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		statement string
		want      error
	}{
		"another program's": {"UPDATE projection_state SET fingerprint = 'another'", projector.ErrOtherProgram},
		"another stream's":  {"UPDATE projection_state SET stream_id = 'another'", projector.ErrOtherStream},
		"another history":   {"UPDATE projection_state SET msg_id = 'another'", projector.ErrOtherHistory},
		"unfinished":        {"DROP INDEX bot_sessions_time", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 5)
			s := supervise(t, supervisorConfig(env, store))
			s.caughtUp(t, env)
			s.do(t, replay.Request{Kind: replay.KindRebuild})
			change(t, store.Link+".g1", tt.statement)
			s.ask(t, replay.Request{Kind: replay.KindUndo})
			w := s.ended(t)
			if w.Error == "" || w.Remedy == "" || tt.want != nil && !w.FailedBy(tt.want) {
				t.Errorf("the undo came to %+v", w)
			}
			s.wantUntouched(t, env, store, 2)
		})
	}
}
