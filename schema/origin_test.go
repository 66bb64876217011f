package schema_test

import (
	"testing"
	"time"

	"rosey/schema"
	"rosey/schema/schematest"
)

func TestOrigin_IsKeptAndIsNoRow(t *testing.T) {
	t.Parallel()
	want := schema.Origin{
		StreamID: "id", FromSeq: 3, ToSeq: 90, UntilSeq: 100, UntilTime: time.Date(2026, 4, 1, 0, 0, 0, 123_456_789, time.UTC),
		Channel: "movies", Archive: "/srv/archive", Program: "v1.2.3", Made: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	plain, made := loaded(t, nil), loaded(t, func(db *schema.DB) {
		if err := schema.WriteOrigin(t.Context(), db, schema.Origin{StreamID: "id", Program: "v0"}); err != nil {
			t.Fatal(err)
		}
	})
	if err := schema.WriteOrigin(t.Context(), made, want); err != nil {
		t.Fatal(err)
	}
	if got, err := schema.ReadOrigin(t.Context(), made); err != nil || got != want {
		t.Errorf("origin %+v, %v, want %+v", got, err, want)
	}
	if got, err := schema.ReadOrigin(t.Context(), plain); err != nil || got != (schema.Origin{}) {
		t.Errorf("origin %+v, %v of a database that has none", got, err)
	}
	// What people see with plain SQL.
	got := names(t, made, "SELECT channel || ' ' || until_time FROM database_origin WHERE to_seq = 90")
	if len(got) != 1 || got[0] != "movies 2026-04-01T00:00:00.123456789Z" {
		t.Errorf("plain SQL gives %q", got)
	}
	for _, pair := range [][2]*schema.DB{{plain, made}, {made, plain}} {
		if res, err := schema.Examine(t.Context(), examined(t, pair[0]), examined(t, pair[1]), 5); err != nil || res.Different != 0 {
			t.Errorf("comparison %+v, %v: want none", res, err)
		}
		if res, err := schema.Check(t.Context(), pair[0], 5); err != nil || res.Different != 0 {
			t.Errorf("check %+v, %v: want nothing wrong", res, err)
		}
	}
	a, b := schematest.Dump(t, plain), schematest.Dump(t, made)
	if a != b {
		t.Errorf("dumps differ:\n%s\n%s", a, b)
	}
}

func examined(t *testing.T, db *schema.DB) *schema.DB {
	t.Helper()
	e, err := schema.OpenForExamination(t.Context(), db.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestOrigin_WithoutLimits(t *testing.T) {
	t.Parallel()
	db := loaded(t, func(db *schema.DB) {
		if err := schema.WriteOrigin(t.Context(), db, schema.Origin{StreamID: "id", FromSeq: 1, Program: "v1"}); err != nil {
			t.Fatal(err)
		}
	})
	got := names(t, db, "SELECT 'none' FROM database_origin WHERE until_seq IS NULL AND until_time IS NULL AND channel IS NULL AND archive IS NULL")
	if len(got) != 1 {
		t.Error("what was not asked for is not NULL")
	}
}
