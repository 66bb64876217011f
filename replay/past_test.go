package replay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// past is an installation of two channels whose database is copied from time to
// time, as it is at that moment.
type past struct {
	t     *testing.T
	env   *streamstest.Env
	store schema.Store
	rand  *rand.Rand
	dir   string

	numbers map[string]int
	said    []streams.AppendMessage // what may be said again
	live    *projector.Projector
	stop    func() // of the projector
	copies  []kept
}

// kept is a copy of the live database.
type kept struct {
	path       string
	checkpoint schema.Checkpoint
}

func newPast(t *testing.T, seed uint64) *past {
	p := &past{
		t: t, env: streamstest.New(t), store: newStore(t), rand: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), numbers: map[string]int{},
	}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

// start projects in small batches, so that there are checkpoints anywhere.
func (p *past) start() {
	p.t.Helper()
	live, err := projector.New(p.t.Context(), projector.Config{Stream: p.env.Stream, Store: p.store, BatchSize: 1 + p.rand.IntN(6)})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- live.Run(ctx) }()
	p.live = live
	p.stop = func() {
		cancel()
		if err := errors.Join(<-done, live.Close()); err != nil {
			p.t.Error(err)
		}
		p.stop = func() {}
	}
}

// event is one of a producer, on its own channel.
func (p *past) event(producer string, kind events.Kind, payload events.Payload) streams.AppendMessage {
	p.numbers[producer]++
	m := message(p.t, producer, p.numbers[producer], kind, payload)
	if producer == "radio1" {
		e := &events.Event{
			ID: m.MsgID, Platform: events.PlatformCyTube, Channel: "radio", TimeMS: begin + int64(p.numbers[producer])*700,
			ReceivedMS: begin + int64(p.numbers[producer])*700, Kind: kind, Payload: payload,
		}
		data, err := events.Encode(e)
		if err != nil {
			p.t.Fatal(err)
		}
		m.Data = data
	}
	return m
}

// burst appends a few messages of all sorts, some in one atomic batch.
func (p *past) burst() {
	p.t.Helper()
	producer := []string{"test1", "radio1"}[p.rand.IntN(2)]
	name := []string{"ann", "Ann", "bob", "cy"}[p.rand.IntN(4)]
	subject := events.Subject(events.KindMessageLog)
	var list []streams.AppendMessage
	for range 1 + p.rand.IntN(5) {
		switch p.rand.IntN(10) {
		case 0:
			list = append(list, p.event(producer, events.KindUserJoined, &events.UserJoined{User: events.User{Username: name, Rank: 1}}))
		case 1:
			list = append(list, p.event(producer, events.KindUserLeft, &events.UserLeft{Username: name}))
		case 2: // cannot be applied
			list = append(list, streams.AppendMessage{Subject: subject, Data: []byte(`{"username":7}`)})
		case 3: // neither id nor time nor channel: the stream's own time counts
			list = append(list, streams.AppendMessage{Subject: subject, Data: fmt.Appendf(nil, `{"username":%q,"message":"plain"}`, name)})
		case 4:
			p.numbers[producer]++
			n := p.numbers[producer]
			p.numbers[producer]++
			of := events.MakeID(producer, uint64(n))
			for part := range int64(2) {
				m := message(p.t, producer, n+int(part), events.KindBotPart, &events.BotPart{
					Of: of, Whole: events.KindMessageLog, Part: part + 1, Parts: 2, Data: []string{`{"username":"ann","message":`, `"in parts","channel":"radio"}`}[part],
				})
				list = append(list, m)
			}
		case 5:
			if len(p.said) > 0 { // again, at a distance in time: the server's window is no help
				again := p.said[p.rand.IntN(len(p.said))]
				again.MsgID = ""
				list = append(list, again)
			}
		default:
			m := p.event(producer, events.KindMessageLog, &events.MessageLog{Username: name, Message: fmt.Sprintf("line %d", p.numbers[producer])})
			p.said, list = append(p.said, m), append(list, m)
		}
	}
	if p.rand.IntN(3) == 0 && len(list) > 1 {
		if _, err := p.env.Stream.AppendBatch(p.t.Context(), list); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	p.env.Append(p.t, list...)
}

// outage appends while nobody projects, and erases some of it before anybody has.
func (p *past) outage() {
	p.t.Helper()
	p.stop()
	before, err := p.env.Stream.State(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	p.burst()
	p.burst()
	after, err := p.env.Stream.State(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for seq := before.LastSeq + 1; seq <= after.LastSeq; seq++ {
		if p.rand.IntN(4) == 0 {
			erase(p.t, p.env, seq)
		}
	}
	js, err := p.env.Conn.JetStream().Stream(p.t.Context(), streams.StreamName)
	if err == nil && p.rand.IntN(2) == 0 {
		// What was acknowledged is forgotten: all of it is delivered again.
		var name string
		if name, err = streams.ConsumerName("main"); err == nil {
			err = js.DeleteConsumer(p.t.Context(), name)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.start()
}

// keep copies the database as it is, wherever the projector stands.
func (p *past) keep() {
	p.t.Helper()
	path := filepath.Join(p.dir, fmt.Sprintf("kept%d.db", p.rand.Uint64()))
	g, err := p.store.Current()
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := schema.CopyFile(p.t.Context(), g.Path, path)
	if err != nil {
		p.t.Fatal(err)
	}
	if c.Seq > 0 && (len(p.copies) == 0 || p.copies[len(p.copies)-1].checkpoint.Seq != c.Seq) {
		p.copies = append(p.copies, kept{path, c})
	}
}

// moved waits until the tables hold more than the copy before did.
func (p *past) moved() {
	p.t.Helper()
	var before uint64
	if len(p.copies) > 0 {
		before = p.copies[len(p.copies)-1].checkpoint.Seq
	}
	for {
		state, err := p.env.Stream.State(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if state.LastSeq > before {
			break
		}
		p.burst() // one may have nothing to say
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	if err := p.live.WaitFor(ctx, before+1); err != nil {
		p.t.Fatalf("wait for seq=%d: %v", before+1, err)
	}
}

// settle waits until the tables hold everything.
func (p *past) settle() {
	p.t.Helper()
	p.stop()
	project(p.t, p.env, p.store)
	p.start()
}

// next is the first message after a sequence, nil for none.
func (p *past) next(seq uint64) *streams.Message {
	p.t.Helper()
	state, err := p.env.Stream.State(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for seq++; seq <= state.LastSeq; seq++ {
		m, err := p.env.Stream.Get(p.t.Context(), seq)
		if err == nil {
			return m
		}
		if !errors.Is(err, streams.ErrMessageNotFound) {
			p.t.Fatal(err)
		}
	}
	return nil
}

// equals rebuilds with a limit and compares, table for table, with a kept copy.
func (p *past) equals(k kept, what string, change func(*replay.Config)) {
	p.t.Helper()
	path := filepath.Join(p.dir, fmt.Sprintf("past%d.db", p.rand.Uint64()))
	cfg := config(p.env)
	cfg.AcceptFailures, cfg.BatchSize = true, 1+p.rand.IntN(50)
	change(&cfg)
	if _, err := replay.Into(p.t.Context(), path, cfg); err != nil {
		p.t.Fatal(err)
	}
	was, err := schema.OpenForExamination(p.t.Context(), k.path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = was.Close() }()
	is, err := schema.OpenForExamination(p.t.Context(), path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = is.Close() }()
	res, err := schema.Examine(p.t.Context(), was, is, 5)
	if err != nil || res.Different != 0 {
		p.t.Errorf("at seq=%d %s: %+v, %v: want what was kept", k.checkpoint.Seq, what, res, err)
	}
	if got, want := dump(p.t, path), dump(p.t, k.path); got != want {
		p.t.Errorf("at seq=%d %s the dumps differ", k.checkpoint.Seq, what)
	}
}

// The database as it was at any moment comes out of the stream again.
func TestInto_UntilATimeIsWhatWasKeptThen(t *testing.T) {
	t.Parallel()
	p := newPast(t, 5)
	for _, producer := range []string{"test1", "radio1"} {
		p.env.Append(t, p.event(producer, events.KindBotStarted, &events.BotStarted{Producer: producer}),
			p.event(producer, events.KindBotRecording, &events.BotRecording{Producer: producer}),
			p.event(producer, events.KindBotConnected, &events.BotConnected{Server: "ws://test"}),
			p.event(producer, events.KindUserRoster, &events.UserRoster{Users: []events.User{{Username: "ann", Rank: 2}}}))
	}
	p.settle()
	for step := range 24 {
		p.burst()
		switch step % 8 {
		case 7:
			p.moved()
			p.settle()
			p.keep()
		case 3:
			p.outage()
		case 1, 5: // wherever it is just then
			p.moved()
			for range 6 {
				p.burst()
			}
			p.stop()
			p.keep()
			p.start()
		}
	}
	p.moved()
	p.settle()
	p.keep()
	apart, together := 0, 0
	for _, k := range p.copies {
		p.equals(k, "by sequence", func(c *replay.Config) { c.UntilSeq = k.checkpoint.Seq })
		m, err := p.env.Stream.Get(t.Context(), k.checkpoint.Seq)
		if err != nil {
			t.Fatal(err)
		}
		after := p.next(k.checkpoint.Seq)
		if after != nil && !after.Time.After(m.Time) {
			together++ // only the sequence tells the two apart
			continue
		}
		p.equals(k, "at its time", func(c *replay.Config) { c.UntilTime = m.Time })
		if after == nil {
			p.equals(k, "later", func(c *replay.Config) { c.UntilTime = m.Time.Add(time.Hour) })
			continue
		}
		// Between two messages, up to the last nanosecond before the next.
		p.equals(k, "just before the next", func(c *replay.Config) { c.UntilTime = after.Time.Add(-1) })
		if after.Time.UnixMilli() == m.Time.UnixMilli() {
			apart++
		}
	}
	t.Logf("%d copies, %d with the next message in the same millisecond, %d at the same time", len(p.copies), apart, together)
	if len(p.copies) != 10 {
		t.Errorf("%d copies were kept: want one for each time", len(p.copies))
	}
}

// Messages of one millisecond, and of one instant.
func TestInto_UntilATimeAmongMessagesOfOneMillisecond(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	var batch []streams.AppendMessage
	for n := range 40 {
		batch = append(batch, message(t, "p1", n+1, events.KindMessageLog, &events.MessageLog{Username: "ann", Message: fmt.Sprint("line ", n)}))
	}
	if _, err := env.Stream.AppendBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	times := map[uint64]time.Time{}
	for seq := uint64(1); seq <= 40; seq++ {
		m, err := env.Stream.Get(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		times[seq] = m.Time
	}
	dir := t.TempDir()
	for _, seq := range []uint64{1, 13, 20, 40} {
		want := seq
		for want < 40 && !times[want+1].After(times[seq]) {
			want++
		}
		cfg := config(env)
		cfg.UntilTime = times[seq]
		res, err := replay.Into(t.Context(), filepath.Join(dir, fmt.Sprintf("%d.db", seq)), cfg)
		if err != nil || res.Seq != want {
			t.Errorf("until the time of seq=%d: %+v, %v: want all up to seq=%d", seq, res, err, want)
		}
		if o := schematest.Read(t, res.Path, schema.ReadOrigin); !o.UntilTime.Equal(times[seq]) || o.ToSeq != want {
			t.Errorf("origin %+v, want the time to the nanosecond", o)
		}
	}
}
