package loss_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/loss"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestTables_WhatTheyHaveOfWhatIsGone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		holes []loss.Run
		gone  []loss.Run
		from  uint64
		want  string // first, last and number of each
	}{
		{name: "nothing is gone"},
		{name: "one", gone: []loss.Run{{5, 5}}, want: "5-5:1"},
		{name: "a run", gone: []loss.Run{{5, 9}, {20, 20}}, want: "5-9:5 20-20:1"},
		{name: "beyond the checkpoint", gone: []loss.Run{{101, 200}}},
		{name: "across the checkpoint", gone: []loss.Run{{99, 200}}, want: "99-100:2"},
		{name: "they never had it", holes: []loss.Run{{5, 9}}, gone: []loss.Run{{5, 9}}},
		{name: "they never had the middle", holes: []loss.Run{{6, 8}}, gone: []loss.Run{{5, 9}}, want: "5-9:2"},
		{name: "nor several parts", holes: []loss.Run{{2, 3}, {6, 6}, {9, 12}}, gone: []loss.Run{{3, 10}}, want: "4-8:4"},
		{name: "a hole of several runs", holes: []loss.Run{{5, 30}}, gone: []loss.Run{{6, 7}, {9, 9}, {29, 32}}, want: "31-32:2"},
		{name: "before the beginning", gone: []loss.Run{{5, 9}, {20, 20}}, from: 8, want: "8-9:2 20-20:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made := loss.Tables{UpTo: 100, Holes: tt.holes}
			var got []string
			for _, e := range made.Have(tt.gone, max(tt.from, 1)) {
				got = append(got, fmt.Sprintf("%d-%d:%d", e.First, e.Last, e.Messages))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// What is asked at a start is what a rebuild would be refused for: people may erase
// some, one after the other and elsewhere.
func TestLook_TellsALossFromAnErasure(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	for n := range 60 {
		env.Append(t, streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: fmt.Sprint(n), Data: []byte("{}")})
	}
	look := func() *loss.Lost {
		t.Helper()
		lost, err := loss.Look(t.Context(), store, env.Stream)
		if err != nil {
			t.Fatal(err)
		}
		return lost
	}
	erase := func(first, last uint64) {
		t.Helper()
		stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
		if err != nil {
			t.Fatal(err)
		}
		for seq := first; seq <= last; seq++ {
			if err := stream.DeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lost := look(); lost != nil {
		t.Errorf("without a database: %v", lost)
	}
	g, err := store.Begin()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.Create(t.Context(), g.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := store.Swap(g); err != nil {
		t.Fatal(err)
	}
	at := func(seq uint64, id string) {
		t.Helper()
		if err := schema.WriteCheckpoint(t.Context(), db, schema.Checkpoint{Seq: seq, StreamID: id}); err != nil {
			t.Fatal(err)
		}
	}
	erase(2, 4)
	if lost := look(); lost != nil {
		t.Errorf("of tables that are made of nothing yet: %v", lost)
	}
	at(50, env.Stream.Identity().ID)
	erase(10, 10+streams.ManyAdjacent-1)
	erase(40, 42)
	if lost := look(); lost != nil {
		t.Errorf("so many may be meant: %v", lost)
	}
	erase(10+streams.ManyAdjacent, 10+streams.ManyAdjacent)
	lost := look()
	if lost == nil || lost.Messages != 23 || lost.FirstSeq != 2 || lost.LastSeq != 42 || lost.Detail != "23, of which one after the other seq=10 to seq=26" ||
		!strings.Contains(lost.Next, "rosey doctor") || !strings.Contains(lost.Next, "rosey replay --accept-erased") {
		t.Errorf("one more: %+v", lost)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO stream_holes VALUES (12, 25)"); err != nil {
		t.Fatal(err)
	}
	if lost := look(); lost != nil {
		t.Errorf("of tables that never had the most of it: %v", lost)
	}
	if _, err := db.ExecContext(t.Context(), "DELETE FROM stream_holes"); err != nil {
		t.Fatal(err)
	}
	if at(20, env.Stream.Identity().ID); look() != nil {
		t.Error("eleven of the run are beyond the checkpoint, and it counts as lost")
	}
	if at(50, "another"); look() != nil {
		t.Error("the tables of another stream tell what this one has lost")
	}
}
