package query

import (
	"context"
	"fmt"
	"time"

	"rosey/schema"
)

// Period is how far back a question looks.
type Period string

// The periods that can be asked for.
const (
	PeriodDay   Period = "24h"
	PeriodWeek  Period = "7d"
	PeriodMonth Period = "30d"
	PeriodAll   Period = "all"
)

var periods = map[Period]time.Duration{PeriodDay: 24 * time.Hour, PeriodWeek: 7 * 24 * time.Hour, PeriodMonth: 30 * 24 * time.Hour}

// Span is a period as it was counted: from SinceMS on, which is 0 for everything,
// up to UntilMS, which is the newest moment the stream told where nobody named
// another. Period is empty for a span that was asked for by its ends.
type Span struct {
	Period  Period `json:"period"`
	SinceMS int64  `json:"since_ms"`
	UntilMS int64  `json:"until_ms"`
}

// span places a period; an empty one means everything.
func span(ctx context.Context, q schema.Queryer, p Period) (Span, error) {
	if p == "" {
		p = PeriodAll
	}
	length, ok := periods[p]
	if !ok && p != PeriodAll {
		return Span{}, invalid(fmt.Sprintf("period %q", p), "say 24h, 7d, 30d or all")
	}
	c, err := schema.ReadCheckpoint(ctx, q)
	if err != nil {
		return Span{}, fmt.Errorf("query: %w", err)
	}
	s := Span{Period: p, UntilMS: c.TimeMS}
	if ok {
		s.SinceMS = max(0, c.TimeMS-length.Milliseconds())
	}
	return s, nil
}

// span places what a page is asked of: a period, or what lies between two moments.
func (o PageOptions) span(ctx context.Context, q schema.Queryer) (Span, error) {
	if o.SinceMS == nil && o.UntilMS == nil {
		return span(ctx, q, o.Period)
	}
	if o.Period != "" {
		return Span{}, invalid("period", "give a period, or since and until")
	}
	s, err := span(ctx, q, PeriodAll)
	if err != nil {
		return Span{}, err
	}
	s.Period = ""
	if o.SinceMS != nil {
		s.SinceMS = *o.SinceMS
	}
	if o.UntilMS != nil {
		s.UntilMS = *o.UntilMS
	}
	if s.SinceMS > s.UntilMS && o.UntilMS != nil {
		return Span{}, invalid("period", "it ends before it begins")
	}
	return s, nil
}

// end is the SQL bound for the end of a span: the newest moment the stream told is
// none, because a row may be later than when the stream stored its event.
func (o PageOptions) end(s Span) int64 {
	if o.UntilMS == nil {
		return 1<<63 - 1
	}
	return s.UntilMS
}

// within spells the condition that a time lies in the span. Where nobody named an
// end of it, the plus keeps the index on time out: rows are read by their key, from
// the newest on, and no further than the page reaches.
func (o PageOptions) within(s Span, column, since, until string) string {
	if s.SinceMS == 0 && o.UntilMS == nil {
		column = "+" + column
	}
	return column + " >= " + since + " AND " + column + " < " + until
}
