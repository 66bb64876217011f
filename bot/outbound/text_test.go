package outbound

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, chat, private string
	}{
		{"plain text", "plain text", "plain text"},
		{" two\r\n\tlines \x00", " two lines  ", " two\r\n\tlines \x00"},
		{"\x01\x02\x7f", " \x7f", "\x01\x02\x7f"},
		{"broken \xff", "broken \uFFFD", "broken \uFFFD"},
		{"a \uEEEE b", "a \uFFFD b", "a \uFFFD b"}, // the server's own mark for links
		{"😀 猫", "😀 猫", "😀 猫"},
	} {
		if got := clean(tt.in, false); got != tt.chat {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.chat)
		}
		if got := clean(tt.in, true); got != tt.private {
			t.Errorf("clean(%q, private) = %q, want %q", tt.in, got, tt.private)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	family := "👩‍👩‍👧‍👦" // 11 units
	for _, tt := range []struct {
		name, prefix, text string
		limit              int
		want               []string
	}{
		{"fits", "", "hello", 5, []string{"hello"}},
		{"one too many", "", "hello", 4, []string{"hell", "o"}},
		{"at words", "", "one two three", 7, []string{"one two", "three"}},
		{"spaces between go", "", "one   two", 4, []string{"one", "two"}},
		{"spaces around stay", "", "  hi  ", 6, []string{"  hi  "}},
		{"a long word behind a short one", "", "a bbbbbbbb", 4, []string{"a", "bbbb", "bbbb"}},
		{"prefix on each", "/me ", "waves hands", 9, []string{"/me waves", "/me hands"}},
		{"counts in UTF-16", "", "😀😀😀", 4, []string{"😀😀", "😀"}},
		{"no half characters", "", "a😀", 2, []string{"a", "😀"}},
		{"what a reader sees as one", "", "ab" + family, 12, []string{"ab", family}},
		{"too wide to be kept together", "", family, 6, []string{"👩‍👩‍", "👧‍👦"}},
		{"accents stay with their letter", "", "ae\u0301", 2, []string{"a", "e\u0301"}},
		{"flags stay whole", "", "🇩🇪🇫🇷", 6, []string{"🇩🇪", "🇫🇷"}},
		{"no command by accident", "", "go to /clear now", 13, []string{"go to /clear", "now"}},
		{"no command by accident, in the next line", "", "go to /clear", 9, []string{"go to", " /clear"}},
		{"nor behind a command", "/me ", "goes to /clear", 12, []string{"/me goes to", "/me  /clear"}},
		{"nor greentext", "", "seven > five", 6, []string{"seven", " >", "five"}},
	} {
		if got := split(tt.prefix, tt.text, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want wording
	}{
		{"hello", wording{body: "hello", weight: 1}},
		{"/hello there", wording{body: "/hello there", weight: 1}},
		{"/me waves", wording{prefix: "/me ", body: "waves", weight: 2}},
		{"/ME waves", wording{body: "/ME waves", weight: 1}},
		{" /clear", wording{body: " /clear", weight: 1}},
		{"/me", wording{prefix: "/me", body: "", weight: 2}},
		{"/me  two spaces", wording{prefix: "/me ", body: " two spaces", weight: 2}},
		{"/say hi", wording{prefix: "/say ", body: "hi", weight: 2, shouts: true}},
		{"/me /sp psst", wording{prefix: "/me /sp ", body: "psst", weight: 3}},
		{"/clear", wording{body: "/clear", weight: 1, silent: true}},
		{"/me /kick ann", wording{prefix: "/me ", body: "/kick ann", weight: 2, silent: true}},
		{"/constructor of worlds", wording{body: "/constructor of worlds", weight: 1, silent: true}},
		{"/polls are open", wording{body: "/polls are open", weight: 1}},
		{"/me /me /me /me x", wording{prefix: "/me /me /me ", body: "/me x", weight: 4, silent: true}},
	} {
		if got := word(tt.in); got != tt.want {
			t.Errorf("word(%q) = %+v, want %+v", tt.in, got, tt.want)
		}
	}
}

func TestDrink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, want string
		is       bool
	}{
		{"hello", "hello", false},
		{"/d", " drink!", true},
		{"/d to ann", "to ann drink!", true},
		{"/d3 to ann", "to ann drink! (x3)", true},
		{"/dance", "ance drink!", true},
		{"/d5", " drink! (x5)", true},
		{"/d-5", "", true},
		{"/d-5 back", "back drink! (x-5)", true},
		{"/d99999", "", true},
		{"/d99999999999999999999", "", true},
		{"/d-", "- drink!", true},
	} {
		if got, is := drink(tt.in); got != tt.want || is != tt.is {
			t.Errorf("drink(%q) = %q, %t, want %q, %t", tt.in, got, is, tt.want, tt.is)
		}
	}
}

func TestCompose_RefusesWhatIsNeverShown(t *testing.T) {
	t.Parallel()
	user := speaker{name: "rosey", rank: 1, drinkRank: 1.5}
	drinker := user
	drinker.rank = 2
	for _, tt := range []struct {
		m    Message
		by   speaker
		want string
	}{
		{Message{Text: "/d-5"}, user, ""},
		{Message{Text: "/d-5"}, drinker, ReasonCommand},
		{Message{Text: "/d/clear"}, drinker, ReasonCommand},
		{Message{Text: "/say hi"}, drinker, ""},
		{Message{Text: "/say hi"}, user, ReasonNoPermission},
		{Message{Text: "\uFEFF \u2003"}, user, ReasonRefused},
		{Message{Text: "/clear", Recipient: "ann"}, user, ""},
		{Message{Text: "hi", Recipient: "ROSEY"}, user, ReasonRefused},
		{Message{Text: "hi", Recipient: "ann"}, speaker{name: "rosey", chatRank: 2, shadow: true}, ""},
		{Message{Text: "hi"}, speaker{name: "rosey", shadow: true}, ReasonMuted},
		{Message{Text: "hi"}, speaker{name: "rosey", chatRank: 1}, ReasonNoPermission},
		{Message{Text: strings.Repeat("ab ", 200)}, user, ""},
		{Message{Text: strings.Repeat("ab ", 200), Long: LongRefuse}, user, ReasonTooLong},
	} {
		if _, got := compose(tt.m, tt.by, 320); got != tt.want {
			t.Errorf("compose(%.20q) by %+v = %q, want %q", tt.m.Text, tt.by, got, tt.want)
		}
	}
}

// A line weighs what the server counts it for, each part of a text that is split
// with it; in a private message no word means anything.
func TestCompose_WeighsEachLine(t *testing.T) {
	t.Parallel()
	by := speaker{name: "rosey", rank: 2, drinkRank: 1.5}
	long := strings.Repeat(" waves", 100)
	for _, tt := range []struct {
		m             Message
		lines, weight int
	}{
		{Message{Text: "waves"}, 1, 1},
		{Message{Text: "/me waves"}, 1, 2},
		{Message{Text: "/me /sp waves"}, 1, 3},
		{Message{Text: "/me" + long}, 2, 2},
		{Message{Text: "/me waves", Recipient: "ann"}, 1, 1},
	} {
		lines, reason := compose(tt.m, by, 320)
		if reason != "" || len(lines) != tt.lines {
			t.Errorf("compose(%.20q) = %d lines, %q, want %d", tt.m.Text, len(lines), reason, tt.lines)
		}
		for i, l := range lines {
			if l.weight != tt.weight {
				t.Errorf("compose(%.20q): line %d weighs %d, want %d", tt.m.Text, i, l.weight, tt.weight)
			}
		}
	}
}

// Whatever the text, each line fits and is what it was, and nothing is lost but
// space between lines.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"hello there", strings.Repeat("wörd ", 100), strings.Repeat("😀", 200), "/me " + strings.Repeat("x", 700),
		strings.Repeat("e\u0301", 300), strings.Repeat("/clear > ", 60), strings.Repeat(" ", 700) + "x", strings.Repeat("🇩🇪", 99),
		strings.Repeat("👩‍👩‍👧‍👦", 40), "\u0301" + strings.Repeat("\u200d", 400), "/sp /me /say " + strings.Repeat("a b", 200),
	} {
		f.Add(seed, 320)
		f.Add(seed, 40)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if len(text) > MaxText {
			return
		}
		limit = 16 + abs(limit)%400
		lines, reason := compose(Message{Text: text}, speaker{name: "rosey"}, limit)
		if reason != "" {
			return
		}
		w := word(clean(text, false))
		var all strings.Builder
		for i, l := range lines {
			if n := len(utf16.Encode([]rune(l.text))); n > limit {
				t.Fatalf("line %d has %d units of %d: %q", i, n, limit, l.text)
			}
			if !utf8.ValidString(l.text) {
				t.Fatalf("line %d is not UTF-8: %q", i, l.text)
			}
			body, ok := strings.CutPrefix(l.text, w.prefix)
			if !ok {
				t.Fatalf("line %d has lost the prefix %q: %q", i, w.prefix, l.text)
			}
			if got := word(l.text); i > 0 && (got.prefix != w.prefix || got.silent || got.weight != w.weight) {
				t.Fatalf("line %d became another command: %q", i, l.text)
			}
			all.WriteString(body)
		}
		if got, want := solid(all.String()), solid(w.body); got != want {
			t.Fatalf("the lines say %q, want %q", got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func solid(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return c
	}, text)
}
