package doctor

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"rosey/schema"
)

const (
	// searchLines is how many lines of chat are indexed once more to compare what is
	// found. Where there are more, every line has to be in the index, and some have to
	// be found by their words.
	searchLines = 10_000
	// searchedNewest and searchedEvery are which.
	searchedNewest = 40
	searchedEvery  = 80
	// searchedLength bounds the words of a line that is searched for.
	searchedLength = 1_000
)

// lookAtSearch says whether the full-text index finds what was said.
func (e *examination) lookAtSearch(ctx context.Context) {
	limit := cmp.Or(e.cfg.SearchLines, searchLines)
	var lines int
	err := e.tables.tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM chat_messages LIMIT ?)", limit+1).Scan(&lines)
	if err != nil {
		return // the check of the file says so
	}
	if lines <= limit {
		e.boundedLook(ctx, TablesSearch, "full-text search finds every word of the chat", func(b *bounded) error {
			return b.look("full-text search", e.searchWhole)
		})
		return
	}
	e.boundedLook(ctx, TablesSearch, "full-text search knows every line of the chat, and finds those that were looked for; `rosey replay --verify` compares every word",
		func(b *bounded) error {
			if err := b.look("words", e.searchSome); err != nil {
				return err
			}
			return b.rules(e.tables.tx, schema.SearchRules())
		})
}

// searchWhole compares all that is found. It looks at the tables as they are now.
func (e *examination) searchWhole(ctx context.Context) (findings []string, err error) {
	db, err := schema.OpenForExamination(ctx, e.report.Tables.Path)
	if err != nil {
		return nil, fmt.Errorf("doctor: compare the full-text index: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("doctor: compare the full-text index: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	res, err := schema.CheckSearch(ctx, tx, 1)
	if err != nil {
		return nil, fmt.Errorf("doctor: compare the full-text index: %w", err)
	}
	if res.Different > 0 { // the entries are words, which are not shown
		findings = append(findings, fmt.Sprintf("chat_search (%s)", plural(int(res.Different), "entry differs", "entries differ")))
	}
	return findings, nil
}

// searchSome looks for some lines by all of their words.
func (e *examination) searchSome(ctx context.Context) (findings []string, err error) {
	rows, err := schema.Rows(ctx, e.tables.tx, `SELECT seq FROM chat_messages WHERE seq IN (SELECT seq FROM chat_messages ORDER BY seq DESC LIMIT ?1)
		UNION SELECT (SELECT seq FROM chat_messages WHERE seq >= p.value ORDER BY seq LIMIT 1)
			FROM (WITH RECURSIVE p(value, n) AS (SELECT 1, 0 UNION ALL SELECT 1 + (n + 1) * (SELECT max(seq) FROM chat_messages) / ?2, n + 1 FROM p WHERE n + 1 < ?2) SELECT value FROM p) p`,
		searchedNewest, searchedEvery)
	if err != nil {
		return nil, fmt.Errorf("doctor: look for lines: %w", err)
	}
	for _, row := range rows {
		var seq int64
		var message string
		var words bool
		if _, err := fmt.Sscan(row.Value("seq"), &seq); err != nil {
			continue // there is none so late
		}
		err := e.tables.tx.QueryRowContext(ctx, `SELECT message, coalesce((SELECT sz <> x'00' FROM chat_search_docsize WHERE id = seq), 0) FROM chat_messages WHERE seq = ?`, seq).
			Scan(&message, &words)
		if err != nil {
			return nil, fmt.Errorf("doctor: look for lines: %w", err)
		}
		if !words || len(message) > searchedLength || strings.ContainsRune(message, 0) {
			continue
		}
		var found bool
		err = e.tables.tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM chat_search WHERE chat_search MATCH ? AND rowid = ?", `"`+strings.ReplaceAll(message, `"`, `""`)+`"`, seq).
			Scan(&found)
		if err != nil {
			return nil, fmt.Errorf("doctor: look for lines: %w", err)
		}
		if !found {
			findings = append(findings, fmt.Sprintf("chat_search seq=%d cannot be found", seq))
		}
	}
	return findings, nil
}
