package schema

import (
	"context"
	"errors"
	"fmt"
)

const (
	// searchTable is the full-text index of the chat.
	searchTable = "chat_search"
	// searchWords is a temporary view of it: each word, with the number of messages
	// it is in and how often it occurs.
	searchWords = "chat_search_words"
	// searchSizes is where the index keeps how many words each message has.
	searchSizes = "chat_search_docsize"

	searchWordsView = "CREATE VIRTUAL TABLE temp." + searchWords + " USING fts5vocab(main, " + searchTable + ", row)"
)

// FillSearch brings the full-text index up to the latest message. The index knows
// itself what it holds: the messages are added in the order of their sequences.
const FillSearch = `INSERT INTO chat_search (rowid, message)
	SELECT seq, message FROM chat_messages WHERE seq > (SELECT coalesce(max(id), 0) FROM chat_search_docsize)`

// compareSearch compares what the full-text index finds. It keeps no rows, so
// nothing about the messages themselves tells what it has lost.
func compareSearch(ctx context.Context, want, got Queryer, limit int, res *Comparison) error {
	var there int
	err := got.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", searchTable).Scan(&there)
	if err != nil {
		return fmt.Errorf("schema: look for %s: %w", searchTable, err)
	}
	if there == 0 {
		return nil // the definitions say so
	}
	rows := res.Rows // entries of an index are no rows
	defer func() { res.Rows, res.Others = rows, res.Others+res.Rows-rows }()
	for _, t := range []Table{
		{Name: searchTable, source: searchWords, Columns: []string{"term", "doc", "cnt"}, key: []int{0}, nocase: []bool{false}},
		{Name: searchTable, source: searchSizes, Columns: []string{"id", "sz"}, key: []int{0}, nocase: []bool{false}},
	} {
		if err := compareTable(ctx, t, want, got, limit, res); err != nil {
			return err
		}
	}
	return nil
}

// CheckSearch compares what the full-text index finds with the messages themselves:
// their words are indexed once more, in memory. The database, or a transaction on
// it, comes from OpenForExamination.
func CheckSearch(ctx context.Context, q Queryer, limit int) (res Comparison, err error) {
	want, err := CreateInMemory(ctx)
	if err != nil {
		return res, fmt.Errorf("schema: check %s: %w", searchTable, err)
	}
	defer func() { err = errors.Join(err, want.Close()) }()
	if err := indexAgain(ctx, want, q); err != nil {
		return res, fmt.Errorf("schema: check %s: %w", searchTable, err)
	}
	err = compareSearch(ctx, want, q, limit, &res)
	return res, err
}

// indexAgain fills the full-text index of a database in memory with the messages of
// another one.
func indexAgain(ctx context.Context, into *DB, q Queryer) (err error) {
	if _, err := into.ExecContext(ctx, searchWordsView); err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, "SELECT seq, message FROM chat_messages ORDER BY seq")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	tx, err := into.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to undo
	add, err := tx.PrepareContext(ctx, "INSERT INTO chat_search (rowid, message) VALUES (?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = add.Close() }()
	for rows.Next() {
		var seq int64
		var message string
		if err := rows.Scan(&seq, &message); err != nil {
			return err
		}
		if _, err := add.ExecContext(ctx, seq, message); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return tx.Commit()
}

// SearchRules are what the index has to know of the messages, whatever their words
// are: each of them, and none besides.
func SearchRules() []Rule {
	return []Rule{
		{searchTable, `SELECT 'seq=' || seq, 'cannot be found' FROM chat_messages c WHERE NOT EXISTS (SELECT 1 FROM ` + searchSizes + ` d WHERE d.id = c.seq)`},
		{searchTable, `SELECT 'seq=' || id, 'is found, and not there' FROM ` + searchSizes + ` d WHERE NOT EXISTS (SELECT 1 FROM chat_messages c WHERE c.seq = d.id)`},
	}
}
