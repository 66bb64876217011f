package outbound

import "testing"

// history is what a join brings: each line is a millisecond after the one before,
// unless it has a time.
func history(first int64, lines ...chatLine) visited {
	for i := range lines {
		if lines[i].timeMS == 0 {
			lines[i].timeMS = first + int64(i)
		}
	}
	return visited{visit: 2, lines: lines}
}

func by(user, text string) chatLine { return chatLine{user: user, text: text} }

func at(ms int64, l chatLine) chatLine { l.timeMS = ms; return l }

func TestEvidence_Judge(t *testing.T) {
	t.Parallel()
	hello := []string{"hello *there*"}
	for _, tt := range []struct {
		name  string
		h     visited
		after int64
		used  []lineKey
		want  finding
		ms    int64
	}{
		{"nothing in it", history(1), 100, nil, unclear, 0},
		{"the anchor and ours", history(100, by("ann", "x"), by("Rosey", "hello *there*")), 100, nil, shown, 101},
		{"the anchor alone", history(100, by("ann", "x")), 100, nil, notShown, 0},
		{"the anchor and others", history(99, by("bob", "w"), by("ann", "x"), by("bob", "hello *there*")), 100, nil, notShown, 0},
		{"no anchor, and ours", history(105, by("bob", "y"), by("rosey", "hello *there*")), 100, nil, shown, 106},
		{"no anchor, and others", history(105, by("bob", "y")), 100, nil, unclear, 0},
		{"lines before and after, and no anchor", history(0, at(90, by("bob", "y")), at(110, by("bob", "y"))), 100, nil, unclear, 0},
		{"ours before the anchor", history(99, by("rosey", "hello *there*"), by("ann", "x")), 100, nil, notShown, 0},
		{"ours is the anchor", history(100, by("rosey", "hello *there*")), 100, nil, notShown, 0},
		{"no line was ever seen before, and ours", history(100, by("rosey", "hello *there*")), 0, nil, shown, 100},
		{"no line was ever seen before, and others", history(100, by("ann", "x")), 0, nil, unclear, 0},
		{"as a filter leaves it", history(100, by("ann", "x"), by("rosey", "Hello there")), 100, nil, shown, 101},
		{"ours, and not to be recognised", history(100, by("ann", "x"), by("rosey", "[picture]")), 100, nil, unclear, 0},
		{"another's that was ours already", history(100, by("ann", "x"), by("rosey", "hello *there*")), 100, []lineKey{{101, "hello *there*"}}, notShown, 0},
		{"the better of two", history(100, by("ann", "x"), by("rosey", "hello there"), by("rosey", "hello *there*")), 100, nil, shown, 102},
		{
			"a clock that was set back", history(0, at(100, by("ann", "x")), at(40, by("rosey", "hello *there*"))), 100, nil, shown, 40,
		},
		{
			"several of the anchor's time, ours among them", history(0, at(100, by("rosey", "hello *there*")), at(100, by("ann", "x"))), 100, nil, unclear, 0,
		},
		{
			"several of the anchor's time, none ours", history(0, at(100, by("bob", "y")), at(100, by("ann", "x"))), 100, nil, notShown, 0,
		},
		{"an older state of the channel", visited{lines: []chatLine{at(100, by("ann", "x"))}, older: true}, 100, nil, unclear, 0},
		{"an older state of the channel, and ours", visited{lines: []chatLine{at(100, by("ann", "x")), at(101, by("rosey", "hello *there*"))}, older: true}, 100, nil, shown, 101},
	} {
		e := evidence{name: "rosey", shown: hello, afterMS: tt.after, used: map[lineKey]bool{}}
		for _, k := range tt.used {
			e.used[k] = true
		}
		l, got := e.judge(tt.h)
		if got != tt.want || l.timeMS != tt.ms {
			t.Errorf("%s: %d at %d, want %d at %d", tt.name, got, l.timeMS, tt.want, tt.ms)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		shown, written string
		want           likeness
	}{
		{"hello", "hello", same},
		{"two  words ", "two words", same},
		{"", "", same},
		{"bold and brave", "*bold* and _brave_", alike},
		{"HELLO", "hello", alike},
		{"hello", "hullo", unlike},
		{"!!!", "???", unlike},
		{"", "https://example.org/a.png", unlike},
	} {
		if got := compare(tt.shown, []string{"something else", tt.written}); got != tt.want {
			t.Errorf("compare(%q, %q) = %d, want %d", tt.shown, tt.written, got, tt.want)
		}
	}
}
