package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector/query"
)

func TestTop_Periods(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	e := newEvening(t)
	e.said("old", "1").said("old", "2").said("old", "3").said("Ann", "1")
	e.after(25*day).said("bob", "1").said("bob", "2").said("ANN", "2")
	e.after(6*day).said("zoe", "1").said("ann", "3").said("ann", "4")
	e.happened(events.KindMessageLog, &events.MessageLog{Username: "[server]", Message: "hello", Notice: "server"})
	e.in("radio").said("bob", "elsewhere")
	q := e.tables()
	for _, tt := range []struct {
		period query.Period
		limit  int
		want   string
	}{
		{"", 0, "ann 4, old 3, bob 2, zoe 1"},
		{query.PeriodAll, 2, "ann 4, old 3"},
		{query.PeriodMonth, 0, "ann 3, bob 2, zoe 1"},
		{query.PeriodWeek, 0, "ann 3, bob 2, zoe 1"},
		{query.PeriodDay, 0, "ann 2, zoe 1"},
		{query.PeriodDay, 1, "ann 2"},
	} {
		top, err := query.Top(t.Context(), q, query.TopOptions{Channel: "tv", Period: tt.period, Limit: tt.limit})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range top.Users {
			got = append(got, fmt.Sprintf("%s %d", u.Username, u.ChatLines))
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%q, %d: got %v, want %s", tt.period, tt.limit, got, tt.want)
		}
		if top.UntilMS != e.now.UnixMilli() {
			t.Errorf("%q: until %d, want the newest moment of the stream %d", tt.period, top.UntilMS, e.now.UnixMilli())
		}
	}
	if _, err := query.Top(t.Context(), q, query.TopOptions{Channel: "tv", Period: "1h"}); !errors.Is(err, query.ErrInvalid) {
		t.Errorf("a period there is not: %v", err)
	}
}

func TestTop_OfNobodyIsAnEmptyList(t *testing.T) {
	t.Parallel()
	q := newEvening(t).joined("ann").tables()
	for _, p := range []query.Period{query.PeriodAll, query.PeriodDay} {
		top, err := query.Top(t.Context(), q, query.TopOptions{Channel: "tv", Period: p})
		if err != nil || !strings.HasSuffix(asJSON(t, top), `"users":[]}`) {
			t.Errorf("%s: %s, %v", p, asJSON(t, top), err)
		}
	}
}

func TestTop_IsBounded(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i := range query.MaxLimit + 5 {
		e.said(fmt.Sprintf("user%d", i), "hi")
	}
	top, err := query.Top(t.Context(), e.tables(), query.TopOptions{Channel: "tv", Limit: 1 << 30})
	if err != nil || len(top.Users) != query.MaxLimit {
		t.Errorf("got %d users, %v", len(top.Users), err)
	}
}
