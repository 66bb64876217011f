package replay_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"

	"pgregory.net/rapid"
)

// interruptedAfter returns a context that ends after so many batches.
func interruptedAfter(parent context.Context, cfg *replay.Config, batches int) context.Context {
	ctx, cancel := context.WithCancel(parent)
	if batches == 0 {
		cancel()
	}
	cfg.Crash = func(at string) {
		if at != "projector.after_commit" {
			return
		}
		if batches--; batches <= 0 {
			cancel()
		}
	}
	return ctx
}

// busyEvening is one with all that a rebuild may stumble over.
func busyEvening(t *testing.T, env *streamstest.Env) {
	t.Helper()
	evening(t, env, "p1", 20)
	env.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMessageLog), MsgID: "p9-1", Data: []byte("{")})
	env.Append(t, message(t, "p1", 7, events.KindMessageLog, &events.MessageLog{Username: "ann", Message: "line 2 of p1"})) // again
	for part := range int64(3) {
		env.Append(t, message(t, "p2", int(part)+1, events.KindBotPart, &events.BotPart{
			Of: "p2-1", Whole: events.KindMessageLog, Part: part + 1, Parts: 3,
			Data: []string{`{"username":"bob",`, `"message":"in parts",`, `"channel":"test","time_ms":1795000099123}`}[part],
		}))
	}
	evening(t, env, "p3", 20)
	erase(t, env, 9, 10, 30)
}

func TestInto_InterruptedAnywhereComesToTheSame(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	busyEvening(t, env)
	plain := config(env)
	plain.AcceptFailures = true
	whole := filepath.Join(dir, "whole.db")
	res, err := replay.Into(t.Context(), whole, plain)
	if err != nil {
		t.Fatal(err)
	}
	want := dump(t, whole)
	n := 0
	few(t)
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		interrupted := 0
		for {
			cfg := plain
			cfg.BatchSize = rapid.IntRange(1, 12).Draw(rt, "batch")
			ctx := interruptedAfter(t.Context(), &cfg, rapid.IntRange(0, 5).Draw(rt, "batches"))
			got, err := replay.Into(ctx, path, cfg)
			if err == nil {
				if got.Events != res.Events || got.Duplicates != res.Duplicates || got.DeadLetters != res.DeadLetters || got.Seq != res.Seq {
					rt.Errorf("after %d interruptions %+v, want the figures of %+v", interrupted, got, res)
				}
				break
			}
			var stopped *replay.InterruptedError
			if errors.As(err, &stopped) && !stopped.Kept && stopped.Seq < res.Seq {
				rt.Fatalf("interrupted at seq=%d, and nothing is kept: %v", stopped.Seq, err)
			}
			if !errors.Is(err, context.Canceled) {
				rt.Fatal(err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				rt.Fatalf("the file is there before it is whole: %v", err)
			}
			interrupted++
		}
		if got := dump(t, path); got != want {
			rt.Fatalf("after %d interruptions:\n%s\nwant:\n%s", interrupted, got, want)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
			rt.Fatalf("left %v, want the file alone", left)
		}
	})
}

// few keeps a property short where nobody asked for more: each of its checks makes
// several files.
func few(t *testing.T) {
	t.Helper()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if asked {
		return
	}
	if err := flag.Set("rapid.checks", "12"); err != nil {
		t.Fatal(err)
	}
}

// interrupted leaves a rebuild that came to its third batch of five events.
func interrupted(t *testing.T, path string, cfg replay.Config) *replay.InterruptedError {
	t.Helper()
	cfg.BatchSize = 5
	ctx := interruptedAfter(t.Context(), &cfg, 3)
	_, err := replay.Into(ctx, path, cfg)
	var stopped *replay.InterruptedError
	if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) || !stopped.Kept || stopped.Seq < 15 {
		t.Fatalf("error %v, want an InterruptedError after three batches", err)
	}
	return stopped
}

func TestInto_GoesOnOnlyWhereNothingElseChanged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		change  func(t *testing.T, env *streamstest.Env, partial string, cfg *replay.Config)
		goesOn  bool
		refused error
	}{
		{"the same again", func(*testing.T, *streamstest.Env, string, *replay.Config) {}, true, nil},
		{"the stream has grown", func(t *testing.T, env *streamstest.Env, _ string, _ *replay.Config) { evening(t, env, "p5", 3) }, true, nil},
		{"asked to begin anew", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.Fresh = true }, false, nil},
		{"another limit", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.UntilSeq = 24 }, false, nil},
		{"a time as limit", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.UntilTime = time.Now() }, false, nil},
		{"one channel", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.Channel = channel }, false, nil},
		{"failures are accepted now", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.AcceptFailures = true }, true, nil},
		{"another default channel", func(_ *testing.T, _ *streamstest.Env, _ string, c *replay.Config) { c.DefaultChannel = "x" }, false, nil},
		{"a message was erased", func(t *testing.T, env *streamstest.Env, _ string, _ *replay.Config) { erase(t, env, 6) }, false, nil},
		{"another stream", func(t *testing.T, env *streamstest.Env, _ string, c *replay.Config) {
			recreate(t, env, false)
			evening(t, env, "p1", 20)
			c.Stream = env.Stream
		}, false, nil},
		{"an older state of the stream, grown since", func(t *testing.T, env *streamstest.Env, _ string, c *replay.Config) {
			recreate(t, env, true)
			evening(t, env, "p4", 30)
			c.Stream = env.Stream
		}, false, nil},
		{"a crash while it was gone on with", func(t *testing.T, _ *streamstest.Env, partial string, _ *replay.Config) {
			if err := os.Remove(partial + schema.ResumeSuffix); err != nil {
				t.Fatal(err)
			}
		}, false, nil},
		{"the file is gone", func(t *testing.T, _ *streamstest.Env, partial string, _ *replay.Config) {
			if err := os.Remove(partial); err != nil {
				t.Fatal(err)
			}
		}, false, nil},
		{"a mark that is none", func(t *testing.T, _ *streamstest.Env, partial string, _ *replay.Config) {
			if err := os.WriteFile(partial+schema.ResumeSuffix, []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false, nil},
		{"a mark of another file", func(t *testing.T, _ *streamstest.Env, partial string, _ *replay.Config) {
			mark, err := os.ReadFile(partial + schema.ResumeSuffix)
			if err == nil {
				at := strings.Index(string(mark), `"seq":`)
				err = os.WriteFile(partial+schema.ResumeSuffix, []byte(string(mark[:at])+`"seq":3,"was":`+string(mark[at+6:])), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, false, nil},
		{"somebody else's file", func(t *testing.T, _ *streamstest.Env, partial string, _ *replay.Config) {
			if err := errors.Join(os.Remove(partial+schema.ResumeSuffix), os.WriteFile(partial, []byte("shopping list"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, false, schema.ErrForeignDatabase},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, dir := streamstest.New(t), t.TempDir()
			evening(t, env, "p1", 20)
			path, cfg := filepath.Join(dir, "into.db"), config(env)
			stopped := interrupted(t, path, cfg)
			tt.change(t, env, path+".partial", &cfg)
			res, err := replay.Into(t.Context(), path, cfg)
			if tt.refused != nil {
				if !errors.Is(err, tt.refused) {
					t.Errorf("error %v, want %v", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]uint64{true: stopped.Seq}[tt.goesOn]; res.ResumedAfter != want {
				t.Errorf("went on after seq=%d, want %d", res.ResumedAfter, want)
			}
			cfg.Fresh = true
			if _, err := replay.Into(t.Context(), filepath.Join(dir, "whole.db"), cfg); err != nil {
				t.Fatal(err)
			}
			if got, want := dump(t, path), dump(t, filepath.Join(dir, "whole.db")); got != want {
				t.Errorf("tables:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// Between the rows and the end lie the indexes, each of which takes long where there
// is much.
func TestInto_InterruptedAmongTheIndexes(t *testing.T) {
	t.Parallel()
	for _, limited := range []string{"", channel} {
		env, dir := streamstest.New(t), t.TempDir()
		evening(t, env, "p1", 20)
		path, cfg := filepath.Join(dir, "into.db"), config(env)
		cfg.Channel = limited
		ctx, cancel := context.WithCancel(t.Context())
		cfg.Progress = func(p replay.Progress) {
			if p.Phase == replay.PhaseIndexes {
				cancel()
			}
		}
		_, err := replay.Into(ctx, path, cfg)
		var stopped *replay.InterruptedError
		if !errors.As(err, &stopped) || stopped.Kept != (limited == "") {
			t.Fatalf("error %v, want an interruption that can be gone on after: %v", err, limited == "")
		}
		evening(t, env, "p2", 20)
		cfg.Progress = nil
		res, err := replay.Into(t.Context(), path, cfg)
		if err != nil || (res.ResumedAfter == 26) != (limited == "") {
			t.Fatalf("%+v, %v: want it to go on where it can", res, err)
		}
		if _, err := replay.Into(t.Context(), filepath.Join(dir, "whole.db"), cfg); err != nil {
			t.Fatal(err)
		}
		want, err := schema.OpenForExamination(t.Context(), filepath.Join(dir, "whole.db"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := schema.OpenForExamination(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := schema.Examine(t.Context(), want, got, 5); err != nil || c.Different != 0 {
			t.Errorf("%+v, %v: want the same, indexes and all", c, err)
		}
		if err := errors.Join(want.Close(), got.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A crash discards what there is, at whatever point it comes.
func TestInto_ACrashIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"projector.before_commit", "projector.after_commit", "replay.before_mark", "replay.before_finish"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env, dir := streamstest.New(t), t.TempDir()
			evening(t, env, "p1", 20)
			path := filepath.Join(dir, "into.db")
			interrupted(t, path, config(env))
			cfg := config(env)
			cfg.BatchSize = 2
			ctx := t.Context()
			if point == "replay.before_mark" {
				ctx = interruptedAfter(ctx, &cfg, 2)
			}
			before := cfg.Crash
			cfg.Crash = func(at string) {
				if at == point {
					panic(point)
				}
				if before != nil {
					before(at)
				}
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the point was not reached")
					}
				}()
				_, _ = replay.Into(ctx, path, cfg)
			}()
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("the file is there: %v", err)
			}
			res, err := replay.Into(t.Context(), path, config(env))
			if err != nil || res.ResumedAfter != 0 {
				t.Fatalf("%+v, %v: want one from nothing", res, err)
			}
		})
	}
}

func TestInto_TwoAtOnce(t *testing.T) {
	t.Parallel()
	env, path := streamstest.New(t), filepath.Join(t.TempDir(), "into.db")
	evening(t, env, "p1", 20)
	cfg := config(env)
	var once bool
	cfg.Crash = func(at string) {
		if at != "projector.before_commit" || once {
			return
		}
		once = true
		var inUse *schema.InUseError
		if _, err := replay.Into(t.Context(), path, config(env)); !errors.As(err, &inUse) {
			t.Errorf("error %v, want an InUseError", err)
		}
	}
	if _, err := replay.Into(t.Context(), path, cfg); err != nil || !once {
		t.Fatal(err, once)
	}
}

func TestSwap_GoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 50)
	project(t, env, store)
	want := dump(t, store.Link)
	stop := func() *replay.InterruptedError {
		t.Helper()
		cfg := config(env)
		cfg.BatchSize = 5
		_, err := replay.Swap(interruptedAfter(t.Context(), &cfg, 3), store, cfg)
		var stopped *replay.InterruptedError
		if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) || !stopped.Kept {
			t.Fatalf("error %v, want an InterruptedError", err)
		}
		if got := dump(t, store.Link); got != want {
			t.Fatal("the database changed")
		}
		return stopped
	}
	stop()
	second := stop()
	if second.Seq < 30 {
		t.Errorf("the second came to seq=%d: it did not go on after the first", second.Seq)
	}
	// A projector that runs in between leaves it alone.
	evening(t, env, "p2", 10)
	project(t, env, store)
	want = dump(t, store.Link)
	res, err := replay.Swap(t.Context(), store, config(env))
	if err != nil || res.ResumedAfter != second.Seq {
		t.Fatalf("%+v, %v: want it to go on after seq=%d", res, err, second.Seq)
	}
	if got := dump(t, store.Link); got != want {
		t.Errorf("tables:\n%s\nwant:\n%s", got, want)
	}
	left, err := filepath.Glob(store.Link + ".g*")
	if err != nil || slices.ContainsFunc(left, func(p string) bool { return strings.Contains(filepath.Base(p)[len("rosey.db.g"):], ".") }) {
		t.Errorf("files %v, %v: want no marks", left, err)
	}
	project(t, env, store)
}

func TestSwap_ACrashedOneThatWentOnIsDiscarded(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 50)
	project(t, env, store)
	cfg := config(env)
	cfg.BatchSize = 5
	if _, err := replay.Swap(interruptedAfter(t.Context(), &cfg, 3), store, cfg); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	cfg = config(env)
	cfg.Crash = func(string) { panic("crash") }
	func() {
		defer func() { _ = recover() }()
		_, _ = replay.Swap(t.Context(), store, cfg)
	}()
	p, err := projector.New(t.Context(), projector.Config{Stream: env.Stream, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(store.Link + ".g*"); err != nil || len(left) != 1 {
		t.Errorf("files %v, %v: want the current one alone", left, err)
	}
}
