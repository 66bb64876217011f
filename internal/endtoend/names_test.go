package endtoend

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"rosey/bot/cytube/cytubetest"
)

// painful are names and texts that trip programs up. The site turns runs of
// control characters in a line into a space, and cuts it to 320 units.
var painful = []struct{ name, text string }{
	{"null", "null"},
	{"__proto__", `{"__proto__":{"polluted":true}}`},
	{"-", "-- ; DROP TABLE chat_messages; --"},
	{"MixedCase", "MiXeD and ÜMLÄUT and İstanbul"},
	{"constructor", "constructor.constructor('return this')()"},
	{"0", "0 is a name and false is a text"},
	{"toString", "🎬🍿👩‍👩‍👧‍👦 🏳️‍🌈 \U0001F1E9\U0001F1EA"},
	{"undefined", "<script>alert('hi')</script> <b>not bold</b> <a href=\"x\">no link</a>"},
	{"NaN", "&amp; &lt;p&gt; &#39; &quot; &nbsp; &amp;amp; AT&T"},
	{"true", `back\slash "quotes" 'apostrophes' \u0041 \n %s %d`},
	{"twenty_letters_long_", strings.Repeat("x", 320-len("needle10 "))},
	{"-dash-", "right\u202Eto left, zero\u200Bwidth, line\u2028separator"},
	{"_", "   spaces   inside   and at the end"},
}

func TestNames_SurviveIntoTablesAndOut(t *testing.T) {
	t.Parallel()
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "__proto__"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	data := filepath.Join(t.TempDir(), "data")
	p := startWith(t, []string{"ROSEY_PASSWORD=" + secret},
		append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)...)
	until(t, "the bot is in", func() bool { return channel.Clients() > 0 })

	said, whispered := map[string]string{}, map[string]string{}
	for i, who := range painful {
		if err := channel.Join(who.name); err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("needle%02d %s", i, who.text)
		if err := channel.Say(who.name, line); err != nil {
			t.Fatal(err)
		}
		said[who.name] = line
		whisper := cut("a\x00b\x01c\x1b[31m\td\ne\u009b " + who.text)
		if err := channel.PM(who.name, "rosey", whisper); err != nil {
			t.Fatal(err)
		}
		whispered[who.name] = whisper
	}
	until(t, "the lines are in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM user_actions WHERE action = 'pm'") == int64(len(painful))
	})
	p.stop()

	db := openTables(t, data)
	got := map[string]string{}
	each(t, db, func(r *sql.Rows) error {
		var name, message string
		err := r.Scan(&name, &message)
		got[name] = message
		return err
	}, "SELECT username, message FROM chat_messages WHERE notice = ''")
	if !maps.Equal(got, said) {
		t.Errorf("chat_messages: %s\nsaid: %s", text(got), text(said))
	}
	joins := counts(t, db, "SELECT username, joins FROM user_stats WHERE channel = '__proto__' AND joins = 1")
	if len(joins) != len(painful) {
		t.Errorf("joins: %s", text(joins))
	}
	private := map[string]string{}
	for _, m := range readStream(t, data) {
		if m.Subject == "rosey.db.message.private" {
			var pm struct{ Username, Message string }
			if err := json.Unmarshal(m.Data, &pm); err != nil {
				t.Fatal(err)
			}
			private[pm.Username] = pm.Message
		}
	}
	if !maps.Equal(private, whispered) {
		t.Errorf("private messages: %s\nwhispered: %s", text(private), text(whispered))
	}

	for i, who := range painful {
		if i%3 > 0 && who.name[0] != '-' {
			continue // each is a process of its own; all names come with the table below
		}
		var user struct {
			Username string `json:"username"`
			Lines    int    `json:"total_chat_lines"`
		}
		parse(t, must(t, "stats", "user", "--data", data, "--json", "--", who.name), &user)
		if user.Username != who.name || user.Lines != 1 {
			t.Errorf("stats user %s: %+v", who.name, user)
		}
		var found struct {
			Messages []struct{ Username, Message string }
		}
		parse(t, must(t, "stats", "search", fmt.Sprintf("needle%02d", i), "--data", data, "--json"), &found)
		if m := found.Messages; len(m) != 1 || m[0].Username != who.name || m[0].Message != said[who.name] {
			t.Errorf("stats search finds %+v, want %q of %s", m, said[who.name], who.name)
		}
	}
	var top struct {
		Users []struct {
			Username string `json:"username"`
		}
	}
	parse(t, must(t, "stats", "top", "--limit", "100", "--data", data, "--json"), &top)
	var names []string
	for _, u := range top.Users {
		names = append(names, u.Username)
	}
	slices.Sort(names)
	if want := slices.Sorted(maps.Keys(said)); !slices.Equal(names, want) {
		t.Errorf("stats top names %q, want %q", names, want)
	}
	for _, command := range [][]string{{"stats", "top"}, {"stats", "search", "needle11"}, {"stats", "user", "__proto__"}} {
		out := must(t, append(command, "--data", data)...)
		for _, r := range out {
			if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
				t.Errorf("rosey %s shows the control character %U to a terminal", strings.Join(command, " "), r)
			}
		}
	}
}

// cut is what the site leaves of an over-long text.
func cut(text string) string {
	units := utf16.Encode([]rune(text))
	return string(utf16.Decode(units[:min(len(units), 320)]))
}

func parse(t *testing.T, out string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Errorf("%v in %s", err, out)
	}
}
