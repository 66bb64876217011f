package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/projector"
	"rosey/replay"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func trim(t *testing.T, env *streamstest.Env, first uint64) {
	t.Helper()
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err == nil {
		err = js.Purge(t.Context(), purgeTo(first))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestInto_AnAcceptedGapIsAcceptedForLater(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	trim(t, env, 10)
	cfg := config(env)
	cfg.AcceptGap = true
	dir := t.TempDir()
	first, err := replay.Into(t.Context(), filepath.Join(dir, "first.db"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if first.From != 10 {
		t.Errorf("made from seq=%d on, want 10", first.From)
	}
	second, err := replay.Into(t.Context(), filepath.Join(dir, "second.db"), config(env))
	if err != nil {
		t.Fatalf("the decision is not found: %v", err)
	}
	if second.Seq != first.Seq || dump(t, second.Path) != dump(t, first.Path) {
		t.Errorf("two rebuilds after one decision differ:\n%s\n%s", dump(t, first.Path), dump(t, second.Path))
	}
	if !strings.Contains(dump(t, first.Path), `stream_holes {"first_seq":1,"last_seq":9}`) {
		t.Errorf("no hole in\n%s", dump(t, first.Path))
	}
	trim(t, env, 12)
	if _, err := replay.Into(t.Context(), filepath.Join(dir, "third.db"), config(env)); !errors.Is(err, projector.ErrTrimmed) {
		t.Errorf("a larger trim: %v, want ErrTrimmed", err)
	}
}

// What is being trimmed while it is read would look like erased.
func TestInto_TrimmedWhileItIsRead(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	trimming := func() replay.Config {
		cfg := config(env)
		cfg.Crash = at("projector.before_begin", func() { trim(t, env, 5) })
		return cfg
	}
	file := filepath.Join(t.TempDir(), "into.db")
	if _, err := replay.Into(t.Context(), file, trimming()); !errors.Is(err, replay.ErrTrimmedMeanwhile) {
		t.Errorf("into a file: %v, want ErrTrimmedMeanwhile", err)
	}
	for _, name := range []string{file, file + ".partial", file + ".partial.resume"} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("left %s", name)
		}
	}
	env = streamstest.New(t)
	evening(t, env, "p1", 20)
	store := newStore(t)
	project(t, env, store)
	if v, err := replay.Verify(t.Context(), store, trimming(), 5); !errors.Is(err, replay.ErrTrimmedMeanwhile) {
		t.Errorf("a verification: %+v, %v, want ErrTrimmedMeanwhile", v, err)
	}
}

func TestInto_NothingOfTheStreamIsAsked(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	evening(t, env, "p1", 20)
	trim(t, env, 10)
	cfg := config(env)
	cfg.AcceptGap, cfg.UntilSeq = true, 9
	if _, err := replay.Into(t.Context(), filepath.Join(t.TempDir(), "into.db"), cfg); !errors.Is(err, replay.ErrNothingBefore) {
		t.Errorf("error %v, want ErrNothingBefore", err)
	}
}

// A database that holds what the stream lost is compared with nothing, and is
// kept when a rebuild takes its place.
func TestSwap_AGapKeepsTheDatabaseThatHasNone(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	old, before := current(t, store), dump(t, store.Link)
	trim(t, env, 10)
	if _, err := replay.Swap(t.Context(), store, config(env)); !errors.Is(err, projector.ErrTrimmed) {
		t.Fatalf("swapped without a decision: %v", err)
	}
	cfg := config(env)
	cfg.AcceptGap = true
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res.Kept != old.Path || dump(t, old.Path) != before {
		t.Errorf("kept %q, want %s as it was", res.Kept, old.Path)
	}
	project(t, env, store)
	v, err := replay.Verify(t.Context(), store, config(env), 5)
	if err != nil || !v.Equal {
		t.Errorf("verification %+v, %v", v, err)
	}
	// Once more: nothing more is lost, so nothing more is kept.
	if res, err = replay.Swap(t.Context(), store, config(env)); err != nil || res.Kept != "" {
		t.Errorf("kept %q, %v", res.Kept, err)
	}
}

func TestVerify_HasNothingToCompareWithAfterATrim(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	trim(t, env, 10)
	if _, err := projector.AcceptGap(t.Context(), env.Stream, 0); err != nil {
		t.Fatal(err)
	}
	_, err := replay.Verify(t.Context(), store, config(env), 5)
	var refused *projector.StartError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "nothing to compare") {
		t.Errorf("verification: %v, want a refusal", err)
	}
}

// A question gives nothing up, and does not offer to.
func TestVerify_OffersNoGapOnATrimmedStream(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 20)
	project(t, env, store)
	trim(t, env, 10)
	before, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range []bool{false, true} {
		cfg := config(env)
		cfg.AcceptGap = accept
		_, err := replay.Verify(t.Context(), store, cfg, 5)
		var refused *projector.StartError
		if !errors.Is(err, projector.ErrTrimmed) || !errors.As(err, &refused) || refused.Flag != "" || strings.Contains(refused.Remedy, projector.FlagAcceptGap) {
			t.Errorf("verification: %v, %+v, want a refusal that offers nothing", err, refused)
		}
	}
	if after, err := env.Stream.State(t.Context()); err != nil || after.LastSeq != before.LastSeq {
		t.Errorf("the stream ends at seq=%d, %v, before at seq=%d", after.LastSeq, err, before.LastSeq)
	}
}
