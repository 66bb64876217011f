package query_test

import (
	"testing"

	"rosey/projector/query"
	"rosey/schema/schematest"
)

func TestCountLosses_Situations(t *testing.T) {
	t.Parallel()
	const columns = "INSERT INTO producer_positions (producer, channel, first_seq, last_seq, events, duplicates, gaps, first_ms, last_ms, previous, previous_seq) VALUES "
	for _, tt := range []struct {
		name string
		rows string
		want query.Losses
		ends string // how a's last observation ended
	}{
		{name: "stopped, and another goes on", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','c',1,5,5,0,'[]',300,400,'',0)", ends: "stopped", want: query.Losses{Producers: 2}},
		{name: "lost, and another goes on", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','c',1,5,5,0,'[]',300,400,'',0)", ends: "lost", want: query.Losses{Producers: 2, Unaccounted: 1}},
		{name: "the first run", rows: "('a','c',1,9,9,0,'[]',100,200,'',0)", want: query.Losses{Producers: 1}},
		{name: "each vouched for", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','c',1,5,5,0,'[]',300,400,'a',9)", want: query.Losses{Producers: 2}},
		{name: "gaps", rows: "('a','c',1,9,6,0,'[[2,3],[7,7]]',100,200,'',0)", want: query.Losses{Producers: 1, GapEvents: 3}},
		{name: "a tail is missing", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','c',1,5,5,0,'[]',300,400,'a',12)", want: query.Losses{Producers: 2, TailEvents: 3}},
		{name: "nobody knows", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','c',1,5,5,0,'[]',300,400,'unknown',0)", want: query.Losses{Producers: 2, Unaccounted: 1}},
		{name: "two at once", rows: "('a','c',1,9,9,0,'[]',100,400,'',0),('b','c',1,5,5,0,'[]',300,400,'',0)", want: query.Losses{Producers: 2}},
		{name: "two channels", rows: "('a','c',1,9,9,0,'[]',100,200,'',0),('b','d',1,5,5,0,'[]',300,400,'',0)", want: query.Losses{Producers: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := schematest.Open(t)
			if _, err := db.ExecContext(t.Context(), columns+tt.rows); err != nil {
				t.Fatal(err)
			}
			if tt.ends != "" {
				const session = "INSERT INTO bot_sessions VALUES (?, 'c', 'a', 's', 'n', 100, 100, 150, 150, ?)"
				for seq, reason := range []string{"connection_lost", tt.ends} {
					if _, err := db.ExecContext(t.Context(), session, seq+1, reason); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := query.CountLosses(t.Context(), db); err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestDeadLetters_PagesAndShows(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	if page, err := query.DeadLetters(t.Context(), db, 0, 0); err != nil || page.Count != 0 || page.OldestSeq != nil || page.DeadLetters == nil {
		t.Errorf("without any: %+v, %v", page, err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO dead_letters VALUES
		(3, 'rosey.db.message.log', 'x-1', 700, 'decode', 'r', 'one'), (8, 'rosey.db.poll.opened', '', 500, 'fold', 's', 'two')`); err != nil {
		t.Fatal(err)
	}
	page, err := query.DeadLetters(t.Context(), db, 3, 10)
	if err != nil || page.Count != 2 || *page.OldestSeq != 3 || *page.OldestMS != 500 || len(page.DeadLetters) != 1 || page.DeadLetters[0].Seq != 8 {
		t.Errorf("after the first: %+v, %v", page, err)
	}
	d, payload, err := query.ShowDeadLetter(t.Context(), db, 8)
	if err != nil || d.Class != "fold" || string(payload) != "two" {
		t.Errorf("the second: %+v %q, %v", d, payload, err)
	}
}
