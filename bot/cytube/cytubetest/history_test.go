package cytubetest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
)

// What a join brings is what was not forgotten, each line with its own time.
func TestChannel_ForgottenChatComesNoMore(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{History: 20})
	must(t, srv.Join("ann"))
	var want []string
	for i := range 25 {
		at, err := srv.SayAt("ann", fmt.Sprint("line ", i))
		must(t, err)
		want = append(want, fmt.Sprintf(`"msg":"line %d","meta":{},"time":%d`, i, at))
	}
	if at, err := srv.SayAt("ann", " "); at != 0 || err != nil {
		t.Errorf("a blank line: %d, %v", at, err)
	}
	shown := func(user string) []string {
		b := connect(t, srv, user, "")
		b.joined(t)
		return slices.DeleteFunc(b.events(), func(e string) bool { return !strings.HasPrefix(e, "chatMsg") })
	}
	for _, step := range []struct {
		forget, first int
	}{{0, 5}, {3, 5}, {5, 5}, {17, 17}, {9, 17}, {100, 25}} {
		srv.ForgetChat(step.forget)
		got := shown(fmt.Sprint("bot", step.forget))
		if len(got) != 25-step.first {
			t.Errorf("with %d forgotten a join brings %d lines, want %d", step.forget, len(got), 25-step.first)
			continue
		}
		for i, line := range got {
			if !strings.Contains(line, want[step.first+i]) {
				t.Errorf("with %d forgotten line %d is %s", step.forget, i, line)
			}
		}
	}
}
