package projector

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rosey/schema"

	"pgregory.net/rapid"
)

// No history, whatever is in it, makes tables that contradict each other.
func TestApplier_NoHistoryContradictsItself(t *testing.T) {
	t.Parallel()
	checks(t)
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n), "g1.db")
		defer func() { _ = os.RemoveAll(filepath.Dir(path)) }()
		theme := rapid.SampledFrom(themes).Draw(rt, "theme")
		s := newScript()
		for _, st := range rapid.SliceOfN(stepGen(theme), 1, 60).Draw(rt, "steps") {
			s.play(st.play)
		}
		items := s.items()
		if len(items) == 0 {
			return
		}
		projectFresh(rt, path, items, rapid.IntRange(1, 40).Draw(rt, "batch"))
		db, err := schema.OpenForExamination(t.Context(), path)
		must(rt, err)
		defer closeDB(rt, db)
		for _, r := range schema.Rules() {
			found, err := r.Find(t.Context(), db, 3)
			must(rt, err)
			for _, c := range found {
				rt.Errorf("%s", c)
			}
		}
		search, err := schema.CheckSearch(t.Context(), db, 3)
		must(rt, err)
		if search.Different > 0 {
			rt.Errorf("full-text search: %+v", search.Differences)
		}
		if rt.Failed() {
			rt.Fatalf("events:\n%s", told(items))
		}
	})
}
