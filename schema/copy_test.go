package schema_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rosey/schema"
)

func writeSeq(ctx context.Context, db *schema.DB, seq uint64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(ctx, `INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow)
		VALUES (?, 'lobby', ?, 'ann', 'hello there', ?, '', '', 0, 0)`, int64(seq), int64(seq), int64(seq))
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO chat_search (rowid, message) VALUES (?, 'hello there')", int64(seq))
	}
	if err == nil {
		err = schema.WriteCheckpoint(ctx, tx, schema.Checkpoint{Seq: seq, StreamID: "s", Fingerprint: "f"})
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// A copy of a database that is written to has whole transactions: as many rows as
// its checkpoint says.
func TestCopyFile_WhileItIsWrittenTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from := filepath.Join(dir, "live.db")
	db, err := schema.Create(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const before = 50
	for seq := range uint64(before) {
		if err := writeSeq(t.Context(), db, seq+1); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for seq := uint64(before + 1); ctx.Err() == nil; seq++ {
			_ = writeSeq(ctx, db, seq)
		}
	})
	store := schema.Store{Link: filepath.Join(dir, "copy", "rosey.db")}
	fresh := filepath.Join(dir, "copy", "fresh")
	c, err := schema.CopyFile(t.Context(), from, fresh)
	stop()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o600 || c.Seq < before {
		t.Errorf("checkpoint %+v, %v, %v", c, info.Mode(), err)
	}
	if _, err := schema.CopyFile(t.Context(), from, fresh); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if g, err := store.Install(fresh); err != nil || g.Number != 1 {
		t.Fatalf("%+v, %v", g, err)
	}
	if _, err := store.Install(from); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	got, err := schema.OpenWriter(t.Context(), store.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	var rows, found uint64
	if err := got.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM chat_messages), (SELECT count(*) FROM chat_search WHERE chat_search MATCH 'hello')").Scan(&rows, &found); err != nil || rows != c.Seq || found != c.Seq {
		t.Errorf("%d rows, %d found, at checkpoint %d: %v", rows, found, c.Seq, err)
	}
	if check, err := schema.Check(t.Context(), got, 5); err != nil || check.Different > 0 {
		t.Errorf("check: %+v, %v", check, err)
	}
}

func TestCopyFile_WhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is a text and no database of any kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "to.db")
	for from, want := range map[string]error{filepath.Join(dir, "none"): schema.ErrNoDatabase, text: schema.ErrNotADatabase} {
		if _, err := schema.CopyFile(t.Context(), from, to); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", from, err, want)
		}
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left a file", from)
		}
	}
}
