package schema

import (
	"context"
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
