package projector

import (
	"context"
	"errors"
	"testing"

	"rosey/schema"
	"rosey/streams/streamstest"
)

// another makes a database beside the current one that is caught up to a sequence.
func another(t testing.TB, env *streamstest.Env, store schema.Store, upTo uint64) (schema.Generation, *schema.DB) {
	t.Helper()
	g, err := store.Begin()
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.Create(t.Context(), g.Path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewApplier(t.Context(), db, ApplierConfig{DefaultChannel: mainChannel, Identity: env.Stream.Identity()})
	if err != nil {
		t.Fatal(err)
	}
	applyAll(t, a, itemsUpTo(t, env.Stream, upTo)...)
	return g, db
}

func TestHandOver_GoesOnInTheOther(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	last := publish(t, env, s, posts(5)...)
	l.waitFor(t, last)
	g, db := another(t, env, store, last)
	err := l.HandOver(t.Context(), Handover{
		Ready: func(at schema.Checkpoint) (*schema.DB, error) {
			if at.Seq != last {
				t.Errorf("asked at seq=%d, want %d", at.Seq, last)
			}
			return db, nil
		},
		Swap: func() error { return store.Swap(g) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if st, o := l.Status(), l.Database(); st.Path != g.Path || o.Path != g.Path || !o.Current || st.Reopened > 0 || disturbed(st) {
		t.Errorf("status %+v, %+v", st, o)
	}
	l.waitFor(t, publish(t, env, s, posts(5)...))
	wantReplay(t, env, store)
	l.stop(t)
	if got := currentOf(t, store); got != g {
		t.Errorf("the current one is %+v", got)
	}
}

// Whatever is wrong with the other one, the projection goes on where it was.
func TestHandOver_RefusesWhatWouldBeWrong(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	for _, tt := range []struct {
		name   string
		behind uint64 // how far the other one is behind
		do     func(h *Handover, db *schema.DB)
		want   error
	}{
		{"behind", 1, func(*Handover, *schema.DB) {}, ErrBehind},
		{"not ready", 0, func(h *Handover, db *schema.DB) {
			h.Ready = func(schema.Checkpoint) (*schema.DB, error) { return nil, errors.Join(wrong, db.Close()) }
		}, wrong},
		{"not swapped", 0, func(h *Handover, _ *schema.DB) { h.Swap = func() error { return wrong } }, wrong},
		{"another program's", 0, func(_ *Handover, db *schema.DB) {
			_, _ = db.Exec("UPDATE projection_state SET fingerprint = 'another'")
		}, ErrOtherProgram},
		{"another stream's", 0, func(_ *Handover, db *schema.DB) {
			_, _ = db.Exec("UPDATE projection_state SET stream_id = 'another'")
		}, ErrOtherStream},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, store := streamstest.New(t), storeIn(t)
			s := newScript()
			l := run(t, liveConfig(env, store))
			last := publish(t, env, s, posts(5)...)
			l.waitFor(t, last)
			before := currentOf(t, store)
			g, db := another(t, env, store, last-tt.behind)
			swapped := false
			h := Handover{
				Ready: func(schema.Checkpoint) (*schema.DB, error) { return db, nil },
				Swap:  func() error { swapped = true; return store.Swap(g) },
			}
			tt.do(&h, db)
			if err := l.HandOver(t.Context(), h); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if db.PingContext(t.Context()) == nil {
				t.Error("the other one is still open")
			}
			if swapped || currentOf(t, store) != before {
				t.Error("the link was changed")
			}
			l.waitFor(t, publish(t, env, s, posts(5)...))
			if st := l.Status(); st.Path != before.Path || st.Trouble != nil || disturbed(st) {
				t.Errorf("status %+v", st)
			}
			wantReplay(t, env, store)
		})
	}
}

// Whatever the error says, the projection goes on in what the link names.
func TestHandOver_AnErrorAfterTheLinkChanged(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	s := newScript()
	l := run(t, liveConfig(env, store))
	last := publish(t, env, s, posts(5)...)
	l.waitFor(t, last)
	g, db := another(t, env, store, last)
	late := errors.New("late")
	err := l.HandOver(t.Context(), Handover{
		Ready: func(schema.Checkpoint) (*schema.DB, error) { return db, nil },
		Swap:  func() error { return errors.Join(store.Swap(g), late) },
	})
	if !errors.Is(err, late) {
		t.Fatalf("error %v", err)
	}
	l.waitFor(t, publish(t, env, s, posts(5)...))
	if st := l.Status(); st.Path != g.Path {
		t.Errorf("status %+v, want that it goes on in %s", st, g.Path)
	}
	wantReplay(t, env, store)
}

func TestHandOver_WithoutARunWaitsForTheContext(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	p, err := New(t.Context(), liveConfig(env, store))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if err := p.HandOver(ctx, Handover{}); !errors.Is(err, gone) {
		t.Errorf("error %v, want the context's", err)
	}
}

// A Run that ends answers the handover that it has taken and not begun.
func TestHandOver_IsAnsweredByARunThatEnds(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	p, err := New(t.Context(), liveConfig(env, store))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	taken := &handover{done: make(chan error, 1)}
	p.pending = taken
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-taken.done:
		if !errors.Is(err, errEnded) {
			t.Errorf("error %v, want %v", err, errEnded)
		}
	default:
		t.Error("whoever asked waits for ever")
	}
}

// One who has the lock already keeps it.
func TestNew_LockedByTheCaller(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := liveConfig(env, store)
	cfg.Locked = true
	project(t, cfg, publish(t, env, newScript(), posts(2)...))
	var used *schema.InUseError
	if _, err := store.Lock(t.Context()); !errors.As(err, &used) {
		t.Errorf("the lock is given back: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
