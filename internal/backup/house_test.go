package backup_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

const channel = "lobby"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// house is a running installation: a server, a bot's spool, and tables.
type house struct {
	t      *testing.T
	dir    installation.Dir
	server *installation.Server
	spool  *spool.Spool

	producer string
	previous spool.Previous
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return enter(t, installation.Dir(filepath.Join(t.TempDir(), "data")))
}

// enter starts what runs on a data folder, as rosey up does.
func enter(t *testing.T, dir installation.Dir) *house {
	t.Helper()
	h := &house{t: t, dir: dir}
	var err error
	h.server, err = installation.StartServer(t.Context(), installation.ServerConfig{Dir: dir, NoListen: true, NoMonitor: true})
	must(t, err)
	t.Cleanup(func() { _ = h.server.Stop() })
	h.begin()
	return h
}

// begin starts a run of the bot.
func (h *house) begin() {
	h.t.Helper()
	var err error
	h.spool, err = spool.Open(h.t.Context(), spool.Config{Path: h.dir.Spool(channel), Channel: channel})
	must(h.t, err)
	h.t.Cleanup(func() { _ = h.spool.Close() })
	run, previous, err := h.spool.Begin(h.t.Context())
	must(h.t, err)
	h.producer, h.previous = run.Producer, previous
	started := &events.BotStarted{Producer: run.Producer, Previous: previous.Producer, PreviousSeq: int64(previous.LastSeq)}
	if !previous.Known {
		started.Previous = events.PreviousUnknown
	}
	h.put(events.KindBotStarted, started)
}

func (h *house) put(kind events.Kind, p events.Payload) {
	h.t.Helper()
	at := time.Now().UnixMilli()
	e := &events.Event{Platform: events.PlatformCyTube, Channel: channel, TimeMS: at, ReceivedMS: at, Kind: kind, Payload: p}
	must(h.t, h.spool.Put(h.t.Context(), e))
}

func (h *house) say(texts ...string) {
	h.t.Helper()
	for _, text := range texts {
		h.put(events.KindMessageLog, &events.MessageLog{Username: "ann", Message: text})
		time.Sleep(time.Millisecond) // chat of the same name, time and text is one line
	}
}

// drain sends everything to the stream.
func (h *house) drain() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.spool.Drain(ctx, h.server.Stream) }()
	limit, stop := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer stop()
	must(h.t, h.spool.Settle(limit))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		h.t.Error(err)
	}
}

// project lets a projector catch up with the stream.
func (h *house) project() {
	h.t.Helper()
	p, err := projector.New(h.t.Context(), projector.Config{Stream: h.server.Stream, Store: h.dir.Database()})
	must(h.t, err)
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	state, err := h.server.Stream.State(ctx)
	must(h.t, err)
	limit, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	must(h.t, p.WaitFor(limit, state.LastSeq))
	cancel()
	must(h.t, errors.Join(<-done, p.Close()))
}

// lines are the lines of chat in the tables.
func (h *house) lines() []string {
	h.t.Helper()
	db, err := schema.OpenReader(h.t.Context(), h.dir.Database().Link)
	must(h.t, err)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(h.t.Context(), "SELECT message FROM chat_messages ORDER BY seq")
	must(h.t, err)
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var text string
		must(h.t, rows.Scan(&text))
		list = append(list, text)
	}
	must(h.t, rows.Err())
	return list
}

// ids are the ids of all messages in the stream, in their order.
func (h *house) ids() []string {
	h.t.Helper()
	var list []string
	for _, m := range streamstest.ReadAll(h.t, h.server.Stream, streams.ReadOptions{}) {
		list = append(list, m.MsgID)
	}
	return list
}

// verify compares the tables with a rebuild.
func (h *house) verify() {
	h.t.Helper()
	v, err := replay.Verify(h.t.Context(), h.dir.Database(), replay.Config{Stream: h.server.Stream}, 5)
	must(h.t, err)
	if !v.Equal {
		h.t.Errorf("the tables differ from a rebuild: %+v", v.Differences)
	}
}

func (h *house) queue() *outbound.Queue {
	h.t.Helper()
	q, err := outbound.OpenQueue(h.t.Context(), h.server.Stream)
	must(h.t, err)
	return q
}

func (h *house) enqueue(text string) outbound.Message {
	h.t.Helper()
	m, _, err := h.queue().Enqueue(h.t.Context(), outbound.Request{Channel: channel, Text: text})
	must(h.t, err)
	return m
}

// take makes a backup of the house in a new folder.
func (h *house) take(change ...func(*backup.Config)) *backup.Set {
	h.t.Helper()
	cfg := backup.Config{Dir: filepath.Join(h.t.TempDir(), "backup"), Stream: h.server.Stream, Data: h.dir, Program: "test"}
	for _, f := range change {
		f(&cfg)
	}
	_, err := backup.Take(h.t.Context(), cfg)
	must(h.t, err)
	set, err := backup.Open(cfg.Dir)
	must(h.t, err)
	return set
}

// restore makes a data folder out of a backup.
func restore(t *testing.T, set *backup.Set, change ...func(*backup.Target)) (installation.Dir, backup.Restored) {
	t.Helper()
	to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "elsewhere"))}
	for _, f := range change {
		f(&to)
	}
	res, err := set.Restore(t.Context(), to)
	must(t, err)
	return to.Data, res
}

func numbered(producer string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%d", producer, i+1)
	}
	return list
}
