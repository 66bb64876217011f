package query

import (
	"path/filepath"
	"testing"

	"rosey/schema"
)

// What one question reads is of one moment, whatever is committed meanwhile.
func TestReader_AnAnswerIsOfOneMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rosey.db")
	w, err := schema.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := schema.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReader(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, end := range []func() error{r.close, db.Close, w.Close} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
	count := func(q schema.Queryer) (n int) {
		if err := q.QueryRowContext(t.Context(), "SELECT count(*) FROM stream_holes").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for round := range 2 {
		err := r.read(t.Context(), func(q schema.Queryer) error {
			before := count(q)
			if _, err := w.ExecContext(t.Context(), "INSERT INTO stream_holes VALUES (?, ?)", round+1, round+1); err != nil {
				return err
			}
			if after := count(q); before != round || after != before {
				t.Errorf("round %d: %d rows, then %d", round, before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
