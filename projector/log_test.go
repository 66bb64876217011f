package projector

import (
	"errors"
	"os"
	"testing"

	"rosey/schema"
	"rosey/schema/schematest"
)

// Readers do not make the database's log grow for ever, nor does one of them hold
// the projection up.
func TestApplier_KeepsTheLogSmall(t *testing.T) {
	t.Parallel()
	items := newScript().play(arrived("ann"), posted("ann", "hi"), posted("ann", "ho"), left("ann")).items()
	db := schematest.Open(t)
	a := applier(t, db)
	a.logLimit = 1
	info, err := os.Stat(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := schema.OpenPool(t.Context(), schema.Opened{Path: db.Path(), File: info, Current: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.ReadCheckpoint(t.Context(), reading); err != nil {
		t.Fatal(err)
	}
	half := len(items) / 2
	applyAll(t, a, items[:half]...)
	if db.LogSize() == 0 {
		t.Error("the log is gone that somebody reads")
	}
	if err := errors.Join(reading.Rollback(), pool.Close()); err != nil {
		t.Fatal(err)
	}
	applyAll(t, a, items[half:]...)
	if got := db.LogSize(); got != 0 {
		t.Errorf("the log has %d bytes", got)
	}
	wantRows(t, db, "chat", chatRows, "tv ann hi", "tv ann ho")
}
