package projector

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func removeLink(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func exists(t testing.TB, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// Each row does something to the stream behind the back of a database that has
// applied ten messages of it.
func TestCheckStart_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, env *streamstest.Env, s *script)
		want error
	}{
		{"another stream", func(t *testing.T, env *streamstest.Env, _ *script) {
			recreate(t, env, false)
		}, ErrOtherStream},
		{"an older state", func(t *testing.T, env *streamstest.Env, s *script) {
			recreate(t, env, true)
			republish(t, env, s, 5)
		}, ErrAhead},
		{"an older state that has grown since", func(t *testing.T, env *streamstest.Env, s *script) {
			recreate(t, env, true)
			republish(t, env, s, 5)
			publish(t, env, s, by("Z", posts(5)...))
		}, ErrOtherHistory},
		{"trimmed above the checkpoint", func(t *testing.T, env *streamstest.Env, s *script) {
			publish(t, env, s, posts(5)...)
			js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
			if err == nil {
				err = js.Purge(t.Context(), jetstream.WithPurgeSequence(12))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, ErrTrimmed},
		{"trimmed at the checkpoint", func(t *testing.T, env *streamstest.Env, s *script) {
			publish(t, env, s, posts(5)...)
			js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
			if err == nil {
				err = js.Purge(t.Context(), jetstream.WithPurgeSequence(11))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"nothing", func(*testing.T, *streamstest.Env, *script) {}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), storeIn(t)
			s := newScript()
			l := run(t, liveConfig(env, store))
			l.waitFor(t, publish(t, env, s, arrived("ann"), posted("ann", "1"), posted("ann", "2"), posted("ann", "3"), posted("ann", "4"), posted("ann", "5")))
			l.stop(t)
			before := dumpOf(t, store)
			tt.do(t, env, s)
			p, err := New(t.Context(), liveConfig(env, store))
			if tt.want == nil {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			var refused *StartError
			if !errors.Is(err, tt.want) || !errors.As(err, &refused) || refused.Remedy == "" {
				t.Fatalf("started with %v, want a StartError with a remedy for %v", err, tt.want)
			}
			if got := dumpOf(t, store); got != before {
				t.Error("a refused start changed the tables")
			}
			release, err := store.Lock(t.Context())
			if err != nil {
				t.Fatalf("a refused start keeps the lock: %v", err)
			}
			if err := release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// recreate deletes the stream and makes it again, with the same identity if it
// is to look like one that was restored.
func recreate(t *testing.T, env *streamstest.Env, same bool) {
	t.Helper()
	js := env.Conn.JetStream()
	old, err := js.Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	if same {
		_, err = js.CreateStream(t.Context(), old.CachedInfo().Config)
	} else {
		_, _, err = streams.Setup(t.Context(), env.Conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	}
	if err != nil {
		t.Fatal(err)
	}
	if env.Stream, err = streams.Open(t.Context(), env.Conn); err != nil {
		t.Fatal(err)
	}
}

// republish appends the first n messages of a script again.
func republish(t *testing.T, env *streamstest.Env, s *script, n int) {
	t.Helper()
	for _, m := range s.messages[:n] {
		env.Append(t, streams.AppendMessage{Subject: m.Subject, MsgID: m.MsgID, Data: m.Data})
	}
}

// A stream that is replaced under a running projector ends it, too.
func TestProjector_StopsWhenItsStreamIsReplaced(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, newScript(), posts(5)...))
	recreate(t, env, false)
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("still running: %+v", l.Status())
	}
	if !errors.Is(l.err, ErrOtherStream) {
		t.Errorf("run: %v, want ErrOtherStream", l.err)
	}
}

func TestProjector_RefusesWhatIsNotItsDatabase(t *testing.T) {
	t.Parallel()
	foreign := func(t *testing.T, path string) {
		db, err := sql.Open("sqlite", path)
		if err == nil {
			_, err = db.ExecContext(t.Context(), "CREATE TABLE diary (entry TEXT); INSERT INTO diary VALUES ('dear diary')")
		}
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"a text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, schema.ErrNotADatabase},
		{"an empty file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, schema.ErrNotADatabase},
		{"somebody else's database", foreign, schema.ErrForeignDatabase},
		{"a header and rubbish", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("SQLite format 3\x00"+strings.Repeat("rubbish", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, schema.ErrNotADatabase},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), storeIn(t)
			// A good generation is there already; the file took its link's place.
			l := run(t, liveConfig(env, store))
			l.waitFor(t, publish(t, env, newScript(), posts(2)...))
			l.stop(t)
			good, err := store.Current()
			if err != nil {
				t.Fatal(err)
			}
			removeLink(t, store.Link)
			tt.make(t, store.Link)
			before, err := os.ReadFile(store.Link)
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(t.Context(), liveConfig(env, store))
			if !errors.Is(err, tt.want) {
				t.Errorf("started with %v, want %v", err, tt.want)
			}
			info, err := os.Lstat(store.Link)
			if err != nil || !info.Mode().IsRegular() {
				t.Fatalf("the file was moved: %v %v", info, err)
			}
			after, err := os.ReadFile(store.Link)
			if err != nil || string(after) != string(before) {
				t.Errorf("the file was changed (%v)", err)
			}
			if !exists(t, good.Path) {
				t.Error("a good generation was removed")
			}
		})
	}
}

func TestProjector_RefusesAnotherProgramsTables(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, newScript(), posts(2)...))
	l.stop(t)
	cfg := liveConfig(env, store)
	cfg.DefaultChannel = "another"
	if _, err := New(t.Context(), cfg); !errors.Is(err, ErrOtherProgram) {
		t.Errorf("started with %v, want ErrOtherProgram", err)
	}
}

func TestProjector_DiscardsAnUnfinishedRebuild(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	l := run(t, liveConfig(env, store))
	l.waitFor(t, publish(t, env, newScript(), posts(2)...))
	l.stop(t)
	next, err := store.Begin()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.CreateForLoading(context.Background(), next.Path)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, liveConfig(env, store))
	if exists(t, next.Path) {
		t.Errorf("%s is still there", next.Path)
	}
}

// Tables whose last message was damaged since go on: what they are made of follows it.
// That another stream is a copy of theirs, nothing shows then.
func TestCheckStart_TheCheckpointCannotBeRead(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithSync())
	env.FillBlock(t)
	env.DamageBlock(t, 1, time.Second)
	c := schema.Checkpoint{Seq: 1, StreamID: env.Stream.Identity().ID, MsgID: "bulk-1"}
	if err := CheckStart(t.Context(), env.Stream, c); err != nil {
		t.Errorf("a damaged message keeps the tables from going on: %v", err)
	}
	c.StreamID = "another"
	_, err := AdoptStream(t.Context(), env.Stream, c)
	if !errors.Is(err, ErrOtherStream) || !strings.Contains(err.Error(), streams.ErrUnreadable.Error()) {
		t.Errorf("adopting: %v, want that the message of the checkpoint cannot be read", err)
	}
}
