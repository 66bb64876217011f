package replay_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rosey/events"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

const secretText = "what nobody else may read"

// unreadable appends an event that no version of the program can apply.
func unreadable(t *testing.T, env *streamstest.Env, id string) uint64 {
	t.Helper()
	return env.Append(t, streams.AppendMessage{
		Subject: events.Subject(events.KindMessageLog), MsgID: id, Data: []byte(`{"message":"` + secretText + `","username":7}`),
	})
}

func wantStopped(t *testing.T, err error, at uint64) {
	t.Helper()
	var stopped *replay.StoppedError
	var failure *projector.NewFailureError
	if !errors.As(err, &stopped) || !errors.As(err, &failure) || failure.Seq != at || !stopped.Kept || stopped.Seq != at-1 {
		t.Fatalf("error %v, want that it stopped at seq=%d and kept what comes before", err, at)
	}
	for _, word := range []string{fmt.Sprintf("seq=%d ", at), "subject=rosey.db.message.log", "kind=message.log", projector.ClassDecode, fmt.Sprintf("after seq=%d", at-1)} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	next, ok := replay.AfterFailure(err)
	if !ok || !strings.Contains(next, "--on-error dead-letter") || !strings.Contains(next, "--fresh") || !strings.Contains(next, fmt.Sprintf("after seq=%d", at-1)) {
		t.Errorf("the next step is %q", next)
	}
	if strings.Contains(err.Error()+next, secretText) {
		t.Errorf("%q, %q: it tells what was said", err, next)
	}
}

// Whatever the batches: what comes before the event is done, and not done again.
func TestInto_GoesOnWhereItStoppedAtAFailure(t *testing.T) {
	t.Parallel()
	env, dir := streamstest.New(t), t.TempDir()
	busyEvening(t, env)
	bad := []uint64{27, unreadable(t, env, "p9-2")} // the first is in the evening
	evening(t, env, "p4", 10)
	bad = append(bad, unreadable(t, env, "p9-3"))
	evening(t, env, "p5", 5)
	plain := config(env)
	plain.AcceptFailures = true
	whole := filepath.Join(dir, "whole.db")
	all, err := replay.Into(t.Context(), whole, plain)
	if err != nil || all.DeadLetters != len(bad) {
		t.Fatalf("%+v, %v: want %d dead letters", all, err, len(bad))
	}
	for _, size := range []int{1, 7, 10_000} {
		path, cfg := filepath.Join(dir, fmt.Sprintf("%d.db", size)), config(env)
		cfg.BatchSize = size
		known := map[uint64]string{}
		cfg.Known = known
		for i, at := range bad[:2] {
			for range 2 { // as often as it is asked
				_, err := replay.Into(t.Context(), path, cfg)
				wantStopped(t, err, at)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is there before it is whole: %v", err)
			}
			if i == 0 {
				known[at] = projector.ClassDecode
			}
		}
		cfg.AcceptFailures = true
		res, err := replay.Into(t.Context(), path, cfg)
		if err != nil || res.ResumedAfter != bad[1]-1 || res.BegunAnew != "" || res.Events != all.Events || res.DeadLetters != all.DeadLetters {
			t.Errorf("%+v, %v: want it to go on after seq=%d, to the figures of %+v", res, err, bad[1]-1, all)
		}
		if dump(t, path) != dump(t, whole) {
			t.Errorf("in batches of %d it comes to other tables", size)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
			t.Errorf("left %v", left)
		}
	}
}

// What one rebuild may make a dead letter of, the next may have to stop at.
func TestInto_BeginsAnewWhereFailuresAreNotAcceptedAnyMore(t *testing.T) {
	t.Parallel()
	env, path := streamstest.New(t), filepath.Join(t.TempDir(), "into.db")
	evening(t, env, "p1", 5)
	bad := unreadable(t, env, "p9-1")
	evening(t, env, "p2", 20)
	cfg := config(env)
	cfg.AcceptFailures = true
	if stopped := interrupted(t, path, cfg); stopped.Seq <= bad {
		t.Fatalf("interrupted at seq=%d, want it beyond seq=%d", stopped.Seq, bad)
	}
	cfg.AcceptFailures = false
	_, err := replay.Into(t.Context(), path, cfg)
	wantStopped(t, err, bad)
}

// Another program reads what came before in another way.
func TestInto_BeginsAnewAfterAFailureWithAnotherProgram(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, to, why string
		accept              bool
	}{
		{"another program", `"fingerprint":"`, `"fingerprint":"x`, "program", true},
		{"another format", `"format":1`, `"format":2`, "version", true},
		{"another stream", `"stream_id":"`, `"stream_id":"x`, "another stream", true},
		{"erased since", `"deleted":0`, `"deleted":1`, "erased", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			evening(t, env, "p1", 10)
			at := unreadable(t, env, "p9-1")
			path, cfg := filepath.Join(t.TempDir(), "into.db"), config(env)
			_, err := replay.Into(t.Context(), path, cfg)
			wantStopped(t, err, at)
			name := path + ".partial" + schema.ResumeSuffix
			mark, err := os.ReadFile(name)
			if err != nil || !strings.Contains(string(mark), tt.from) {
				t.Fatalf("the mark is %s, %v", mark, err)
			}
			if err := os.WriteFile(name, []byte(strings.Replace(string(mark), tt.from, tt.to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg.AcceptFailures = true
			res, err := replay.Into(t.Context(), path, cfg)
			if err != nil || res.ResumedAfter != 0 || !strings.Contains(res.BegunAnew, tt.why) || res.DeadLetters != 1 {
				t.Errorf("%+v, %v: want it to begin anew, because of %q", res, err, tt.why)
			}
		})
	}
}

// Beside a running projection the tables stay, it goes on in them, and the next
// rebuild goes on where the first one stopped.
func TestSupervisor_GoesOnWhereARebuildStoppedAtAFailure(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	at := unreadable(t, env, "p9-1")
	evening(t, env, "p2", 10)
	s := supervise(t, supervisorConfig(env, store))
	s.caughtUp(t, env)
	change(t, store.Link, "DELETE FROM dead_letters") // an earlier program could read it
	s.ask(t, replay.Request{Kind: replay.KindRebuild})
	w := s.ended(t)
	if w.Class != "new_failure" || w.KeptSeq != at-1 || !strings.Contains(w.Remedy, fmt.Sprintf("after seq=%d", at-1)) || strings.Contains(w.Error, secretText) {
		t.Fatalf("it came to %+v", w)
	}
	s.wantUntouched(t, env, store, 1)
	if w = s.do(t, replay.Request{Kind: replay.KindRebuild, AcceptFailures: true}); w.Result.ResumedAfter != at-1 || w.Result.DeadLetters != 1 {
		t.Errorf("with --on-error dead-letter: %+v", w.Result)
	}
	if left := filesOf(t, store); slices.ContainsFunc(left, func(f string) bool { return strings.Contains(f, ".unfinished") || strings.Contains(f, ".resume") }) {
		t.Errorf("left %v", left)
	}
	evening(t, env, "p3", 5)
	s.caughtUp(t, env)
	s.stop()
	wantEqual(t, env, store)
}
