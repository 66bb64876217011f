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
	want, err := CreateInMemory(ctx)
	if err != nil {
		return res, fmt.Errorf("schema: check: %w", err)
	}
	defer func() { err = errors.Join(err, want.Close()) }()
	if err := compareTables(ctx, want, q, limit, &res); err != nil {
		return res, err
	}
	if err := compareDefinitions(ctx, want, q, limit, &res); err != nil {
		return res, err
	}
	err = checkIntegrity(ctx, q, limit, &res)
	return res, err
}

// CheckFile is Check without the definitions: for tables that another version of
// the program made, whose definitions are other ones.
func CheckFile(ctx context.Context, q Queryer, limit int) (res Comparison, err error) {
	err = checkIntegrity(ctx, q, limit, &res)
	return res, err
}

// compareTables compares which tables there are, and their columns.
func compareTables(ctx context.Context, want, got Queryer, limit int, res *Comparison) error {
	wanted, err := Tables(ctx, want)
	if err != nil {
		return err
	}
	found, err := Tables(ctx, got)
	if err != nil {
		return err
	}
	columns := map[string]string{}
	for _, t := range found {
		columns[t.Name] = fmt.Sprint(t.Columns)
	}
	for _, t := range wanted {
		if is, should := columns[t.Name], fmt.Sprint(t.Columns); is != should {
			res.add(limit, Difference{Table: t.Name, Key: "(table)", Want: should, Got: is})
		}
	}
	return nil
}
