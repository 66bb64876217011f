package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/projector"
	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
)

// worker does as a supervisor does, and nothing: its work ends when a test says
// so.
type worker struct {
	mu       sync.Mutex
	work     replay.Work
	started  int
	refusal  error
	cancels  int
	outlives bool // a cancel comes too late
}

func (w *worker) Start(r replay.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refusal != nil {
		return w.refusal
	}
	if w.work.Running {
		return replay.ErrBusy
	}
	w.started++
	w.work = replay.Work{
		ID: fmt.Sprint("w", w.started), Request: r, Reason: replay.ReasonAsked, Running: true,
		Progress: replay.Progress{Phase: replay.PhaseEvents, Seq: 10, Last: 100},
	}
	return nil
}

func (w *worker) Cancel() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.work.Running {
		return false
	}
	w.cancels++
	w.work.Running = false
	if w.outlives {
		w.work.Result = &replay.Result{Seq: 100}
	} else {
		w.work.Fail(context.Canceled)
		w.work.KeptSeq = 7
	}
	return true
}

func (w *worker) Work() replay.Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.work
}

func (w *worker) change(do func(*replay.Work)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(&w.work)
}

func (w *worker) times() (started, cancelled int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started, w.cancels
}

// held is a store whose lock this process has.
func held(t *testing.T) schema.Store {
	t.Helper()
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func serve(t *testing.T, conn *streams.Conn, store schema.Store, w control.Worker) *control.Service {
	t.Helper()
	s, err := control.New(control.Config{Conn: conn, Key: store.Key(), Worker: w})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

// phases notes what is told of the work.
type phases struct {
	mu   sync.Mutex
	list []string
}

func (p *phases) tell(w replay.Work) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) == 0 || p.list[len(p.list)-1] != w.Progress.Phase {
		p.list = append(p.list, w.Progress.Phase)
	}
}

func (p *phases) has(phase string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.list, phase)
}

var eventually = suite.Eventually

// asked is a request under way.
type asked struct {
	seen phases
	end  context.CancelFunc
	done chan struct{}
	work replay.Work
	err  error
}

func ask(t *testing.T, conn *streams.Conn, store schema.Store, r replay.Request) *asked {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := &asked{end: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.work, a.err = (&control.Client{Conn: conn, Store: store, Patience: 2 * time.Second}).Do(ctx, r, a.seen.tell)
	}()
	t.Cleanup(func() {
		cancel()
		<-a.done
	})
	return a
}

func (a *asked) wait(t *testing.T) {
	t.Helper()
	select {
	case <-a.done:
	case <-time.After(2 * time.Minute):
		t.Fatal("the request does not end")
	}
}

var rebuild = replay.Request{Kind: replay.KindRebuild}

func TestClient_FollowsTheWorkToItsEnd(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	serve(t, env.Conn, store, w)
	request := replay.Request{
		Kind: replay.KindRetry, AcceptGap: true, AcceptFailures: true, Archive: "/archive", Keep: 3, Seqs: []uint64{4, 7}, Fresh: true,
	}
	a := ask(t, env.Connect(t), store, request)
	eventually(t, "events are told", func() bool { return a.seen.has(replay.PhaseEvents) })
	w.change(func(w *replay.Work) { w.Progress.Phase = replay.PhaseSwapping })
	eventually(t, "the swap is told", func() bool { return a.seen.has(replay.PhaseSwapping) })
	w.change(func(w *replay.Work) {
		w.Running, w.Progress.Phase = false, replay.PhaseDone
		w.Result = &replay.Result{Path: "rosey.db.g2", Seq: 100, Events: 99}
		w.Retried = &replay.Retried{Applied: []uint64{4}, Failing: []replay.Failing{{Seq: 7, Class: "decode", Reason: "why"}}}
	})
	a.wait(t)
	if a.err != nil || a.work.Result == nil || *a.work.Result != *w.work.Result || a.work.Retried.Failing[0] != w.work.Retried.Failing[0] {
		t.Errorf("%+v, %v", a.work, a.err)
	}
	if got := w.Work().Request; !slices.Equal(got.Seqs, request.Seqs) || got.Kind != request.Kind || got.Archive != request.Archive ||
		!got.AcceptGap || !got.AcceptFailures || !got.Fresh || got.Keep != 3 {
		t.Errorf("the worker was asked for %+v, want %+v", got, request)
	}
	if !a.seen.has(replay.PhaseDone) {
		t.Errorf("told %v, want the end too", a.seen.list)
	}
}

func TestClient_FailedWorkSaysWhy(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	serve(t, env.Conn, store, w)
	a := ask(t, env.Conn, store, rebuild)
	eventually(t, "it begins", func() bool { return w.Work().Running })
	w.change(func(w *replay.Work) {
		w.Running = false
		w.Fail(fmt.Errorf("retry seq=7: %w", replay.ErrStillFails))
		w.Remedy = "wait"
	})
	a.wait(t)
	var failed *control.FailedError
	if !errors.As(a.err, &failed) || failed.Work.Remedy != "wait" || !strings.HasPrefix(failed.Error(), "retry seq=7: ") {
		t.Errorf("error %v, want what the worker said", a.err)
	}
	if !errors.Is(a.err, replay.ErrStillFails) || errors.Is(a.err, replay.ErrBehind) {
		t.Errorf("error %v, want that it is ErrStillFails alone", a.err)
	}
}

func TestClient_RefusedWorkSaysWhatToDo(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t, streamstest.WithoutStream()), held(t)
	w := &worker{refusal: &projector.StartError{Reason: projector.ErrTrimmed, Detail: "it begins at seq=7", Remedy: "restore it"}}
	serve(t, env.Conn, store, w)
	a := ask(t, env.Conn, store, rebuild)
	a.wait(t)
	var failed *control.FailedError
	if !errors.As(a.err, &failed) || failed.Work.Remedy != "restore it" || !errors.Is(a.err, projector.ErrTrimmed) {
		t.Errorf("error %v, want the remedy", a.err)
	}
	a = ask(t, env.Conn, store, replay.Request{Kind: "destroy"})
	a.wait(t)
	if service.CodeOf(a.err) != service.Invalid {
		t.Errorf("error %v, want an invalid request", a.err)
	}
}

func TestClient_InterruptedEndsTheWorkItAskedFor(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	serve(t, env.Conn, store, w)
	a := ask(t, env.Conn, store, rebuild)
	eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
	a.end()
	a.wait(t)
	var interrupted *control.InterruptedError
	if _, cancelled := w.times(); cancelled != 1 || !errors.As(a.err, &interrupted) || interrupted.KeptSeq != 7 {
		t.Errorf("cancelled %d times, %v", cancelled, a.err)
	}

	w.outlives = true
	a = ask(t, env.Conn, store, rebuild)
	eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
	a.end()
	a.wait(t)
	if a.err != nil || a.work.Result == nil {
		t.Errorf("%+v, %v: want the result of work that was done when it was to end", a.work, a.err)
	}
}

// Whoever asks for what is being done sees it, and does not end it by leaving.
func TestClient_WorkOfAnotherIsFollowedAndLeftAlone(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	serve(t, env.Conn, store, w)
	if err := w.Start(rebuild); err != nil {
		t.Fatal(err)
	}
	a := ask(t, env.Conn, store, rebuild)
	eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
	a.end()
	a.wait(t)
	if _, cancelled := w.times(); cancelled != 0 || !errors.Is(a.err, control.ErrLeft) {
		t.Errorf("cancelled %d times, %v", cancelled, a.err)
	}
	a = ask(t, env.Conn, store, replay.Request{Kind: replay.KindUndo})
	a.wait(t)
	var busy *control.BusyError
	if !errors.As(a.err, &busy) || !errors.Is(a.err, replay.ErrBusy) || busy.Work.ID != "w1" {
		t.Errorf("error %v, want a BusyError with the present work", a.err)
	}
}

// What the work that is there does not do is not taken for done.
func TestClient_WorkWithOtherOptionsIsNoneOfIts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		running, asked replay.Request
		busy           bool
	}{
		"fresh":          {asked: replay.Request{Fresh: true}, busy: true},
		"keep":           {asked: replay.Request{Keep: 5}, busy: true},
		"another keep":   {replay.Request{Keep: 3}, replay.Request{Keep: 5}, true},
		"archive":        {asked: replay.Request{Archive: "/a"}, busy: true},
		"as it is":       {replay.Request{Keep: 5, Fresh: true}, replay.Request{Keep: 5, Fresh: true}, false},
		"whatever it is": {replay.Request{Keep: 5, Fresh: true}, replay.Request{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
			serve(t, env.Conn, store, w)
			tt.running.Kind, tt.asked.Kind = replay.KindRebuild, replay.KindRebuild
			if err := w.Start(tt.running); err != nil {
				t.Fatal(err)
			}
			a := ask(t, env.Conn, store, tt.asked)
			if !tt.busy {
				eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
				return
			}
			a.wait(t)
			var busy *control.BusyError
			if !errors.As(a.err, &busy) {
				t.Errorf("error %v, want a BusyError", a.err)
			}
		})
	}
}

func TestClient_AHolderThatTakesNoRequests(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	a := ask(t, env.Conn, held(t), rebuild)
	free := ask(t, env.Conn, schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, rebuild)
	free.wait(t)
	if !errors.Is(free.err, control.ErrGone) {
		t.Errorf("error %v for a store that nobody holds, want ErrGone", free.err)
	}
	a.wait(t)
	if !errors.Is(a.err, control.ErrNoWorker) {
		t.Errorf("error %v, want ErrNoWorker", a.err)
	}
	older := held(t)
	if err := os.WriteFile(older.Link+".lock", []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a = ask(t, env.Conn, older, rebuild)
	a.wait(t)
	if !errors.Is(a.err, control.ErrNoWorker) {
		t.Errorf("error %v of an older program, want ErrNoWorker", a.err)
	}
}

func TestClient_TheWorkersEndIsNoticed(t *testing.T) {
	t.Parallel()
	env, w := streamstest.New(t, streamstest.WithoutStream()), &worker{}
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := control.New(control.Config{Conn: env.Conn, Key: store.Key(), Worker: w})
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, env.Conn, store, rebuild)
	eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
	if err := errors.Join(s.Stop(t.Context()), release()); err != nil {
		t.Fatal(err)
	}
	a.wait(t)
	if !errors.Is(a.err, control.ErrGone) {
		t.Errorf("error %v, want ErrGone", a.err)
	}
}

// What is asked while nobody can answer is asked again, as long as the process
// holds the store: it misses nothing but the view.
func TestClient_SurvivesALostConnection(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	s, err := control.New(control.Config{Conn: env.Conn, Key: store.Key(), Worker: w})
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, env.Connect(t), store, rebuild)
	eventually(t, "it is followed", func() bool { return a.seen.has(replay.PhaseEvents) })
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var unanswered atomic.Int64
	lost, err := env.Conn.NATS().Subscribe("rosey.projector."+store.Key()+".work", func(*nats.Msg) { unanswered.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	w.change(func(w *replay.Work) { w.Progress.Phase = replay.PhaseIndexes })
	eventually(t, "one request was in vain", func() bool { return unanswered.Load() >= 2 })
	if err := lost.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	serve(t, env.Conn, store, w)
	eventually(t, "it is followed again", func() bool { return a.seen.has(replay.PhaseIndexes) })
	w.change(func(w *replay.Work) { w.Running, w.Result = false, &replay.Result{Seq: 100} })
	a.wait(t)
	if started, _ := w.times(); a.err != nil || started != 1 {
		t.Errorf("started %d times, %v", started, a.err)
	}
}

func TestService_ARepeatedRequestBeginsNothingTwice(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	serve(t, env.Conn, store, w)
	start := "rosey.projector." + store.Key() + ".start"
	request := control.StartRequest{Request: rebuild, Token: "mine"}
	for range 2 {
		got, err := service.Call[replay.Work](t.Context(), env.Conn, start, request)
		if err != nil || got.Data.ID != "w1" {
			t.Errorf("%+v, %v", got.Data, err)
		}
	}
	w.change(func(w *replay.Work) { w.Running = false })
	if err := w.Start(rebuild); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Call[replay.Work](t.Context(), env.Conn, start, request); service.CodeOf(err) != service.InvalidState {
		t.Errorf("error %v, want that there has been other work", err)
	}
	if _, err := service.Call[replay.Work](t.Context(), env.Conn, "rosey.projector."+store.Key()+".cancel", control.CancelRequest{ID: "w1"}); service.CodeOf(err) != service.InvalidState {
		t.Errorf("error %v, want that w1 is over", err)
	}
}

// Two projectors on one server, each with its own database.
func TestService_ReachesTheHolderOfTheStoreAlone(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	one, two := held(t), held(t)
	a, b := &worker{}, &worker{}
	serve(t, env.Conn, one, a)
	serve(t, env.Conn, two, b)
	asked := ask(t, env.Conn, two, rebuild)
	eventually(t, "the second is at work", func() bool { return b.Work().Running })
	if started, _ := a.times(); started != 0 {
		t.Error("the first was asked too")
	}
	b.change(func(w *replay.Work) { w.Running = false })
	asked.wait(t)
}

// Who may only read may neither ask nor answer.
func TestService_IsForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	env, store, w := streamstest.New(t, streamstest.WithoutStream()), held(t), &worker{}
	reader := env.ConnectAnonymously(t)
	heard := make(chan string, 10)
	for _, subscribe := range []func() (*nats.Subscription, error){
		func() (*nats.Subscription, error) {
			return reader.NATS().Subscribe("rosey.projector.>", func(m *nats.Msg) { heard <- m.Subject })
		},
		func() (*nats.Subscription, error) {
			return reader.NATS().QueueSubscribe("rosey.projector."+store.Key()+".start", service.QueueGroup, func(m *nats.Msg) { heard <- m.Subject })
		},
	} {
		if _, err := subscribe(); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	serve(t, env.Conn, store, w)
	for _, name := range []string{"start", "cancel", "work"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := service.Call[replay.Work](ctx, reader, "rosey.projector."+store.Key()+"."+name, rebuild); err == nil {
			t.Errorf("a reader was answered on %s", name)
		}
		cancel()
	}
	if started, _ := w.times(); started != 0 {
		t.Error("a reader began work")
	}
	for range 5 {
		if _, err := service.Call[replay.Work](t.Context(), env.Conn, "rosey.projector."+store.Key()+".work", control.WorkRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case s := <-heard:
		t.Errorf("a reader heard a request on %s", s)
	default:
	}
}

func TestEndpoints_ExamplesAreRequests(t *testing.T) {
	t.Parallel()
	for _, e := range control.Endpoints() {
		for _, x := range e.Examples {
			if err := e.Request.Check([]byte(x)); err != nil {
				t.Errorf("example %s of %s: %v", x, e.Name, err)
			}
		}
	}
}
