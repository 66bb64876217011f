package replay_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	_ "modernc.org/sqlite"
)

// load appends events until it is stopped.
type load struct {
	stop func() (appended int)
}

func startLoad(t *testing.T, env *streamstest.Env, producer string) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ctx.Err() == nil {
			var batch []streams.AppendMessage
			for range 5 {
				n++
				batch = append(batch, message(t, producer, n, events.KindMessageLog, &events.MessageLog{
					Username: fmt.Sprintf("user%d", n%17), Message: fmt.Sprintf("line %d", n),
				}))
			}
			if _, err := env.Stream.AppendBatch(context.WithoutCancel(ctx), batch); err != nil {
				t.Errorf("append: %v", err)
				return
			}
			pause(ctx.Done(), 5*time.Millisecond)
		}
	}()
	l := &load{stop: sync.OnceValue(func() int { cancel(); return <-done })}
	t.Cleanup(func() { l.stop() })
	return l
}

func pause(stop <-chan struct{}, d time.Duration) {
	select {
	case <-stop:
	case <-time.After(d):
	}
}

// watch repeats a look at the tables until it is stopped. None may fail, and none
// may see less than the one before.
type watch struct{ looks atomic.Int64 }

func watching(t *testing.T, stop <-chan struct{}, wg *sync.WaitGroup, what string, look func() (seq, count int64, err error)) *watch {
	w := &watch{}
	wg.Go(func() {
		var seq, count int64
		for {
			select {
			case <-stop:
				return
			default:
			}
			s, c, err := look()
			if err != nil || s < seq || c < count {
				t.Errorf("%s: seq=%d and %d rows after seq=%d and %d rows: %v", what, s, c, seq, count, err)
				return
			}
			seq, count = s, c
			w.looks.Add(1)
			pause(stop, time.Millisecond)
		}
	})
	return w
}

const progressOf = "SELECT (SELECT seq FROM projection_state), (SELECT count(*) FROM chat_messages)"

// fresh opens the link anew for a question, as any tool would.
func fresh(link string) func() (int64, int64, error) {
	return func() (seq, count int64, err error) {
		db, err := sql.Open("sqlite", "file:"+link+"?mode=ro&_pragma=busy_timeout(10000)")
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = db.Close() }()
		err = db.QueryRow(progressOf).Scan(&seq, &count)
		return seq, count, err
	}
}

func summed(s query.Overview) (lines int64) {
	for _, c := range s.Channels {
		lines += c.ChatLines
	}
	return lines
}

// While events come in all the time the tables are made again and again and gone
// back from, and whoever reads them notices nothing.
func TestSupervisor_RebuildsUnderLoadWithReadersAttached(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 300)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	service, err := query.NewService(query.Config{Conn: env.Conn, Tables: s})
	if err != nil {
		t.Fatal(err)
	}
	appending := startLoad(t, env, "p2")

	first, err := store.Current()
	if err != nil {
		t.Fatal(err)
	}
	long, err := schema.OpenReader(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = long.Close() }()
	tx, err := long.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := schema.Dump(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	finish := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer finish()
	client := query.Client{Conn: env.Connect(t), Timeout: 2 * time.Minute}
	watches := []*watch{
		watching(t, stop, &wg, "the link opened anew", fresh(store.Link)),
		watching(t, stop, &wg, "another that opens the link anew", fresh(store.Link)),
		watching(t, stop, &wg, "the query service", func() (int64, int64, error) {
			st, err := client.Status(t.Context(), "")
			return int64(st.Seq), summed(st), err
		}),
		watching(t, stop, &wg, "the status", func() (int64, int64, error) { return int64(s.Status().Checkpoint.Seq), 0, nil }),
	}
	generations := map[string]bool{}
	for i, kind := range []string{replay.KindRebuild, replay.KindUndo, replay.KindUndo, replay.KindRebuild, replay.KindRebuild, replay.KindUndo} {
		looks := watches[0].looks.Load()
		w := s.do(t, replay.Request{Kind: kind})
		generations[w.Result.Path] = true
		if now := s.Status().Path; now != w.Result.Path {
			t.Errorf("step %d: it goes on in %s, want %s", i+1, now, w.Result.Path)
		}
		at := s.Status().Checkpoint.Seq
		eventually(t, "the projection goes on", func() bool { return s.Status().Checkpoint.Seq > at })
		eventually(t, "readers go on", func() bool { return watches[0].looks.Load() > looks || t.Failed() })
	}
	finish()
	for i, w := range watches {
		if w.looks.Load() < 10 {
			t.Errorf("watch %d looked %d times only", i, w.looks.Load())
		}
	}
	if after, err := schema.Dump(t.Context(), tx); err != nil || after != before {
		t.Errorf("the reader of %s sees something else in its transaction, or %v", first.Path, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	n := appending.stop()
	s.caughtUp(t, env)
	if st := s.Status(); disturbed(st) || st.Reopened > 0 || st.Trouble != nil {
		t.Errorf("status %+v, want no interruption", st)
	}
	if err := service.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	wantEqual(t, env, store)
	if _, lines, err := fresh(store.Link)(); err != nil || lines != int64(n+300) {
		t.Errorf("%d lines, %v, want %d", lines, err, n+300)
	}
	if len(generations) != 4 { // g1 again, g2, g3 and g4
		t.Errorf("it went on in %v", generations)
	}
}
