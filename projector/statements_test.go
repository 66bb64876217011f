package projector

import (
	"fmt"
	"path/filepath"
	"testing"

	"rosey/schema"
)

// However often a batch runs a statement, it has it open once: from the first batch
// on, and where there are more than are kept.
func TestStatements_EachIsOpenOnce(t *testing.T) {
	t.Parallel()
	db, err := schema.Create(t.Context(), filepath.Join(t.TempDir(), "rosey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	s := newStatements(db)
	const several = maxKept + 10
	for batch := range 3 {
		tx, err := s.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			for i := range several {
				var got int
				if err := tx.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d + ?", i), batch).Scan(&got); err != nil || got != i+batch {
					t.Fatalf("batch %d: %d, %v", batch, got, err)
				}
			}
		}
		if len(tx.own) != several || len(s.want)+len(s.kept) != several {
			t.Errorf("batch %d: %d open, %d to keep beside %d; want %d", batch, len(tx.own), len(s.want), len(s.kept), several)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.kept) != maxKept {
		t.Errorf("%d are kept", len(s.kept))
	}
}
