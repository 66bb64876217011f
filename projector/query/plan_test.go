package query_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"rosey/projector/query"
	"rosey/schema"
)

// planner notes how SQLite answers what it is asked.
type planner struct {
	schema.Queryer
	t     *testing.T
	plans []string
}

func (p *planner) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	rows, err := p.Queryer.QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			p.t.Fatal(err)
		}
		p.plans = append(p.plans, detail)
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		p.t.Fatal(err)
	}
	return p.Queryer.QueryContext(ctx, text, args...)
}

// A question takes as long as its answer, not as the history: what is asked for a
// page or a user neither sorts nor reads a whole table.
func TestQueries_ReadWhatTheyAnswer(t *testing.T) {
	t.Parallel()
	e := newEvening(t).joined("ann").said("ann", "hello there").counted(1, 2).played("x")
	q := e.tables()
	for _, tt := range []struct {
		name  string
		ask   func(context.Context, schema.Queryer) error
		sorts bool
	}{
		{"the newest media", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.MediaHistory(ctx, q, query.PageOptions{Channel: "tv"})
			return err
		}, false},
		{"the newest counts", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.UserCountHistory(ctx, q, query.PageOptions{Channel: "tv"})
			return err
		}, false},
		{"the media of a day", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.MediaHistory(ctx, q, query.PageOptions{Channel: "tv", Period: query.PeriodDay})
			return err
		}, true},
		{"the counts of a day", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.UserCountHistory(ctx, q, query.PageOptions{Channel: "tv", Period: query.PeriodDay})
			return err
		}, true},
		{"a user", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.UserStats(ctx, q, "tv", "ann")
			return err
		}, false},
		{"lines", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.SearchChat(ctx, q, query.SearchOptions{Text: "hello"})
			return err
		}, false},
		{"the latest lines", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.RecentChat(ctx, q, "tv", 10)
			return err
		}, true}, // those of one millisecond
		{"outcomes of a channel", func(ctx context.Context, q schema.Queryer) error {
			_, err := query.OutboundHistory(ctx, q, query.OutboundOptions{Channel: "tv"})
			return err
		}, false},
	} {
		p := &planner{Queryer: q, t: t}
		if err := tt.ask(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for _, plan := range p.plans {
			whole := strings.HasPrefix(plan, "SCAN ") && !strings.Contains(plan, "VIRTUAL TABLE") && !strings.Contains(plan, "projection_state") && plan != "SCAN o"
			if whole || !tt.sorts && strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s: %s", tt.name, strings.Join(p.plans, "; "))
				break
			}
		}
	}
}
