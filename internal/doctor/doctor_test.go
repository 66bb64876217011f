package doctor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/doctor"
	"rosey/internal/installation"
	"rosey/projector"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// A situation is what happened to an installation, and what has to be said of
// the producer it returns.
type situation struct {
	name   string
	happen func(h *house) (producer string)
	look   func(*doctor.Config)

	state  doctor.State
	stream doctor.Verdict
	tables doctor.Verdict // empty: there is no database
	// check is what tells it, when the state is not ok.
	check string
}

var situations = []situation{
	{
		name: "stopped in good order",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete,
	},
	{
		name: "running",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictRunning, tables: doctor.VerdictRunning,
	},
	{
		name: "killed with events in the spool",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			r.say(5)
			r.die()
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictRunning, tables: doctor.VerdictRunning,
	},
	{
		name: "killed, and the next run vouches",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.die()
			next := h.begin("a")
			next.drain()
			h.project()
			return r.producer
		},
		look:  withoutSpools,
		state: doctor.Unknown, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete, check: doctor.ProducersStream, // the next run's own tail
	},
	{
		name: "killed, and its last events wait for the next run to send them",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			r.say(3)
			r.die()
			h.begin("a").die()
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictWaiting, tables: doctor.VerdictWaiting,
	},
	{
		name: "its spool is elsewhere",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			h.project()
			return r.producer
		},
		look:  withoutSpools,
		state: doctor.Unknown, stream: doctor.VerdictUnaccounted, tables: doctor.VerdictUnaccounted, check: doctor.ProducersStream,
	},
	{
		name: "its spool was lost",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			r.die()
			path := h.dir.Spool("a")
			if err := os.WriteFile(path+".damaged-20260101T000000Z", []byte("not a database any more"), 0o600); err != nil {
				h.t.Fatal(err)
			}
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if err := os.RemoveAll(path + suffix); err != nil {
					h.t.Fatal(err)
				}
			}
			h.begin("a").stop()
			h.project()
			return r.producer
		},
		state: doctor.Unknown, stream: doctor.VerdictUnaccounted, tables: doctor.VerdictUnaccounted, check: doctor.SpoolDamaged,
	},
	{
		name: "events vanished from the spool in the middle",
		happen: func(h *house) string {
			h.foreign("p-1", "p-2", "p-5", "p-6", "p-9")
			h.project()
			return "p"
		},
		state: doctor.Wrong, stream: doctor.VerdictGaps, tables: doctor.VerdictGaps, check: doctor.ProducersStream,
	},
	{
		name: "the beginning is missing",
		happen: func(h *house) string {
			h.foreign("p-4", "p-5")
			return "p"
		},
		state: doctor.Wrong, stream: doctor.VerdictGaps, check: doctor.ProducersStream,
	},
	{
		name: "the next run knows of more",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			r.say(7)
			r.die()
			h.forget("DELETE FROM events")
			h.begin("a").stop()
			h.project()
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictTailMissing, tables: doctor.VerdictTailMissing, check: doctor.ProducersStream,
	},
	{
		name: "a run of which nothing arrived",
		happen: func(h *house) string {
			r := h.begin("a")
			r.die()
			h.forget("DELETE FROM events")
			h.begin("a").stop()
			h.project()
			return r.producer
		},
		look:  withoutSpools,
		state: doctor.Wrong, stream: doctor.VerdictTailMissing, tables: doctor.VerdictTailMissing, check: doctor.ProducersStream,
	},
	{
		name: "the stream was restored to an older state",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.forget("UPDATE producers SET last_seq = last_seq + 9")
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictTailMissing, check: doctor.ProducersStream,
	},
	{
		name: "the stream was restored to a state older than the tables",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.forget("UPDATE producers SET last_seq = last_seq + 9")
			h.change("UPDATE producer_positions SET last_seq = last_seq + 9", "UPDATE projection_state SET seq = seq + 9")
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictTailMissing, tables: doctor.VerdictRunning, check: doctor.TablesStream,
	},
	{
		name: "the beginning of the stream is gone, and the tables have it",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.purge(10)
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete, check: doctor.StreamErased,
	},
	{
		name: "the beginning of the stream was given up",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.purge(10)
			if _, err := projector.AcceptGap(h.t.Context(), h.Stream, 0); err != nil {
				h.t.Fatal(err)
			}
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete,
	},
	{
		name: "the tables are behind",
		happen: func(h *house) string {
			h.begin("a").stop()
			h.project()
			r := h.begin("a")
			r.say(20)
			r.stop()
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictComplete, tables: doctor.VerdictBehind, check: doctor.ProjectorAlive,
	},
	{
		name: "the tables are behind, and everything is stopped",
		happen: func(h *house) string {
			h.begin("a").stop()
			h.project()
			r := h.begin("a")
			r.say(20)
			r.stop()
			return r.producer
		},
		look:  func(c *doctor.Config) { c.Stopped = true },
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictBehind,
	},
	{
		name: "messages were erased on request",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.erase(5, 6, 7, 12)
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete,
	},
	{
		name: "messages were erased, and the tables rebuilt since",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.erase(5, 6, 7, 12)
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete,
	},
	{
		name: "messages were erased before the tables had them",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.erase(5, 6, 7, 12)
			h.project()
			return r.producer
		},
		state: doctor.Unknown, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete, check: doctor.StreamErased,
	},
	{
		name: "a gap was given up, and the tables alone have what was before",
		happen: func(h *house) string {
			h.begin("a").stop()
			h.keepUp(false)
			r := h.begin("a") // its end is in the gap, and only its spool knows of it
			r.say(3)
			r.drain()
			h.keepUp(false)
			r.say(10)
			r.stop()
			next := h.begin("a")
			next.drain()
			h.purge(h.end())
			next.say(3)
			next.stop()
			h.keepUp(true)
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictGivenUp,
	},
	{
		name: "a gap was given up with a whole bot in it",
		happen: func(h *house) string {
			h.begin("a").stop()
			h.keepUp(false)
			r := h.begin("b")
			r.say(10)
			r.stop()
			next := h.begin("a")
			next.drain()
			h.purge(h.end())
			next.stop()
			h.keepUp(true)
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictRunning, tables: doctor.VerdictGivenUp,
	},
	{
		name: "the last messages of all were erased",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.drain()
			h.project()
			h.erase(20, 21)
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictRunning, tables: doctor.VerdictRunning,
	},
	{
		name: "an event is in the stream twice",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(2)
			r.stop()
			h.again(2)
			h.project()
			return r.producer
		},
		state: doctor.OK, stream: doctor.VerdictComplete, tables: doctor.VerdictComplete,
	},
	{
		name: "the tables lack events",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.change("UPDATE producer_positions SET gaps = '[[3,4]]', events = events - 2")
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictComplete, tables: doctor.VerdictGaps, check: doctor.ProducersAgreement,
	},
	{
		name: "the tables hold more than the stream",
		happen: func(h *house) string {
			r := h.begin("a")
			r.say(20)
			r.stop()
			h.project()
			h.change("UPDATE producer_positions SET last_seq = last_seq + 3")
			return r.producer
		},
		state: doctor.Wrong, stream: doctor.VerdictComplete, tables: doctor.VerdictRunning, check: doctor.ProducersAgreement,
	},
}

func TestExamine_Situations(t *testing.T) {
	t.Parallel()
	for _, tt := range situations {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			name := tt.happen(h)
			look := func(*doctor.Config) {}
			if tt.look != nil {
				look = tt.look
			}
			r := h.report(look)
			p := producer(t, r, name)
			if p.Stream == nil || p.Stream.Verdict != tt.stream {
				t.Errorf("the stream: %s, want verdict %q", text(p.Stream), tt.stream)
			}
			switch {
			case tt.tables == "" && p.Tables != nil:
				t.Errorf("the tables: %s, want none", text(p.Tables))
			case tt.tables != "" && (p.Tables == nil || p.Tables.Verdict != tt.tables):
				t.Errorf("the tables: %s, want verdict %q", text(p.Tables), tt.tables)
			}
			if r.State != tt.state {
				t.Errorf("it is %s, want %s: %s", r.State, tt.state, text(r))
			}
			if tt.check != "" {
				if c := check(t, r, tt.check); c.State == doctor.OK || c.Remedy == "" {
					t.Errorf("%s says %s, want %s and a remedy", tt.check, text(c), tt.state)
				}
			}
			if strings.Contains(text(r), "whisper") {
				t.Errorf("what was said is in the report: %s", text(r))
			}
		})
	}
}

func text(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestExamine_CountsWhatIsThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.foreign("p-1", "p-2", "p-5", "p-6", "p-9", "not numbered", "another one")
	h.project()
	r := h.report()
	p := producer(t, r, "p")
	for where, a := range map[string]*doctor.Account{"stream": p.Stream, "tables": p.Tables} {
		if got, want := fmt.Sprint(a.First, a.Last, a.Count, a.Missing, a.Gaps, a.Duplicates), "1 9 5 4 [[3 4] [7 8]] 0"; got != want {
			t.Errorf("%s: %s, want %s", where, got, want)
		}
	}
	if r.Stream.Unnumbered != 2 {
		t.Errorf("%d events are not numbered, want 2", r.Stream.Unnumbered)
	}
	h.again(3)
	h.project()
	p = producer(t, h.report(), "p")
	if p.Stream.Duplicates != 1 || p.Tables.Duplicates != 1 || !*p.Agree {
		t.Errorf("with a copy: %s", text(p))
	}
	if c := check(t, r, doctor.ProducersUnnumbered); !strings.Contains(c.Detail, "G3") {
		t.Errorf("it says %q", c.Detail)
	}
}

func TestExamine_DeadLettersAreNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "p-1", Data: []byte(`{"whisper"`)})
	h.project()
	c := check(t, h.report(), doctor.DeadLetters)
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "1 decode") || c.Remedy != "rosey dead-letters list" {
		t.Errorf("it says %s", text(c))
	}
}

func TestExamine_ADamagedSpoolThatWasReadIsSaidToBe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.die()
	f, err := os.OpenFile(h.dir.Spool("a"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 200), 0)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	h.begin("a").stop()
	c := check(t, h.report(), doctor.SpoolDamaged)
	if c.State != doctor.Unknown || !strings.Contains(c.Detail, "6 events were taken over") || !strings.Contains(c.Remedy, "move") {
		t.Errorf("it says %s", text(c))
	}
}

func TestExamine_OtherThingsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		check  string
		state  doctor.State
		damage func(t *testing.T, h *house)
	}{
		{doctor.TablesProgram, doctor.Wrong, func(_ *testing.T, h *house) { h.change("UPDATE projection_state SET fingerprint = 'x'") }},
		{doctor.TablesStream, doctor.Wrong, func(_ *testing.T, h *house) { h.change("UPDATE projection_state SET stream_id = 'another'") }},
		{doctor.TablesStream, doctor.Wrong, func(_ *testing.T, h *house) { h.change("UPDATE projection_state SET seq = 5000") }},
		{doctor.TablesIntegrity, doctor.Wrong, func(_ *testing.T, h *house) { h.change("DROP INDEX bot_sessions_time") }},
		{doctor.TablesPresent, doctor.Wrong, func(t *testing.T, h *house) {
			g, err := h.dir.Database().Current()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(g.Path, []byte(strings.Repeat("garbage", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{doctor.TablesPresent, doctor.Unknown, func(t *testing.T, h *house) {
			if err := os.Remove(h.dir.Database().Link); err != nil {
				t.Fatal(err)
			}
		}},
		{doctor.FilesPrivate, doctor.Wrong, func(t *testing.T, h *house) {
			if err := os.Chmod(h.dir.Spool("a"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{doctor.StreamErased, doctor.Wrong, func(_ *testing.T, h *house) {
			h.purge(3)
		}},
		{doctor.StreamDefinition, doctor.Wrong, func(t *testing.T, h *house) {
			s, err := h.Conn.JetStream().Stream(t.Context(), streams.StreamName)
			if err != nil {
				t.Fatal(err)
			}
			cfg := s.CachedInfo().Config
			cfg.MaxAge = time.Hour
			if _, err := h.Conn.JetStream().UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}},
		{doctor.StreamUsable, doctor.Wrong, func(t *testing.T, h *house) {
			if err := h.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
				t.Fatal(err)
			}
		}},
		{doctor.SpoolReadable, doctor.Unknown, func(t *testing.T, h *house) {
			path := filepath.Join(filepath.Dir(h.dir.Spool("a")), "b.db")
			if err := os.WriteFile(path, []byte("no spool"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.check, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			r := h.begin("a")
			r.say(5)
			r.stop()
			h.project()
			tt.damage(t, h)
			if c := check(t, h.report(), tt.check); c.State != tt.state || c.Remedy == "" {
				t.Errorf("it says %s, want %s and a remedy", text(c), tt.state)
			}
		})
	}
}

func TestExamine_WhatWaitsTooLongIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	later := func(c *doctor.Config) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } }
	if c := check(t, h.report(), doctor.SpoolWaiting); c.State != doctor.OK {
		t.Errorf("at once: %s", text(c))
	}
	if c := check(t, h.report(later), doctor.SpoolWaiting); c.State != doctor.Wrong {
		t.Errorf("after an hour: %s", text(c))
	}
	r.drain()
	if c := check(t, h.report(later), doctor.SpoolWaiting); c.State != doctor.OK {
		t.Errorf("once it is sent: %s", text(c))
	}
}

func TestExamine_ASpoolThatIsBeingSentIsNotWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(50)
	looked, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		<-looked
		r.drain()
	}()
	later := func(c *doctor.Config) {
		c.DrainTime = 2 * time.Minute // a disk may take long for the first of them
		c.Now = func() time.Time {
			select {
			case <-looked:
			default:
				// The clock is asked first of all, and once.
				time.AfterFunc(500*time.Millisecond, func() { close(looked) })
			}
			return time.Now().Add(time.Hour)
		}
	}
	c := check(t, h.report(later), doctor.SpoolWaiting)
	<-done
	if c.State != doctor.OK {
		t.Errorf("it says %s", text(c))
	}
}

// Tables of an older version are no damage: they are of an older version.
func TestExamine_TablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.stop()
	h.project()
	h.change("UPDATE projection_state SET fingerprint = 'older'")
	h.change("DROP INDEX bot_sessions_time")
	h.change("DROP TABLE outbound_messages")
	report := h.report()
	if c := check(t, report, doctor.TablesProgram); c.State != doctor.Wrong || !strings.Contains(c.Detail, "another version") {
		t.Errorf("the version: %s", text(c))
	}
	if c := check(t, report, doctor.TablesIntegrity); c.State != doctor.OK || !strings.Contains(c.Detail, "of the version that made it") {
		t.Errorf("the file: %s", text(c))
	}
}

func TestExamine_AdviceThatCanBeFollowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.stop()
	h.project()
	h.change("DROP INDEX bot_sessions_time")
	release, err := h.dir.Database().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.TablesIntegrity); !strings.HasPrefix(c.Remedy, "stop the projector, then rosey replay") {
		t.Errorf("while a projector runs: %s", text(c))
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.TablesIntegrity); !strings.HasPrefix(c.Remedy, "rosey replay") {
		t.Errorf("without one: %s", text(c))
	}
	if err := h.Conn.JetStream().DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.StreamUsable); !strings.HasPrefix(c.Remedy, "restore") {
		t.Errorf("without the stream: %s", text(c))
	}
}

func TestExamine_AnExternalServerIsTrustedOnRequest(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, _, err := streams.Setup(t.Context(), conn, streams.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	for trust, want := range map[bool]doctor.State{false: doctor.Unknown, true: doctor.OK} {
		r, err := doctor.Examine(t.Context(), doctor.Config{Dir: installation.Dir(t.TempDir()), Conn: conn, External: true, TrustSync: trust})
		if err != nil {
			t.Fatal(err)
		}
		if c := check(t, r, doctor.ServerSync); c.State != want {
			t.Errorf("trusted %t: %s", trust, text(c))
		}
	}
}

func TestExamine_WithoutAServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.begin("a").stop()
	h.project()
	r := h.report(func(c *doctor.Config) { c.Conn, c.ConnErr, c.External = nil, streams.ErrUnreachable, true })
	if c := check(t, r, doctor.ServerReachable); c.State != doctor.Wrong {
		t.Errorf("it says %s", text(c))
	}
	if c := check(t, r, doctor.ProducersTables); c.State != doctor.OK {
		t.Errorf("the tables can be looked at all the same: %s", text(c))
	}
	if r.Stream != nil {
		t.Errorf("a stream it cannot see: %s", text(r.Stream))
	}
}

// Nothing that a producer does while one looks may be called lost.
func TestExamine_WhileEventsArrive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				r.say(3)
				r.drain()
			}
		}
	}()
	for range 10 {
		if c := check(t, h.report(), doctor.ProducersStream); c.State != doctor.OK {
			t.Errorf("it says %s", text(c))
		}
	}
	close(stop)
	<-done
}
