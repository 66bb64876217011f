package schema_test

import (
	"strings"
	"testing"

	"rosey/schema"
)

func TestCheck_NamesWhatIsNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, statement, want string }{
		{"nothing", "", ""},
		{"an index is missing", "DROP INDEX bot_sessions_time", "index bot_sessions_time is missing"},
		{"a view is missing", "DROP VIEW recent_chat", "view recent_chat is missing"},
		{"a table is missing", "DROP TABLE user_stats", "user_stats: row (table) is missing"},
		{"a column is missing", "ALTER TABLE bot_sessions DROP COLUMN server", "bot_sessions: row (table)"},
		{"an index too many", "CREATE INDEX more ON dead_letters (subject)", "index more should not be there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := chatted(t)
			if tt.statement != "" {
				exec(t, db, tt.statement)
			}
			c, err := schema.Check(t.Context(), db, 5)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range c.Differences {
				got = append(got, d.String())
			}
			if text := strings.Join(got, "; "); (tt.want == "") != (c.Different == 0) || !strings.Contains(text, tt.want) {
				t.Errorf("%d differences: %s, want %q", c.Different, text, tt.want)
			}
			if text := strings.Join(got, "; "); strings.Contains(text, "evening") {
				t.Errorf("it shows what is in the rows: %s", text)
			}
		})
	}
}
