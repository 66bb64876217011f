package measure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"rosey/schema"
)

// weigh tells what the tables take in a database of so many events, each with
// its indexes.
func weigh(ctx context.Context, path string, events int) (_ Result, err error) {
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return Result{}, fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT iif(tbl_name LIKE 'chat_search%', 'chat_search', tbl_name), sum(pgsize)
		FROM dbstat JOIN sqlite_schema USING (name) GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return Result{}, fmt.Errorf("measure: weigh %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var res Result
	for rows.Next() {
		var table string
		var size int64
		if err := rows.Scan(&table, &size); err != nil {
			return Result{}, fmt.Errorf("measure: weigh %s: %w", path, err)
		}
		res.add(Metric{table + TableUnit, float64(size) / float64(events)})
	}
	if err := rows.Err(); err != nil {
		return Result{}, fmt.Errorf("measure: weigh %s: %w", path, err)
	}
	return res, nil
}

// TableUnit ends the unit of what one table takes.
const TableUnit = "-table-bytes/event"

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
		return 0, fmt.Errorf("measure: measure the size of %s: %w", path, err)
	}
	return total, nil
}
