package schema

import (
	"context"
	"errors"
	"fmt"
)

// How a Difference names what is no row.
const (
	definitionKey = "(definition)"
	integrityKey  = "(integrity)"
)

// OpenForExamination opens an existing database for Examine. Like a reader it
// changes nothing; it has one connection, which also sees the words of the
// full-text index.
func OpenForExamination(ctx context.Context, path string) (*DB, error) {
	if err := probe(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, dsn(path, reading, "temp_store(MEMORY)"), path, 1)
	if err != nil {
		return nil, classify(path, err)
	}
	if err := db.verifyOwn(ctx); err != nil {
		return nil, err
	}
	// The view of the index is a temporary table, which a connection that only
	// queries could not make: it becomes one afterwards.
	for _, s := range []string{
		searchWordsView,
		"PRAGMA query_only = 1",
	} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(classify(path, fmt.Errorf("schema: open %s: %w", path, err)), db.Close())
		}
	}
	return db, nil
}

// Examine is Compare, and beyond the rows it compares whatever else readers rely
// on: the definitions of tables, indexes and views, SQLite's own check of the
// file, and what the full-text index finds. Both databases, or transactions on
// them, come from OpenForExamination.
func Examine(ctx context.Context, want, got Queryer, limit int) (Comparison, error) {
	var res Comparison
	if err := compareDefinitions(ctx, want, got, limit, &res); err != nil {
		return res, err
	}
	before := res.Different
	if err := checkIntegrity(ctx, got, limit, &res); err != nil {
		return res, err
	}
	damaged := res.Different > before
	err := res.compareRows(ctx, want, got, limit)
	if err == nil {
		err = compareSearch(ctx, want, got, limit, &res)
	}
	if damaged && ctx.Err() == nil {
		// What cannot be read in a damaged file is part of the damage.
		return res, nil
	}
	return res, err
}

// definition is one entry of sqlite_master.
type definition struct{ kind, name, table, sql string }

func (d definition) key() string { return d.kind + " " + d.name }

// definitions lists what was defined by name; the inside of the full-text index
// belongs to SQLite.
func definitions(ctx context.Context, q Queryer) ([]definition, error) {
	rows, err := q.QueryContext(ctx, `SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master
		WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'chat\_search\_%' ESCAPE '\'
		AND name <> '`+originTable+`' ORDER BY type, name`)
	if err != nil {
		return nil, fmt.Errorf("schema: list definitions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []definition
	for rows.Next() {
		var d definition
		if err := rows.Scan(&d.kind, &d.name, &d.table, &d.sql); err != nil {
			return nil, fmt.Errorf("schema: list definitions: %w", err)
		}
		list = append(list, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: list definitions: %w", err)
	}
	return list, nil
}

func compareDefinitions(ctx context.Context, want, got Queryer, limit int, res *Comparison) error {
	wanted, err := definitions(ctx, want)
	if err != nil {
		return err
	}
	found, err := definitions(ctx, got)
	if err != nil {
		return err
	}
	res.Others += int64(len(wanted))
	have := map[string]definition{}
	for _, d := range found {
		have[d.key()] = d
	}
	for _, w := range wanted {
		g := have[w.key()]
		delete(have, w.key())
		if g != w && (g.name != "" || !hasRows(w)) {
			res.add(limit, Difference{Table: w.key(), Key: definitionKey, Want: w.sql, Got: g.sql})
		}
	}
	for _, g := range found {
		if _, extra := have[g.key()]; extra && !hasRows(g) {
			res.add(limit, Difference{Table: g.key(), Key: definitionKey, Got: g.sql})
		}
	}
	return nil
}

// hasRows says that Compare names the table itself when one side lacks it.
func hasRows(d definition) bool { return d.kind == "table" && d.name != searchTable }

// checkIntegrity runs SQLite's own check, which names what is damaged and shows
// nothing of what is in it.
func checkIntegrity(ctx context.Context, q Queryer, limit int, res *Comparison) error {
	rows, err := q.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return fmt.Errorf("schema: check integrity: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var verdict string
		if err := rows.Scan(&verdict); err != nil {
			return fmt.Errorf("schema: check integrity: %w", err)
		}
		if verdict != "ok" {
			res.add(limit, Difference{Table: "file", Key: integrityKey, Got: verdict})
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("schema: check integrity: %w", err)
	}
	return nil
}
