package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// leaky is a source that does not deliver all that there is, as a replica does that
// has lost something or does not have it yet.
type leaky struct {
	source
	drops []uint64
	ends  uint64 // after this one, if it is not 0
}

func (l *leaky) Next(ctx context.Context) (streams.Message, error) {
	for {
		m, err := l.source.Next(ctx)
		if err == nil && slices.Contains(l.drops, m.Seq) {
			continue
		}
		if err == nil && l.ends > 0 && m.Seq > l.ends {
			return streams.Message{}, io.EOF
		}
		return m, err
	}
}

// ten is a stream of ten messages without the fourth, the fifth and the last.
func ten(t *testing.T) *streamstest.Env {
	t.Helper()
	env := streamstest.New(t)
	for n := range 10 {
		id := events.MakeID("p1", uint64(n+1))
		e := &events.Event{
			ID: id, Platform: events.PlatformCyTube, Channel: "test", TimeMS: 1_795_000_000_000, ReceivedMS: 1_795_000_000_000,
			Kind: events.KindMessageLog, Payload: &events.MessageLog{Username: "ann", Message: fmt.Sprint("line ", n)},
		}
		data, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		env.Append(t, streams.AppendMessage{Subject: events.Subject(e.Kind), MsgID: id, Data: data})
	}
	stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{4, 5, 10} {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

func TestWitnessed_OnlyWhatWasErasedIsLeftOut(t *testing.T) {
	t.Parallel()
	env := ten(t)
	for _, tt := range []struct {
		name     string
		from, to uint64
		leaky    leaky
		want     string // "" for all that there is
	}{
		{name: "whole", from: 1, to: 10},
		{name: "from an erased one on", from: 5, to: 10},
		{name: "up to an erased one", from: 1, to: 4},
		{name: "nothing but erased ones", from: 4, to: 5},
		{name: "one is missing", from: 1, to: 10, leaky: leaky{drops: []uint64{7}}, want: "seq=7, between seq=6 and seq=8"},
		{name: "one beside an erased one", from: 1, to: 10, leaky: leaky{drops: []uint64{3}}, want: "seq=3, between seq=2 and seq=6"},
		{name: "one behind an erased one", from: 1, to: 10, leaky: leaky{drops: []uint64{6}}, want: "seq=6, between seq=3 and seq=7"},
		{name: "the first", from: 1, to: 10, leaky: leaky{drops: []uint64{1}}, want: "seq=1, between seq=0 and seq=2"},
		{name: "it ends early", from: 1, to: 10, leaky: leaky{ends: 8}, want: "seq=9, between seq=8 and seq=11"},
		{name: "it has nothing", from: 2, to: 10, leaky: leaky{ends: 1}, want: "seq=2, between seq=1 and seq=11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Stream: env.Stream, tap: func(s source) source {
				tt.leaky.source = s
				return &tt.leaky
			}}
			cfg.defaults()
			src, err := cfg.source(t.Context(), tt.from, tt.to)
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			for err == nil {
				_, err = src.Next(t.Context())
			}
			if tt.want == "" && !errors.Is(err, io.EOF) || tt.want != "" && (!errors.Is(err, ErrLeftOut) || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("it ends with %v, want %q", err, tt.want)
			}
		})
	}
}

// A database is brought up to date by the same read: what is left out is no hole of
// it, and nobody projects in it.
func TestFollower_TakesNothingForErasedThatTheStreamHas(t *testing.T) {
	t.Parallel()
	env := ten(t)
	cfg := Config{Stream: env.Stream, UntilSeq: 3}
	cfg.defaults()
	path := filepath.Join(t.TempDir(), "rosey.db")
	if _, err := build(t.Context(), path, cfg); err != nil {
		t.Fatal(err)
	}
	f, err := follow(t.Context(), path, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.db.Close() }()
	cfg.tap = func(s source) source { return &leaky{source: s, drops: []uint64{9}} }
	if err := f.near(t.Context()); !errors.Is(err, ErrLeftOut) {
		t.Errorf("catching up: %v, want ErrLeftOut", err)
	}
	if err := f.over(t.Context(), schema.Checkpoint{Seq: 10, StreamID: env.Stream.Identity().ID}); !errors.Is(err, ErrLeftOut) {
		t.Errorf("coming to the checkpoint of the tables before: %v, want ErrLeftOut", err)
	}
	if made, err := madeOf(t.Context(), f.db); err != nil || len(made.Holes) > 1 {
		t.Errorf("holes %v, %v: want those of seq=4 and seq=5, if any", made.Holes, err)
	}
}

func TestSwap_TakesNothingForErasedThatTheStreamHas(t *testing.T) {
	t.Parallel()
	env, store := ten(t), schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	if _, err := Swap(t.Context(), store, Config{Stream: env.Stream}); err != nil {
		t.Fatal(err)
	}
	for name, drops := range map[string][]uint64{"in between": {7}, "at the end": {8, 9}, "all": {1, 2, 3, 6, 7, 8, 9}} {
		cfg := Config{Stream: env.Stream, AcceptErased: true, AcceptGap: true, AcceptFailures: true}
		cfg.tap = func(s source) source { return &leaky{source: s, drops: drops} }
		_, err := Swap(t.Context(), store, cfg)
		var refused *projector.StartError
		if !errors.Is(err, ErrLeftOut) || errors.As(err, &refused) {
			t.Errorf("%s: %v, want ErrLeftOut, which may pass", name, err)
		}
		var w Work
		if w.Fail(err); w.Class != "left_out" || !strings.Contains(w.Remedy, "rosey doctor") {
			t.Errorf("%s: whoever asked is told %+v", name, w)
		}
		_, err = Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), cfg)
		if !errors.Is(err, ErrLeftOut) {
			t.Errorf("%s, into a file: %v, want ErrLeftOut", name, err)
		}
	}
	if g, err := store.Current(); err != nil || g.Number != 1 {
		t.Errorf("current %+v, %v: want the first generation", g, err)
	}
}

// An outage just at a hole takes nothing from what was done before it.
func TestInto_GoesOnAfterNobodyCouldBeAskedWhatWasErased(t *testing.T) {
	t.Parallel()
	env := ten(t)
	path, cfg := filepath.Join(t.TempDir(), "into.db"), Config{Stream: env.Stream, BatchSize: 2}
	cfg.tap = func(s source) source { return &mute{source: s, from: 8} }
	_, err := Into(t.Context(), path, cfg)
	var stopped *StoppedError
	if !errors.As(err, &stopped) || !stopped.Kept || stopped.Seq != 6 || !errors.Is(err, streams.ErrUnvouched) {
		t.Fatalf("%v: want that it stopped after seq=6 and kept that", err)
	}
	var w Work
	if w.Fail(err); w.Class != "unvouched" || w.KeptSeq != 6 || !strings.Contains(w.Remedy, "after seq=6") {
		t.Errorf("whoever asked is told %+v", w)
	}
	cfg.tap = nil
	res, err := Into(t.Context(), path, cfg)
	if err != nil || res.ResumedAfter != 6 || res.Events != 7 || res.Erased != 2 {
		t.Errorf("%+v, %v: want it to go on after seq=6", res, err)
	}
}

// mute is a source whose holes nobody vouches for from a sequence on.
type mute struct {
	source
	from uint64
}

func (m *mute) Next(ctx context.Context) (streams.Message, error) {
	next, err := m.source.Next(ctx)
	if err == nil && next.Seq >= m.from {
		return streams.Message{}, fmt.Errorf("%w: %w", streams.ErrUnvouched, streams.ErrDisconnected)
	}
	return next, err
}
