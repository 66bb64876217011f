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

// Span is a period as it was counted: later than SinceMS, which is 0 for
// everything, up to the newest moment the stream told.
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
		return Span{}, fmt.Errorf("query: period %q: %w: say 24h, 7d, 30d or all", p, ErrInvalid)
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
