package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rosey/events"
	"rosey/internal/suite"
)

func TestLook_Bar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, most     int64
		want, ascii string
	}{
		{0, 10, "", ""}, {10, 10, "████", "####"}, {5, 10, "██", "##"}, {1, 1000, "▏", "#"}, {3, 32, "▍", "#"},
		{31, 32, "███▉", "###"}, {5, 0, "", ""}, {-1, 5, "", ""},
	} {
		if got := (look{}).bar(tt.n, tt.most, 4); got != tt.want {
			t.Errorf("bar(%d, %d): %q, want %q", tt.n, tt.most, got, tt.want)
		}
		if got := (look{ascii: true}).bar(tt.n, tt.most, 4); got != tt.ascii {
			t.Errorf("bar(%d, %d) in ASCII: %q, want %q", tt.n, tt.most, got, tt.ascii)
		}
	}
	if got := (look{}).bar(5, 5, 0); got != "" {
		t.Errorf("without room: %q", got)
	}
}

func TestLook_Spark(t *testing.T) {
	t.Parallel()
	values := []int64{unobserved, 0, 1, 2, 3, 4, 5, 6, 7, 8, 80, unobserved}
	if got, want := (look{}).spark(values), " ·▁▁▁▁▁▁▁▁█ "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (look{}).spark(values[:10]), " ·▁▂▃▄▅▆▇█"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (look{ascii: true}).spark(values[:10]), " _.:-=+*%#"; got != want {
		t.Errorf("in ASCII: %q, want %q", got, want)
	}
	if got := (look{}).spark([]int64{0, 0}); got != "··" {
		t.Errorf("nobody: %q", got)
	}
}

// A moment nobody observed is not a moment with nobody there.
func TestSpread_KeepsWhatIsUnknownApart(t *testing.T) {
	t.Parallel()
	const u = unobserved
	for _, tt := range []struct {
		samples []sample
		holds   int64
		want    []int64
	}{
		{nil, 5, nil},
		{[]sample{{7, 3}}, 5, []int64{3}},
		{[]sample{{7, 3}, {7, 4}}, 5, []int64{4}},
		{[]sample{{0, 3}, {9, 4}}, 100, []int64{3, 3, 3, 3, 3, 3, 3, 3, 3, 4}},
		{[]sample{{0, 3}, {9, 4}}, 4, []int64{3, 3, 3, 3, u, u, u, u, u, 4}},
		{[]sample{{0, 3}, {1, 8}, {2, 0}, {90, 1}}, 0, []int64{8, u, u, u, u, u, u, u, u, 1}},
		{[]sample{{5, 0}, {6, 0}}, 0, []int64{0, u, u, u, u, u, u, u, u, 0}},
	} {
		if got := spread(tt.samples, 10, tt.holds); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.samples, got, tt.want)
		}
	}
}

func TestLook_IsThatOfTheTerminal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env  []string
		want bool // nothing but ASCII
	}{
		{[]string{"LANG=de_DE.UTF-8"}, false},
		{[]string{"LANG=C", "LC_ALL=en_US.utf8"}, false},
		{[]string{"LANG=en_US.UTF-8", "LC_CTYPE=C"}, true},
		{[]string{"LANG=en_US.UTF-8", "LC_ALL=POSIX"}, true},
		{[]string{"LANG=en_US.UTF-8", "NO_COLOR=1"}, true},
		{[]string{"LANG=en_US.UTF-8", "TERM=dumb"}, true},
		{[]string{"LANG=en_US.ISO-8859-1"}, true},
		{nil, true},
	} {
		getenv := func(name string) string {
			for _, e := range tt.env {
				if value, ok := strings.CutPrefix(e, name+"="); ok {
					return value
				}
			}
			return ""
		}
		if got := plain(getenv); got != tt.want {
			t.Errorf("%v: %t, want %t", tt.env, got, tt.want)
		}
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if got := lookOf(outputWriter{file}, os.Getenv); got != (look{}) {
		t.Errorf("a file is looked at as %+v", got)
	}
}

// What a person at a terminal sees, of some width and in some characters.
func TestStats_OnATerminal(t *testing.T) {
	t.Parallel()
	list := evening()
	counted := func(after time.Duration, users, connected int64) {
		list = append(list, at(after, events.KindUserCount, &events.Counts{Chat: users, Connected: connected}))
	}
	for i, n := range []int64{5, 8, 13, 21, 13, 0, 3} {
		counted(20*time.Minute+time.Duration(i)*5*time.Minute, n, 2*n)
	}
	counted(2*time.Hour, 2, 4)
	dir := string(record(t, list...))
	for _, tt := range []struct {
		name, args string
		seen       look
	}{
		{"history", "stats history --limit 9", look{plots: true, width: 100}},
		{"history_ascii", "stats history --limit 9", look{plots: true, width: 80, ascii: true}},
		{"history_narrow", "stats history --limit 3", look{plots: true, width: 44}},
		{"top", "stats top", look{plots: true, width: 80}},
		{"top_narrow", "stats top", look{plots: true, width: 50}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs suite.Output
			con := &console{out: &out, err: &errs, seen: &tt.seen}
			if code := executeOn(t.Context(), append(strings.Fields(tt.args), "--data", dir), &out, &errs, con); code != 0 {
				t.Errorf("exit %d, stderr %s", code, errs.String())
			}
			golden(t, "terminal_"+tt.name+".txt", out.String())
			for _, line := range strings.Split(out.String(), "\n") {
				if n := utf8.RuneCountInString(line); tt.name != "top_narrow" && n >= tt.seen.width {
					t.Errorf("%d characters on a terminal of %d: %s", n, tt.seen.width, line)
				}
			}
		})
	}
}
