package doctor_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rosey/bot/spool"
	"rosey/events"
	"rosey/internal/doctor"
	"rosey/internal/installation"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"
)

const channel = "test"

// house is an installation with a real server, real spools and real tables.
type house struct {
	*streamstest.Env
	t   *testing.T
	dir installation.Dir
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: installation.Dir(t.TempDir())}
	if err := os.Chmod(string(h.dir), 0o700); err != nil {
		t.Fatal(err)
	}
	h.Env = streamstest.New(t, streamstest.WithSync(), streamstest.WithServer(func(c *embedded.Config) { c.StoreDir = h.dir.JetStream() }))
	return h
}

// run is one run of a bot on a spool.
type run struct {
	h        *house
	spool    *spool.Spool
	producer string
	said     int
}

// begin starts a run as the bot does.
func (h *house) begin(name string) *run {
	h.t.Helper()
	sp, err := spool.Open(h.t.Context(), spool.Config{Path: h.dir.Spool(name), Channel: channel})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = sp.Close() })
	now, before, err := sp.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	r := &run{h: h, spool: sp, producer: now.Producer}
	started := &events.BotStarted{Producer: now.Producer, Previous: before.Producer, PreviousSeq: int64(before.LastSeq)}
	if !before.Known {
		started.Previous = events.PreviousUnknown
	}
	r.put(events.KindBotStarted, started)
	return r
}

func (r *run) put(kind events.Kind, p ...events.Payload) {
	r.h.t.Helper()
	at := time.Now().UnixMilli()
	var list []*events.Event
	for _, p := range p {
		list = append(list, &events.Event{Platform: events.PlatformCyTube, Channel: channel, TimeMS: at, ReceivedMS: at, Kind: kind, Payload: p})
	}
	if err := r.spool.Put(r.h.t.Context(), list...); err != nil {
		r.h.t.Fatal(err)
	}
}

// say puts lines, as many at a time as the bot would while a disk is slow.
func (r *run) say(lines int) {
	r.h.t.Helper()
	const atOnce = 250
	for i := 0; i < lines; i += atOnce {
		var list []events.Payload
		for range min(atOnce, lines-i) {
			list = append(list, &events.MessageLog{Username: "ann", Message: fmt.Sprintf("whisper %d", r.said)})
			r.said++
		}
		r.put(events.KindMessageLog, list...)
	}
}

// drain sends everything to the stream.
func (r *run) drain() {
	r.h.t.Helper()
	ctx, cancel := context.WithCancel(r.h.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.spool.Drain(ctx, r.h.Stream) }()
	limit, stop := context.WithTimeout(r.h.t.Context(), 2*time.Minute)
	defer stop()
	if err := r.spool.Settle(limit); err != nil {
		r.h.t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		r.h.t.Error(err)
	}
}

// stop ends the run in good order, die without a word.
func (r *run) stop() {
	r.h.t.Helper()
	r.put(events.KindBotStopped, &events.BotStopped{Reason: "stopped"})
	r.drain()
	r.die()
}

func (r *run) die() {
	r.h.t.Helper()
	if err := r.spool.Close(); err != nil {
		r.h.t.Fatal(err)
	}
}

// project makes the tables hold what the stream holds.
func (h *house) project() {
	h.t.Helper()
	if _, err := replay.Swap(h.t.Context(), h.dir.Database(), replay.Config{Stream: h.Stream, AcceptFailures: true}); err != nil {
		h.t.Fatal(err)
	}
}

// change runs statements on the tables.
func (h *house) change(statements ...string) {
	h.t.Helper()
	g, err := h.dir.Database().Current()
	if err != nil {
		h.t.Fatal(err)
	}
	db, err := schema.OpenWriter(h.t.Context(), g.Path)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(h.t.Context(), s); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// erase takes messages out of the stream.
func (h *house) erase(seqs ...uint64) {
	h.t.Helper()
	s, err := h.Conn.JetStream().Stream(h.t.Context(), streams.StreamName)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, seq := range seqs {
		if err := s.SecureDeleteMsg(h.t.Context(), seq); err != nil {
			h.t.Fatal(err)
		}
	}
}

// foreign appends events of a publisher that is not a bot of this program.
func (h *house) foreign(ids ...string) {
	h.t.Helper()
	for _, id := range ids {
		data := fmt.Appendf(nil, `{"channel":"test","username":"bob","message":"hi","timestamp":1700000000,"id":%q}`, id)
		h.Append(h.t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: id, Data: data})
	}
}

// report examines the house; change may adapt what is asked.
func (h *house) report(change ...func(*doctor.Config)) doctor.Report {
	h.t.Helper()
	// Not as many samples as a busy machine has time for, but all.
	cfg := doctor.Config{Dir: h.dir, Conn: h.Conn, SampleTime: time.Minute}
	for _, f := range change {
		f(&cfg)
	}
	r, err := doctor.Examine(h.t.Context(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func check(t *testing.T, r doctor.Report, name string) doctor.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %s in %+v", name, r.Checks)
	return doctor.Check{}
}

func producer(t *testing.T, r doctor.Report, name string) doctor.Producer {
	t.Helper()
	for _, p := range r.Producers {
		if p.Producer == name {
			return p
		}
	}
	t.Fatalf("no producer %s in %+v", name, r.Producers)
	return doctor.Producer{}
}

// forget changes a spool behind its back: what it held is gone.
func (h *house) forget(statement string) {
	h.t.Helper()
	db, err := sql.Open("sqlite", h.dir.Spool("a"))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := db.ExecContext(h.t.Context(), statement); err != nil {
		h.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// again stores a message a second time, once the server has forgotten its id.
func (h *house) again(seq uint64) {
	h.t.Helper()
	js := h.Conn.JetStream()
	s, err := js.Stream(h.t.Context(), streams.StreamName)
	if err != nil {
		h.t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	window := cfg.Duplicates
	cfg.Duplicates = 100 * time.Millisecond
	if _, err := js.UpdateStream(h.t.Context(), cfg); err != nil {
		h.t.Fatal(err)
	}
	m, err := h.Stream.Get(h.t.Context(), seq)
	if err != nil {
		h.t.Fatal(err)
	}
	// The window that counts is the one the server started with.
	if err := h.Server.Restart(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.Conn = h.Connect(h.t)
	if h.Stream, err = streams.Open(h.t.Context(), h.Conn); err != nil {
		h.t.Fatal(err)
	}
	js = h.Conn.JetStream()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		if time.Now().After(deadline) {
			h.t.Fatal("the server does not forget the id")
		}
		ack, err := js.PublishMsg(h.t.Context(), &nats.Msg{Subject: m.Subject, Header: nats.Header{jetstream.MsgIDHeader: {m.MsgID}}, Data: m.Data})
		if err != nil {
			h.t.Fatal(err)
		}
		if !ack.Duplicate {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	cfg.Duplicates = window
	if _, err := js.UpdateStream(h.t.Context(), cfg); err != nil {
		h.t.Fatal(err)
	}
}

// withoutSpools looks at the same tables from a folder that has no spool.
func withoutSpools(c *doctor.Config) {
	dir := installation.Dir(filepath.Join(string(c.Dir), "elsewhere"))
	link := dir.Database().Link
	g, err := c.Dir.Database().Current()
	if err != nil {
		panic(err)
	}
	if err := errors.Join(os.MkdirAll(string(dir), 0o700), os.Rename(g.Path, link+".g1"), os.Symlink(filepath.Base(link)+".g1", link)); err != nil {
		panic(err)
	}
	c.Dir, c.External = dir, true
}

// purge removes the beginning of the stream, up to a sequence.
func (h *house) purge(before uint64) {
	h.t.Helper()
	s, err := h.Conn.JetStream().Stream(h.t.Context(), streams.StreamName)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := s.Purge(h.t.Context(), jetstream.WithPurgeSequence(before)); err != nil {
		h.t.Fatal(err)
	}
}

// end is the last sequence of the stream.
func (h *house) end() uint64 {
	h.t.Helper()
	s, err := h.Stream.State(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return s.LastSeq
}

// keepUp runs a projector on the tables until they hold what the stream holds.
func (h *house) keepUp(acceptGap bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	p, err := projector.New(ctx, projector.Config{Stream: h.Stream, Store: h.dir.Database(), AcceptGap: acceptGap})
	if err != nil {
		h.t.Fatal(err)
	}
	runCtx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(runCtx) }()
	if err := p.WaitFor(ctx, h.end()); err != nil {
		h.t.Error(err)
	}
	stop()
	<-done
	if err := p.Close(); err != nil {
		h.t.Error(err)
	}
}
