package query_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// copyOf makes a whole copy of the current database, and returns its path.
func copyOf(t testing.TB, store schema.Store, to string) {
	t.Helper()
	db, err := schema.OpenWriter(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", to); err != nil {
		t.Fatal(err)
	}
}

var eventually = suite.Eventually

// askers ask for a user without a pause until they are told to stop; they return
// how many answers there were, and what was no answer.
func askers(ctx context.Context, d *desk, n int) (stop func() (uint64, []error)) {
	ctx, cancel := context.WithCancel(ctx)
	var (
		work    sync.WaitGroup
		answers atomic.Uint64
		mu      sync.Mutex
		errs    []error
	)
	for range n {
		work.Go(func() {
			for ctx.Err() == nil {
				users, err := d.client.UserStats(context.WithoutCancel(ctx), "tv", "ann")
				if err == nil && (len(users) != 1 || users[0].TotalChatLines < 2) {
					err = errors.New("the answer is of no whole database")
				}
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
				answers.Add(1)
			}
		})
	}
	return func() (uint64, []error) {
		cancel()
		work.Wait()
		return answers.Load(), errs
	}
}

// A new generation takes the place of the old one without anybody noticing.
func TestService_GenerationsSwappedWhileAsked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	e := anEvening(t)
	d.tell(e)
	stop := askers(t.Context(), d, 4)
	for n := range uint64(2) {
		g, err := d.store.Next()
		if err != nil {
			t.Fatal(err)
		}
		copyOf(t, d.store, g.Path)
		if err := d.store.Swap(g); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the new generation is open", func() bool { o := d.Database(); return o.Current && o.Path == g.Path && d.Status().Reopened == n+1 })
		last := d.tell(e.in("tv").after(time.Second).said("Ann", "again"))
		c := query.Client{Conn: d.caller, WaitSeq: last}
		if users, err := c.UserStats(t.Context(), "tv", "ann"); err != nil || users[0].TotalChatLines != int64(3+n) {
			t.Errorf("after the swap: %+v, %v", users, err)
		}
	}
	answers, errs := stop()
	if len(errs) > 0 || answers < 10 {
		t.Errorf("%d of %d requests were not answered, such as: %v", len(errs), answers, errs)
	}
}

// Whatever else happens to the file: who asks is told that there are no tables,
// or gets an answer, and soon the right one.
func TestService_DatabaseReplacedWhileAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, store schema.Store, path, older string)
	}{
		{"deleted", func(t *testing.T, store schema.Store, path, _ string) {
			for _, p := range []string{path, store.Link} {
				if err := os.Remove(p); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"the log deleted", func(t *testing.T, _ schema.Store, path, _ string) {
			if err := os.Remove(path + "-wal"); err != nil {
				t.Fatal(err)
			}
		}},
		{"an older copy moved over it", func(t *testing.T, _ schema.Store, path, older string) {
			if err := os.Rename(older, path); err != nil {
				t.Fatal(err)
			}
		}},
		{"an older copy written over it", func(t *testing.T, _ schema.Store, path, older string) {
			text, err := os.ReadFile(older)
			if err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, streamstest.New(t), "main")
			e := anEvening(t)
			d.tell(e)
			older := d.store.Link + ".copy"
			copyOf(t, d.store, older)
			d.tell(e.in("tv").after(time.Second).said("Ann", "again"))
			stop := askers(t.Context(), d, 2)
			tt.do(t, d.store, d.Database().Path, older)
			eventually(t, "another file is open", func() bool { return d.Status().Reopened > 0 && d.Database().Current })
			last := d.tell(e.after(time.Second).said("Ann", "and again"))
			c := query.Client{Conn: d.caller, WaitSeq: last}
			users, err := c.UserStats(t.Context(), "tv", "ann")
			if err != nil || users[0].TotalChatLines != 4 {
				t.Errorf("in the end: %+v, %v", users, err)
			}
			_, errs := stop()
			if text := d.log.String(); strings.Contains(text, "level=ERROR") {
				t.Errorf("the log: %.2000s", text)
			}
			for _, err := range errs {
				if !errors.Is(err, query.ErrUnavailable) && !errors.Is(err, query.ErrNotFound) {
					t.Errorf("meanwhile: %v", err)
				}
			}
		})
	}
}

// Many ask at a time while the projector writes.
func TestService_ManyAskWhileTheProjectorWrites(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	e := anEvening(t)
	d.tell(e)
	const callers, questions = 200, 4
	var work sync.WaitGroup
	errs := make(chan error, callers*questions)
	for range callers {
		work.Go(func() {
			for range questions {
				_, err := d.client.UserStats(t.Context(), "tv", "ann")
				errs <- err
			}
		})
	}
	for range 5 {
		for range 200 {
			e.after(time.Millisecond).said("bob", "busy")
		}
		d.tell(e)
	}
	work.Wait()
	for range callers * questions {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if c := d.service.Counts()["user_stats"]; c.Answered != callers*questions || c.Errors != 0 {
		t.Errorf("got %+v", c)
	}
}

// The service goes on when its server does.
func TestService_ServerRestarted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, streamstest.New(t), "main")
	e := anEvening(t)
	d.tell(e)
	if err := d.env.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.client.Timeout = 5 * time.Second // what was on its way is lost
	eventually(t, "it answers", func() bool {
		_, err := d.client.UserStats(t.Context(), "tv", "ann")
		return err == nil
	})
	d.client.Timeout = time.Minute
	if err := d.env.Conn.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := d.tell(e.happened(events.KindUserLeft, &events.UserLeft{Username: "zoe"}))
	if s, err := d.client.Status(t.Context(), ""); err != nil || s.Seq != last {
		t.Errorf("got seq %d, %v; want %d", s.Seq, err, last)
	}
}

// While a projector's tables are made anew the old ones answer, even those of
// another version as far as they have what is asked for.
func TestService_TablesAtRest(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	e := anEvening(t)
	e.tables()
	if _, err := e.db.ExecContext(t.Context(), "DROP TABLE outbound_messages"); err != nil {
		t.Fatal(err)
	}
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	if _, err := query.AtRest(t.Context(), store); !errors.Is(err, schema.ErrNoDatabase) {
		t.Errorf("before there are any: %v", err)
	}
	copyOf(t, schema.Store{Link: e.db.Path()}, store.Link+".g1")
	reopened(t, store.Link+".g1") // as a projector leaves it
	if err := store.Swap(schema.Generation{Number: 1, Path: store.Link + ".g1"}); err != nil {
		t.Fatal(err)
	}
	tables, err := query.AtRest(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	s, err := query.NewService(query.Config{Conn: env.Conn, Tables: tables, ReadLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c := query.Client{Conn: env.Connect(t), WaitSeq: e.seq, Wait: 10 * time.Millisecond, Timeout: time.Minute}
	if users, err := c.UserStats(t.Context(), "tv", "ann"); err != nil || users[0].TotalChatLines != 2 {
		t.Errorf("got %+v, %v", users, err)
	}
	if _, err := c.Status(t.Context(), ""); !errors.Is(err, query.ErrUnavailable) {
		t.Errorf("what these tables lack: %v", err)
	}
	c.WaitSeq++
	if _, err := c.UserStats(t.Context(), "tv", "ann"); !errors.Is(err, query.ErrNotYet) {
		t.Errorf("what does not come: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	reopened(t, store.Link)
}

// Questions that have to look at every line leave connections for others, and get
// an end each.
func TestService_SearchesThatReadMuch(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	e := anEvening(t).said("zoe", "the oldest 😀")
	e.tables()
	const lines = 110_000
	if _, err := e.db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
		SELECT 1000 + i, 'tv', i, 'zoe', 'something that somebody said some time ago', i, '', '', 0, 0 FROM n`, lines); err != nil {
		t.Fatal(err)
	}
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	copyOf(t, schema.Store{Link: e.db.Path()}, store.Link+".g1")
	reopened(t, store.Link+".g1")
	if err := store.Swap(schema.Generation{Number: 1, Path: store.Link + ".g1"}); err != nil {
		t.Fatal(err)
	}
	tables, err := query.AtRest(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	s, err := query.NewService(query.Config{Conn: env.Conn, Tables: tables, Conns: 2, ReadLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	caller := env.Connect(t)
	c := query.Client{Conn: caller, Timeout: 2 * time.Minute}
	if p, err := c.SearchChat(t.Context(), query.SearchOptions{Text: "😀"}); err != nil || len(p.Messages) != 1 || p.Before != 0 {
		t.Errorf("the oldest of them: %+v, %v", p, err)
	}
	inbox := caller.NATS().NewRespInbox()
	const searches = 8
	replies := make(chan *nats.Msg, searches)
	sub, err := caller.NATS().ChanSubscribe(inbox, replies)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for i := range searches { // no two of which are the same question
		if err := caller.NATS().PublishRequest("rosey.db.query.search_chat", inbox, fmt.Appendf(nil, `{"text":":)","limit":%d}`, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	first := <-replies
	if !strings.Contains(string(first.Data), `"before":11001`) {
		t.Errorf("a search that finds nothing: %.300s", first.Data)
	}
	if users, err := c.UserStats(t.Context(), "tv", "ann"); err != nil || len(users) != 1 {
		t.Errorf("meanwhile: %+v, %v", users, err)
	}
	if n := len(replies); n > searches/2 {
		t.Errorf("%d searches were answered before another question", n)
	}
	for range searches - 1 {
		// On a slow machine some are told to ask again.
		if m := <-replies; m.Header.Get(micro.ErrorCodeHeader) != "" && !strings.Contains(string(m.Data), "ask again") {
			t.Errorf("got %.300s", m.Data)
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// reopened opens a database for writing and closes it, as a projector does.
func reopened(t testing.TB, path string) {
	t.Helper()
	db, err := schema.OpenWriter(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
