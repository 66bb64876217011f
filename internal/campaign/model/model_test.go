package model_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/projector"
	"rosey/schema"
	"rosey/schema/schematest"

	"pgregory.net/rapid"
)

// A random history, projected as life has it, gives the tables that the model
// works out.
func TestModel_AnyHistoryGivesTheProjectorsTables(t *testing.T) {
	t.Parallel()
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		place := filepath.Join(dir, fmt.Sprint(n))
		defer func() { _ = os.RemoveAll(place) }()
		h := newHistory()
		for _, s := range rapid.SliceOfN(anyStep(rapid.SampledFrom(themes).Draw(rt, "theme")), 1, 60).Draw(rt, "steps") {
			s.play(h)
		}
		if len(h.messages) == 0 {
			return
		}
		db := project(rt, filepath.Join(place, "rosey.db"), h)
		defer func() { must(rt, db.Close()) }()
		m, err := h.modelled()
		must(rt, err)
		diffs, err := m.Compare(context.Background(), db.DB)
		must(rt, err)
		if len(diffs) > 0 {
			var b strings.Builder
			for _, d := range diffs {
				fmt.Fprintln(&b, d)
			}
			// What the rows are, so that the failure can be read.
			text, err := schema.Dump(context.Background(), db)
			must(rt, err)
			for row := range strings.Lines(text) {
				if table, _, _ := strings.Cut(row, " "); strings.Contains(b.String(), table) {
					b.WriteString(row)
				}
			}
			rt.Fatalf("%s\nevents:\n%s", b.String(), h)
		}
	})
}

// project applies the history in batches, some of which begin before the
// checkpoint, are given up half way, or follow a fresh start.
func project(t *rapid.T, path string, h *history) *schema.DB {
	ctx := context.Background()
	db, err := schematest.Create(ctx, path)
	must(t, err)
	giveUp := func() {}
	cfg := projector.ApplierConfig{DefaultChannel: mainChannel, Identity: identity}
	cfg.Crash = func(point string) {
		if point == "projector.before_commit" {
			giveUp()
		}
	}
	a, err := projector.NewApplier(ctx, db, cfg)
	must(t, err)
	items := h.items()
	for done := 0; done < len(items); {
		from := max(0, done-rapid.IntRange(0, 3).Draw(t, "redelivered"))
		to := min(len(items), done+rapid.IntRange(1, 20).Draw(t, "batch"))
		batch, cancel := context.WithCancel(ctx)
		fate := rapid.SampledFrom([]string{"fine", "fine", "restart", "given up"}).Draw(t, "fate")
		giveUp = func() {}
		switch fate {
		case "restart":
			a, err = projector.NewApplier(ctx, db, cfg)
			must(t, err)
		case "given up":
			giveUp = cancel
		}
		_, err = a.Apply(batch, items[from:to])
		cancel()
		if fate == "given up" {
			continue
		}
		must(t, err)
		done = to
	}
	return db
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Helper()
		t.Fatalf("%v", err)
	}
}
