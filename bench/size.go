package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"rosey/schema"
)

// weighed are the tables that grow with the history.
var weighed = []string{"chat_messages", "chat_search", "user_actions", "user_sessions", "user_stats", "media_history"}

// weigh tells what the tables take in a database of so many events, each with
// its indexes.
func weigh(ctx context.Context, path string, events int) (_ Result, err error) {
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT iif(tbl_name LIKE 'chat_search%', 'chat_search', tbl_name), sum(pgsize)
		FROM dbstat JOIN sqlite_schema USING (name) GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("bench: weigh %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	sizes := map[string]float64{}
	for rows.Next() {
		var table string
		var size int64
		if err := rows.Scan(&table, &size); err != nil {
			return nil, fmt.Errorf("bench: weigh %s: %w", path, err)
		}
		sizes[table] = float64(size)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("bench: weigh %s: %w", path, err)
	}
	var res Result
	for _, table := range weighed {
		res = append(res, Metric{table + "-bytes/event", sizes[table] / float64(events)})
	}
	return res, nil
}

// folderSize is what the files in a folder, or one file, take on the disk.
func folderSize(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("bench: measure the size of %s: %w", path, err)
	}
	return total, nil
}
