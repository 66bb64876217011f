package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/projector/query"
)

func TestSearchChat_TextIsNeverSyntax(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	e.said("ann", "pizza on friday")              // 1
	e.said("bob", "no pizza OR friday for me")    // 2
	e.said("ann", "a foo-bar, and more")          // 3
	e.said("ann", "bar foo")                      // 4
	e.said("zoe", "😀 pizza 😀")                    // 5
	e.said("zoe", `he said "near(a b)" * ^col:x`) // 6
	e.said("zoe", "ÜBER cool")                    // 7
	e.said("zoe", ":) -- %_")                     // 8
	e.in("radio").said("ann", "pizza elsewhere")  // 9
	q := e.tables()
	for _, tt := range []struct {
		o    query.SearchOptions
		want string
	}{
		{query.SearchOptions{Text: "pizza"}, "9 5 2 1"},
		{query.SearchOptions{Text: "PIZZA friday"}, "2 1"},
		{query.SearchOptions{Text: "pizza OR friday"}, "2"},
		{query.SearchOptions{Text: "pizza NOT friday"}, ""},
		{query.SearchOptions{Text: "foo-bar"}, "3"},
		{query.SearchOptions{Text: "foo"}, "4 3"},
		{query.SearchOptions{Text: "fo*"}, ""},
		{query.SearchOptions{Text: "message:pizza"}, ""},
		{query.SearchOptions{Text: `"near(a`}, "6"},
		{query.SearchOptions{Text: `NEAR(a b)`}, "6"},
		{query.SearchOptions{Text: `col:x ^`}, "6"},
		{query.SearchOptions{Text: "über"}, "7"},
		{query.SearchOptions{Text: "😀"}, "5"},
		{query.SearchOptions{Text: "😀 pizza"}, "5"},
		{query.SearchOptions{Text: ":)"}, "8"},
		{query.SearchOptions{Text: "%"}, "8"},
		{query.SearchOptions{Text: `"`}, "6"},
		{query.SearchOptions{Text: "pizza\x00friday"}, "2 1"},
		{query.SearchOptions{Text: "pizza", Channel: "tv"}, "5 2 1"},
		{query.SearchOptions{Text: "pizza", Username: "ANN"}, "9 1"},
		{query.SearchOptions{Text: "pizza", Before: 5}, "2 1"},
		{query.SearchOptions{Text: "😀", Before: 5}, ""},
		{query.SearchOptions{Text: "pizza", Limit: 2}, "9 5 before 5"},
		{query.SearchOptions{Text: "pizza", Limit: 4}, "9 5 2 1"},
	} {
		p, err := query.SearchChat(t.Context(), q, tt.o)
		if err != nil {
			t.Errorf("%+v: %v", tt.o, err)
			continue
		}
		var got []string
		for _, m := range p.Messages {
			got = append(got, fmt.Sprint(m.Seq))
		}
		if p.Before > 0 {
			got = append(got, "before", fmt.Sprint(p.Before))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: got %v, want %q", tt.o, got, tt.want)
		}
	}
}

// Where the index cannot tell, so many lines are looked at for a page: following the
// pages finds them all.
func TestSearchChat_LooksAtSoManyLines(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	for i := range 10 { // 1 to 10
		e.said([]string{"ann", "bob"}[i%2], fmt.Sprintf("pizza %s", []string{"x", "😀", ":)"}[i%3]))
	}
	q := e.tables()
	for _, tt := range []struct {
		o    query.SearchOptions
		want string
	}{
		{query.SearchOptions{Text: "pizza", Look: 2, Limit: 100}, "10 9 8 7 6 5 4 3 2 1"}, // the index tells
		{query.SearchOptions{Text: "😀", Look: 3}, "8 | 5 | 2 |"},
		{query.SearchOptions{Text: "😀", Look: 4}, "8 | 5 | 2"},
		{query.SearchOptions{Text: "😀", Look: 1}, "| | 8 | | | 5 | | | 2 | |"},
		{query.SearchOptions{Text: "😀 pizza", Look: 3}, "8 | 5 | 2 |"},
		{query.SearchOptions{Text: "pizza", Username: "ANN", Look: 4, Limit: 1}, "9 | 7 | 5 | 3 | 1"},
		{query.SearchOptions{Text: ":)", Username: "bob", Channel: "tv", Look: 5}, "6 | |"},
		{query.SearchOptions{Text: "😀", Look: 10}, "8 5 2 |"},
		{query.SearchOptions{Text: "😀", Look: 11}, "8 5 2"},
	} {
		got := ""
		for range 20 {
			p, err := query.SearchChat(t.Context(), q, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range p.Messages {
				got += fmt.Sprint(m.Seq, " ")
			}
			if p.Before == 0 {
				break
			}
			got += "| "
			tt.o.Before = p.Before
		}
		if got = strings.TrimSpace(got); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.o, got, tt.want)
		}
	}
}

func TestSearchChat_RefusesWhatIsNoQuestion(t *testing.T) {
	t.Parallel()
	q := newEvening(t).said("ann", "hi").tables()
	for _, text := range []string{"", " \t\n", "\x00", strings.Repeat("x", 2001), strings.Repeat("x ", 65)} {
		if _, err := query.SearchChat(t.Context(), q, query.SearchOptions{Text: text}); !errors.Is(err, query.ErrInvalid) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
}

// A search finds the line whose text it asks for, or refuses; it never breaks.
func FuzzSearchChat(f *testing.F) {
	e := newEvening(f)
	e.after(time.Hour).said("ann", "pizza on friday")
	q := e.tables()
	for _, s := range []string{"pizza", `"`, `pizza" OR "x`, "NEAR(a, 5)", "^a*", "{a b}: c", "-x", "a AND", "\x00", "\xff\xfe", "😀", "ⅷ ٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := query.SearchChat(t.Context(), q, query.SearchOptions{Text: text})
		if err != nil && !errors.Is(err, query.ErrInvalid) {
			t.Fatalf("%q: %v", text, err)
		}
		if strings.EqualFold(text, "pizza") && len(p.Messages) != 1 {
			t.Fatalf("%q: got %d lines", text, len(p.Messages))
		}
	})
}
