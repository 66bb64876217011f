package model

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Difference is one value, or one row, that a database and the model do not have
// alike.
type Difference struct {
	Table string
	Key   string
	// Column is empty where one side lacks the whole row.
	Column          string
	Model, Database string
}

// String is the difference in one line.
func (d Difference) String() string {
	if d.Column == "" {
		return fmt.Sprintf("%s %s: model %s, database %s", d.Table, d.Key, d.Model, d.Database)
	}
	return fmt.Sprintf("%s %s: %s: model %s, database %s", d.Table, d.Key, d.Column, d.Model, d.Database)
}

// maxDifferences bounds what is told of one table.
const maxDifferences = 50

// What stands for a whole row.
const (
	present = "has the row"
	absent  = "has none"
)

// Compare reads every table of a database and returns what differs, the first 50
// of each table. An error says that the database could not be read.
func (m *Model) Compare(ctx context.Context, db *sql.DB) ([]Difference, error) {
	// One transaction: a projector may be writing.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("model: begin to read: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var all []Difference
	for _, t := range tables {
		list, err := m.compareTable(ctx, tx, t)
		if err != nil {
			return nil, fmt.Errorf("model: compare %s: %w", t.name, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

func (m *Model) compareTable(ctx context.Context, tx *sql.Tx, t table) ([]Difference, error) {
	want := map[string][]any{}
	t.rows(m, func(row ...any) { want[t.keyOf(row)] = row })

	var diffs []Difference
	note := func(d Difference) {
		if len(diffs) < maxDifferences {
			diffs = append(diffs, d)
		}
	}
	rows, err := tx.QueryContext(ctx, t.query())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	got, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range got {
		into[i] = &got[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		t.hide(got)
		name := t.keyOf(got)
		row, found := want[name]
		if !found {
			note(Difference{Table: t.name, Key: name, Model: absent, Database: present})
			continue
		}
		delete(want, name)
		for i, c := range t.columns {
			if _, any := row[i].(unknown); any || c.use == key {
				continue
			}
			if w, g := show(row[i]), show(got[i]); w != g {
				note(Difference{t.name, name, c.name, w, g})
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var missing []string
	for name := range want {
		missing = append(missing, name)
	}
	slices.Sort(missing)
	for _, name := range missing {
		note(Difference{Table: t.name, Key: name, Model: present, Database: absent})
	}
	return diffs, nil
}

func (t table) query() string {
	var list []string
	for _, c := range t.columns {
		if c.sql != "" {
			list = append(list, c.sql)
		} else {
			list = append(list, c.name)
		}
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + t.name + t.where()
}

// where leaves out rows that say nothing.
func (t table) where() string {
	if t.name == "playlist_state" {
		return " WHERE current IS NOT NULL OR locked IS NOT NULL"
	}
	return ""
}

// hide replaces what no difference may show.
func (t table) hide(row []any) {
	for i, c := range t.columns {
		if c.use != personal && c.use != personalList {
			continue
		}
		var data string
		switch v := row[i].(type) {
		case string:
			data = v
		case []byte:
			data = string(v)
		default:
			continue
		}
		var list []string
		if c.use == personalList && json.Unmarshal([]byte(data), &list) == nil {
			data = jsonTexts(list)
		}
		row[i] = hidden(data)
	}
}

func (t table) keyOf(row []any) string {
	var list []string
	for i, c := range t.columns {
		switch c.use {
		case key:
			list = append(list, show(row[i]))
		case nameKey:
			name, _ := row[i].(string)
			list = append(list, show(lower(name)))
		}
	}
	return strings.Join(list, " ")
}
