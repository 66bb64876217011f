package projector

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"rosey/events"
	"rosey/schema"
	"rosey/schema/schematest"
)

// What is held back of a rebuild is no row until it is settled, and counts once.
func TestApplier_HeldTotalsCountOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := schema.CreateForLoading(ctx, filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cfg := testApplier()
	cfg.Loading = true
	a, err := NewApplier(ctx, db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	lines := func() (n int) {
		t.Helper()
		if err := db.QueryRowContext(ctx, "SELECT coalesce(sum(total_chat_lines), 0) FROM user_stats").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	said := func(seq uint64, name string) Item {
		e := &events.Event{Kind: events.KindMessageLog, Channel: "tv", TimeMS: int64(seq), Payload: &events.MessageLog{Username: name, Message: "hi"}}
		it := Item{Event: e}
		it.Msg.Seq = seq
		return it
	}
	apply := func(items ...Item) {
		t.Helper()
		if _, err := a.Apply(ctx, items); err != nil {
			t.Fatal(err)
		}
	}
	apply(said(1, "ann"), said(2, "Bob"))
	apply(said(3, "Ann"), said(2, "bob"))
	if n := lines(); n != 0 {
		t.Errorf("%d lines are counted before they are settled", n)
	}
	for range 2 {
		if err := a.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if n := lines(); n != 3 {
			t.Errorf("%d lines are counted, want 3", n)
		}
	}
	a.held.totals.most = 1
	for seq := uint64(4); seq < 8; seq++ {
		apply(said(seq, "ann"))
	}
	if n := lines(); n != 6 {
		t.Errorf("%d lines are counted beyond what may be held, want 6", n)
	}
	if err := a.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := db.QueryRowContext(ctx, "SELECT username FROM user_stats WHERE username = 'ANN' AND total_chat_lines = 6").Scan(&name); err != nil || name != "ann" {
		t.Errorf("the row of ann: %q, %v", name, err)
	}
}

// A rejected event has memory read from the rows again, in the middle of whatever is
// held back: the rebuild makes the rows that were made live.
func TestApplier_HeldBackAndRejected(t *testing.T) {
	t.Parallel()
	defs := append(definitions[:len(definitions):len(definitions)], definition{"rejecting", 1, func() projection { return &rejecting{} }})
	items := newScript().play(
		arrived("ann", "Bob"), left("ann"), joined("cy"), posted("bob", "hi"), afk("bob", true), posted("bob", "reject"), left("bob"), joined("Ann"),
		posted("ann", "panic"), ranked("ann", 3), disconnected("closed"), posted("ann", "reject"), reconnected("bob", "ann"), left("Ann"), joined("bob"),
		in("radio", arrived("ann"), posted("ann", "reject"), left("ann")), posted("cy", "panic"),
	).items()
	live := schematest.Open(t)
	a, err := newApplier(t.Context(), live, testApplier(), defs)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		applyAll(t, a, it)
	}
	want := schematest.Dump(t, live)
	for _, size := range []int{1, 2, 3, 5, len(items)} {
		for _, most := range []int{1, 2, 1000} {
			path := filepath.Join(t.TempDir(), "rosey.db")
			db, err := schema.CreateForLoading(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testApplier()
			cfg.Loading = true
			a, err := newApplier(t.Context(), db, cfg, defs)
			if err != nil {
				t.Fatal(err)
			}
			a.held.totals.most, a.held.sessions.most = most, most
			for batch := range slices.Chunk(items, size) {
				applyAll(t, a, batch...)
			}
			if err := errors.Join(a.Complete(t.Context()), db.Finish(t.Context())); err != nil {
				t.Fatal(err)
			}
			read, err := schema.OpenReader(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if got := schematest.Dump(t, read); got != want {
				t.Errorf("in batches of %d, with %d held back, the tables differ:\n%s", size, most, diff(want, got))
			}
			if err := read.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// However long a rebuild is, what it holds back has a bound.
func TestApplier_HoldsBackNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	db, err := schema.CreateForLoading(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cfg := testApplier()
	cfg.Loading = true
	a, err := NewApplier(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.held.totals.most, a.held.sessions.most = 5, 5
	steps := []step{arrived()}
	for n := range 40 {
		steps = append(steps, joined(fmt.Sprint("user", n)))
	}
	for _, it := range newScript().play(steps...).items() {
		applyAll(t, a, it)
		if n := max(len(a.held.sessions.held), len(a.held.totals.held.order)); n > 5 {
			t.Fatalf("%d are held back, 5 may be", n)
		}
	}
}

// A rank that was held back stays where what comes later says nothing about it.
func TestApplier_HeldRankOutlastsWhatSaysNothingOfIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := schema.CreateForLoading(ctx, filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cfg := testApplier()
	cfg.Loading = true
	a, err := NewApplier(ctx, db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range newScript().play(arrived("ann"), ranked("ann", 3), posted("ann", "hi"), left("ann")).items() {
		applyAll(t, a, it)
	}
	if err := a.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	var rank float64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(rank, -1) FROM user_stats WHERE username = 'ann'").Scan(&rank); err != nil || rank != 3 {
		t.Errorf("the rank of ann is %v, %v; want 3", rank, err)
	}
}

// Memory that is read from the rows again before messages are passed over has what
// was held back.
func TestApplier_PassSettlesWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := schema.CreateForLoading(ctx, filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cfg := testApplier()
	cfg.Loading = true
	a, err := NewApplier(ctx, db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	items := newScript().play(arrived("ann"), left("ann")).items()
	applyAll(t, a, items[:len(items)-1]...)
	a.stale = true // as after a batch that was rolled back
	if err := a.Pass(ctx, a.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	applyAll(t, a, items[len(items)-1])
	if err := a.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	var open, all int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FILTER (WHERE ended_seq IS NULL), count(*) FROM user_sessions").Scan(&open, &all); err != nil || open != 0 || all != 1 {
		t.Errorf("%d sessions of %d are open, %v; want 0 of 1", open, all, err)
	}
}
