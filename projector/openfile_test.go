package projector

import (
	"path/filepath"
	"testing"

	"rosey/schema"
)

// Whoever may write to the file can have SQLite move the log into it, for as long
// as the log is.
func TestOpenFile_ALogMovedBySomebodyElseIsNoReplacement(t *testing.T) {
	t.Parallel()
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	db, err := OpenDatabase(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		"PRAGMA wal_autocheckpoint = 0",
		`WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 1000)
			INSERT INTO dead_letters (seq, subject, msg_id, stream_time_ms, reason_class, reason, payload)
			SELECT seq, '', '', 0, '', '', zeroblob(20000) FROM n`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	other, err := schema.OpenWriter(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	f, err := look(store.Link, db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.done()
	moved := make(chan error, 1)
	go func() {
		_, err := other.ExecContext(t.Context(), "PRAGMA wal_checkpoint")
		moved <- err
	}()
	for looks := 0; ; looks++ {
		select {
		case err := <-moved:
			if err != nil || looks == 0 {
				t.Errorf("%v after %d looks", err, looks)
			}
			if err := f.unchanged(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			return
		default:
		}
		if err := f.unchanged(); err != nil {
			t.Errorf("look %d: %v", looks, err)
			<-moved
			return
		}
	}
}
