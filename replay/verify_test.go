package replay_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func purgeTo(seq uint64) jetstream.StreamPurgeOpt { return jetstream.WithPurgeSequence(seq) }

func TestVerify_NamesTheRowsThatDiffer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, statement, table, text string
	}{
		{"changed", "UPDATE user_stats SET total_chat_lines = 99 WHERE username = 'ANN'", "user_stats", "99"},
		{"missing", "DELETE FROM chat_messages WHERE message LIKE 'line 3 %'", "chat_messages", "is missing"},
		{"extra", "INSERT INTO stream_holes VALUES (5, 6)", "stream_holes", "should not be there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), newStore(t)
			evening(t, env, "p1", 10)
			project(t, env, store)
			if v, err := replay.Verify(t.Context(), store, config(env), 5); err != nil || !v.Equal {
				t.Fatalf("before: %+v, %v", v, err)
			}
			change(t, store.Link, tt.statement)
			before := dump(t, store.Link)
			v, err := replay.Verify(t.Context(), store, config(env), 5)
			if err != nil {
				t.Fatal(err)
			}
			if v.Equal || v.Different != 1 || len(v.Differences) != 1 {
				t.Fatalf("%+v, want one difference", v)
			}
			d := v.Differences[0]
			if d.Table != tt.table || !strings.Contains(d.String(), tt.text) {
				t.Errorf("difference %s, want one of %s with %q", d, tt.table, tt.text)
			}
			if got := dump(t, store.Link); got != before {
				t.Error("verifying changed the database")
			}
			if left, _ := filepath.Glob(store.Link + ".verify*"); len(left) > 0 {
				t.Errorf("verifying left %v", left)
			}
		})
	}
}

func TestVerify_NamesWhatTheIndexesLost(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 80)
	project(t, env, store)
	change(t, store.Link, `INSERT INTO chat_search (chat_search, rowid, message) SELECT 'delete', seq, message FROM chat_messages LIMIT 50`)
	change(t, store.Link, "DROP INDEX chat_messages_key")
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil {
		t.Fatal(err)
	}
	if v.Equal || v.Different < 51 || len(v.Differences) != 5 {
		t.Fatalf("%+v, want one difference for the index, and for each message that is lost", v)
	}
	if d := v.Differences[0].String(); !strings.HasPrefix(d, "index chat_messages_key is missing") {
		t.Errorf("difference %s, want the index that is missing", d)
	}
	if d := v.Differences[1]; d.Table != "chat_search" || !strings.HasPrefix(d.Key, "term=") {
		t.Errorf("difference %s, want a word of the full-text index", d)
	}
	if _, err := replay.Swap(t.Context(), store, config(env)); err != nil {
		t.Fatal(err)
	}
	if v, err := replay.Verify(t.Context(), store, config(env), 5); err != nil || !v.Equal {
		t.Errorf("after the rebuild: %+v, %v", v, err)
	}
}

func TestVerify_BesideAProjectorThatGoesOn(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	evening(t, env, "p2", 10) // not projected yet: the comparison is at the checkpoint
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal || v.Seq != 16 {
		t.Errorf("%+v, %v: want equal at seq=16", v, err)
	}
}

// Messages that were erased after they were applied are named as what they are.
func TestVerify_NamesWhatWasErasedSince(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	erase(t, env, 5, 6) // before the tables are made: no difference
	project(t, env, store)
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal || v.Erased != 0 {
		t.Fatalf("%+v, %v: want equal", v, err)
	}
	last := v.Seq
	erase(t, env, 4, 8, 9, last)
	if v, err = replay.Verify(t.Context(), store, config(env), 5); err != nil || v.Equal || v.Erased != 4 || v.Extra == 0 {
		t.Errorf("%+v, %v: want four that were erased since", v, err)
	}
}

func erase(t *testing.T, env *streamstest.Env, seqs ...uint64) {
	t.Helper()
	stream, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range seqs {
		if err := stream.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatalf("erase seq=%d: %v", seq, err)
		}
	}
}

func TestVerify_WithoutADatabase(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	_, err := replay.Verify(t.Context(), schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, config(env), 5)
	if err == nil || !strings.Contains(err.Error(), schema.ErrNoDatabase.Error()) {
		t.Errorf("error %v, want that there is none", err)
	}
}

func TestVerify_WithoutACheckpoint(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 5)
	project(t, env, store)
	change(t, store.Link, "DELETE FROM projection_state")
	if _, err := replay.Verify(t.Context(), store, config(env), 5); !errors.Is(err, replay.ErrNoCheckpoint) {
		t.Errorf("error %v, want ErrNoCheckpoint", err)
	}
}
