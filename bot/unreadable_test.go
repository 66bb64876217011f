package bot_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"rosey/events"
	"rosey/streams/streamstest"
)

// A frame that cannot be read leaves its trace where it was.
func TestRecorder_UnreadableFramesAreInTheStream(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	r, stop := run(t, recorder(t, c, env, "rosey"))
	eventually(t, "joined", joined(r))
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	deep := `42["deep",` + strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000) + "]"
	frames := []struct {
		send          func(string)
		frame, reason string
	}{
		{c.Raw, deep, "json"},
		{c.Raw, `42["chatMsg",{"username":"ann","msg":"secret`, "json"},
		{c.Raw, "42[]", "packet"},
		{c.Raw, "what is this", "packet"},
		{c.RawBinary, "\x00\x01", "binary"},
		{c.Raw, `42["big","` + strings.Repeat("x", 64<<20) + `"]`, "oversized"},
	}
	var want []string
	for i, f := range frames {
		if err := c.Say("ann", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		f.send(f.frame)
		want = append(want, strconv.Itoa(i), f.reason+" "+strconv.Itoa(len(f.frame)))
	}
	if err := c.Say("ann", "last"); err != nil {
		t.Fatal(err)
	}
	want = append(want, "last")
	eventually(t, "the last line", func() bool { return slices.Contains(chat(stored(t, env)), "last") })
	stop()

	var got []string
	for _, e := range stored(t, env) {
		switch p := e.Payload.(type) {
		case *events.MessageLog:
			if p.Notice == "" {
				got = append(got, p.Message)
			}
		case *events.BotUnreadable:
			got = append(got, p.Reason+" "+strconv.FormatInt(p.Bytes, 10))
			if e.PlatformData != nil || len(e.Extra) > 0 || e.Channel != "test" || e.TimeMS == 0 || e.ReceivedMS != e.TimeMS {
				t.Errorf("%+v", e)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
