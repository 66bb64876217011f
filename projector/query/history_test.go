package query_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/projector/query"
	"rosey/schema"
)

func TestUserCountHistory_PagesJoinWithoutGapOrOverlap(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i := range int64(10) {
		e.after(5*time.Minute).counted(i, 2*i)
	}
	e.in("radio").counted(99, 99)
	q := e.tables()
	var got []string
	for before, pages := int64(0), 0; ; pages++ {
		h, err := query.UserCountHistory(t.Context(), q, query.PageOptions{Channel: "tv", Before: before, Limit: 4})
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		var page []string
		for _, c := range h.Counts {
			page = append(page, fmt.Sprintf("%d/%d", c.ChatUsers, c.ConnectedUsers))
		}
		got = append(page, got...)
		if before = h.Before; before == 0 {
			break
		}
	}
	if want := "0/0 1/2 2/4 3/6 4/8 5/10 6/12 7/14 8/16 9/18"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestHistories_OfAPeriod(t *testing.T) {
	t.Parallel()
	e := newEvening(t).counted(1, 1).played("first").after(25*time.Hour).counted(2, 2).played("second")
	q := e.tables()
	o := query.PageOptions{Channel: "tv", Period: query.PeriodDay}
	h, err := query.UserCountHistory(t.Context(), q, o)
	if err != nil || len(h.Counts) != 1 || h.Counts[0].ChatUsers != 2 {
		t.Errorf("counts: %+v, %v", h, err)
	}
	m, err := query.MediaHistory(t.Context(), q, o)
	if err != nil || len(m.Media) != 1 || m.Media[0].Title != "second" || m.Media[0].EndedMS != nil {
		t.Errorf("media: %+v, %v", m, err)
	}
	m, err = query.MediaHistory(t.Context(), q, query.PageOptions{Channel: "tv", Limit: 1})
	if err != nil || len(m.Media) != 1 || m.Before != m.Media[0].Seq {
		t.Errorf("media, first page: %+v, %v", m, err)
	}
	m, err = query.MediaHistory(t.Context(), q, query.PageOptions{Channel: "tv", Limit: 1, Before: m.Before})
	if err != nil || len(m.Media) != 1 || m.Media[0].Title != "first" || *m.Media[0].EndedBy != "next" || m.Before != 0 {
		t.Errorf("media, second page: %+v, %v", m, err)
	}
}

func TestStatus_CountsEachChannelAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	e := newEvening(t).joined("ann").said("ann", "hi").counted(3, 5).played("a").lose(4).said("bob", "ho")
	e.in("radio").after(time.Minute).joined("zoe").lose(1).left("zoe")
	o, err := query.Status(t.Context(), e.tables(), "")
	if err != nil {
		t.Fatal(err)
	}
	if o.Seq != 7 || o.StreamTimeMS != e.now.UnixMilli() || o.MissingEvents != 5 || o.DeadLetters != 0 || len(o.Channels) != 2 {
		t.Fatalf("got %s", asJSON(t, o))
	}
	radio, tv := o.Channels[0], o.Channels[1]
	if tv.Channel != "tv" || tv.ChatLines != 2 || tv.Users != 2 || tv.Present != 1 || tv.Joins != 1 || tv.Media != 1 || *tv.MaxUsers != 3 || *tv.MaxConnected != 5 {
		t.Errorf("tv: %s", asJSON(t, tv))
	}
	if radio.Channel != "radio" || radio.ChatLines != 0 || radio.Users != 1 || radio.Present != 0 || radio.MaxUsers != nil {
		t.Errorf("radio: %s", asJSON(t, radio))
	}
}

func TestStatus_OfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	db, err := schema.OpenReader(t.Context(), newEvening(t).db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	o, err := query.Status(t.Context(), db, "")
	if err != nil || o.Seq != 0 || asJSON(t, o.Channels) != "[]" {
		t.Errorf("got %s, %v", asJSON(t, o), err)
	}
}

func TestChannelStats_CountsTheLinesOfPeople(t *testing.T) {
	t.Parallel()
	e := newEvening(t).said("ann", "one").said("", "two").said("bob", "three").joined("zoe")
	e.after(time.Millisecond).happened(events.KindMessageLog, &events.MessageLog{Username: "server", Message: "no person", Notice: "server"})
	e.in("radio").said("ann", "elsewhere")
	q := e.tables()
	s, err := query.ChannelStats(t.Context(), q, "tv")
	var lines int64
	if err == nil {
		err = q.QueryRowContext(t.Context(), "SELECT count(*) FROM chat_messages WHERE channel = 'tv' AND notice = ''").Scan(&lines)
	}
	if err != nil || s.ChatLines != 3 || lines != 3 {
		t.Errorf("got %d lines of %d, %v; want 3", s.ChatLines, lines, err)
	}
}
