package schema_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"rosey/schema"
	"rosey/schema/schematest"
)

// Questions that overlap keep SQLite from beginning its log anew.
func TestDB_TrimLogBesideReaders(t *testing.T) {
	t.Parallel()
	w := schematest.Open(t)
	pool, err := schema.OpenPool(t.Context(), opened(t, w.Path()), 3)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tx, err := pool.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := schema.ReadCheckpoint(t.Context(), tx); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Millisecond) // what it takes to read
				_ = tx.Rollback()
			}
		})
	}
	rows := 0
	write := func() {
		t.Helper()
		if _, err := w.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
			INSERT INTO stream_holes SELECT ? + i, i FROM n`, rows); err != nil {
			t.Fatal(err)
		}
		rows += 2000
	}
	for w.LogSize() < 1<<20 {
		write()
	}
	for try := 0; w.LogSize() > 0; try++ {
		if try == 20 {
			t.Fatalf("the log keeps its %d bytes", w.LogSize())
		}
		if err := w.TrimLog(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
	write()
	var n int
	if err := pool.QueryRowContext(t.Context(), "SELECT count(*) FROM stream_holes").Scan(&n); err != nil || n != rows {
		t.Errorf("%d of %d rows, %v", n, rows, err)
	}
	// One that goes on reads what it began with, and holds nothing up for long.
	tx, err := pool.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.ReadCheckpoint(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	write()
	if err := w.TrimLog(t.Context()); err != nil || w.LogSize() == 0 {
		t.Errorf("a log that is being read: %d bytes, %v", w.LogSize(), err)
	}
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM stream_holes").Scan(&n); err != nil || n != rows-2000 {
		t.Errorf("%d rows, want %d as at the beginning, %v", n, rows-2000, err)
	}
	var timeout int
	if err := w.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout); err != nil || timeout != 10_000 {
		t.Errorf("the writer waits %d ms for others, %v", timeout, err)
	}
	if err := errors.Join(tx.Rollback(), pool.Close()); err != nil {
		t.Error(err)
	}
}

func TestDB_SyncLogBesideTheWriter(t *testing.T) {
	t.Parallel()
	w := schematest.Open(t)
	for i := range 3 {
		if err := w.SyncLog(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ExecContext(t.Context(), "INSERT INTO stream_holes VALUES (?, ?)", i, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.TrimLog(t.Context()); err != nil || w.LogSize() != 0 {
		t.Errorf("after a sync the log keeps %d bytes, %v", w.LogSize(), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.SyncLog(); err != nil {
		t.Errorf("no log: %v", err)
	}
}
