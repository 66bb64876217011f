package schema

import (
	"context"
	"errors"
	"fmt"
)

// Check looks at one database alone: SQLite's own check of the file, and whether
// its definitions are this program's. It changes nothing, and what it names holds
// nothing of what is in the rows. At most limit differences are named.
func Check(ctx context.Context, q Queryer, limit int) (res Comparison, err error) {
	now, late, err := statements()
	if err != nil {
		return res, err
	}
	// In memory, where nothing is left behind; it lives as long as its connection.
	want, err := open(ctx, "file::memory:", "the definitions", 1)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, want.Close()) }()
	if err := want.exec(ctx, append(now, late...)); err != nil {
		return res, fmt.Errorf("schema: check: %w", err)
	}
	if err := compareDefinitions(ctx, want, q, limit, &res); err != nil {
		return res, err
	}
	err = checkIntegrity(ctx, q, limit, &res)
	return res, err
}
