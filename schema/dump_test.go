package schema_test

import (
	"strings"
	"testing"
	"unicode"

	"rosey/schema"
	"rosey/schema/schematest"
)

func compare(t *testing.T, want, got *schema.DB, limit int) schema.Comparison {
	t.Helper()
	c, err := schema.Compare(t.Context(), want, got, limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func putUser(t *testing.T, db *schema.DB, channel, name string, joins any) {
	t.Helper()
	exec(t, db, "INSERT INTO user_stats (channel, username, first_seen, last_seen, joins, rank) VALUES (?, ?, 1, 2, ?, 1.5)", channel, name, joins)
}

// The order of insertion, of deletion and of pages does not show.
func TestDump_IsCanonical(t *testing.T) {
	t.Parallel()
	one, other := schematest.Open(t), schematest.Open(t)
	users := []string{"ann", "Bob", "cy", "ÄRA", "_", "10", "9"}
	for i, u := range users {
		putUser(t, one, "tv", u, i)
		exec(t, one, "INSERT INTO stream_holes VALUES (?, ?)", i, i)
	}
	for i := len(users) - 1; i >= 0; i-- {
		putUser(t, other, "tv", "gone"+users[i], 0)
		putUser(t, other, "tv", users[i], i)
		exec(t, other, "INSERT INTO stream_holes VALUES (?, ?)", i, i)
	}
	exec(t, other, "DELETE FROM user_stats WHERE username LIKE 'gone%'")
	exec(t, other, "VACUUM")
	if a, b := schematest.Dump(t, one), schematest.Dump(t, other); a != b {
		t.Errorf("equal rows, two dumps:\n%s\n%s", a, b)
	}
	if c := compare(t, one, other, 10); c.Different != 0 || c.Rows != int64(2*len(users)) {
		t.Errorf("comparison %+v, want %d equal rows", c, 2*len(users))
	}
}

func TestDump_IsOneLineForEachRowWhateverIsInIt(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	texts := []string{"a\nb", "a\r\nb", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u009b31m", "\u2028", `"quoted"`, `\`, "", "\xff\xfe", "\ufffd\ufffd"}
	for i, text := range texts {
		exec(t, db, "INSERT INTO event_parts VALUES ('x', ?, 1, 'k', 1, ?)", i, text)
	}
	dump := schematest.Dump(t, db)
	lines := strings.Split(strings.TrimSuffix(dump, "\n"), "\n")
	if len(lines) != len(texts) {
		t.Errorf("%d lines for %d rows:\n%q", len(lines), len(texts), dump)
	}
	seen := map[string]bool{}
	for _, l := range lines {
		for _, r := range l {
			if unicode.IsControl(r) || r == '\u2028' {
				t.Errorf("a control character %U in %q", r, l)
			}
		}
		_, value, _ := strings.Cut(l, `"data":`)
		if seen[value] {
			t.Errorf("two texts look the same: %s", value)
		}
		seen[value] = true
	}
}

// Values that SQLite keeps apart stay apart.
func TestDump_KeepsTypesApart(t *testing.T) {
	t.Parallel()
	want := map[any]string{
		nil: "null", 1.0: "1.0", 1.5: "1.5", 1e300: "1e+300", -0.25: "-0.25", 1e21: "1e+21",
	}
	for v, text := range want {
		db := schematest.Open(t)
		exec(t, db, "INSERT INTO user_stats (channel, username, first_seen, last_seen, rank) VALUES ('tv', 'ann', 1, 2, ?)", v)
		if dump := schematest.Dump(t, db); !strings.Contains(dump, `"rank":`+text+"}") {
			t.Errorf("%v is written as %s", v, dump)
		}
	}
	db := schematest.Open(t)
	exec(t, db, "INSERT INTO dead_letters VALUES (1, 's', '', 0, 'c', 'r', x'00ff')")
	if dump := schematest.Dump(t, db); !strings.Contains(dump, `"payload":{"hex":"00ff"}`) {
		t.Errorf("a blob is written as %s", dump)
	}
}

func TestCompare_FindsEachKindOfDifference(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change string
		want   []string
	}{
		{"nothing", "", nil},
		{"a changed value", "UPDATE user_stats SET joins = 9 WHERE username = 'bob'", []string{`user_stats channel="tv" username="bob" changed`}},
		{"a changed spelling is the same row", "UPDATE user_stats SET username = 'BOB' WHERE username = 'bob'", []string{`user_stats channel="tv" username="bob" changed`}},
		{"a missing row", "DELETE FROM user_stats WHERE username = 'ann'", []string{`user_stats channel="tv" username="ann" missing`}},
		{"the last row missing", "DELETE FROM user_stats WHERE username = 'cy'", []string{`user_stats channel="tv" username="cy" missing`}},
		{"an extra row", "INSERT INTO user_stats (channel, username, first_seen, last_seen) VALUES ('tv', 'Abe', 1, 2)", []string{`user_stats channel="tv" username="Abe" extra`}},
		{
			"an extra row between others without case", "INSERT INTO user_stats (channel, username, first_seen, last_seen) VALUES ('tv', 'ANNE', 1, 2)",
			[]string{`user_stats channel="tv" username="ANNE" extra`},
		},
		{"numbers in order", "INSERT INTO stream_holes VALUES (2, 2)", []string{`stream_holes first_seq=2 extra`}},
		{"another row for one", "UPDATE stream_holes SET first_seq = 8 WHERE first_seq = 9", []string{`stream_holes first_seq=8 extra`, `stream_holes first_seq=9 missing`}},
		{"a table too many", "CREATE TABLE extra (a INTEGER PRIMARY KEY)", []string{"extra (table) extra"}},
		{"a table less", "DROP TABLE event_parts", []string{"event_parts (table) missing"}},
		{"a column more", "ALTER TABLE event_parts ADD COLUMN more TEXT", []string{"event_parts (table) changed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want, got := schematest.Open(t), schematest.Open(t)
			for _, db := range []*schema.DB{want, got} {
				for i, u := range []string{"ann", "bob", "cy"} {
					putUser(t, db, "tv", u, i)
				}
				for _, seq := range []int{1, 9, 10, 100} {
					exec(t, db, "INSERT INTO stream_holes VALUES (?, ?)", seq, seq)
				}
			}
			if tt.change != "" {
				exec(t, got, tt.change)
			}
			c := compare(t, want, got, 10)
			var list []string
			for _, d := range c.Differences {
				how := "changed"
				switch {
				case d.Got == "":
					how = "missing"
				case d.Want == "":
					how = "extra"
				}
				if d.String() == "" {
					t.Error("a difference without words")
				}
				list = append(list, d.Table+" "+d.Key+" "+how)
			}
			if strings.Join(list, "\n") != strings.Join(tt.want, "\n") || c.Different != int64(len(tt.want)) {
				t.Errorf("%d differences:\n%s\nwant:\n%s", c.Different, strings.Join(list, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestCompare_NamesAFewAndCountsAll(t *testing.T) {
	t.Parallel()
	want, got := schematest.Open(t), schematest.Open(t)
	for i := range 50 {
		exec(t, want, "INSERT INTO stream_holes VALUES (?, 0)", i)
	}
	if c := compare(t, want, got, 3); len(c.Differences) != 3 || c.Different != 50 || c.Rows != 50 {
		t.Errorf("%d named of %d different of %d rows", len(c.Differences), c.Different, c.Rows)
	}
}
