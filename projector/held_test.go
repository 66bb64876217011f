package projector

import (
	"path/filepath"
	"testing"

	"rosey/events"
	"rosey/schema"
)

// What is held back of a rebuild is no row until it is settled, survives a batch
// that is applied a second time, and counts once.
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
	a.stale = true // as after an event that a projection rejects
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
	a.totals.most = 1
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
