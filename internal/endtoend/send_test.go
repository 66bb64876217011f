package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/events"
	"rosey/internal/installation"

	"github.com/nats-io/nats.go"
)

// sentMessage is what send --json and outbound show --json print.
type sentMessage struct {
	ID      int64  `json:"id"`
	Channel string `json:"channel"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Bot     string `json:"bot"`
	Sent    string `json:"sent"`
}

// enough is the time that send has for what a busy machine does in the end.
var enough = "--timeout=" + (patience - 30*time.Second).String()

// quiet is a channel in which nobody says anything unasked.
func quiet(t *testing.T, name string) *cytubetest.Channel {
	t.Helper()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: name, UserCountEvery: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// startSpeaking runs a bot on a channel together with everything else.
func startSpeaking(t *testing.T, c *cytubetest.Channel, data string) *program {
	t.Helper()
	p := startWith(t, []string{"ROSEY_PASSWORD=" + secret}, append([]string{"up", c.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)...)
	until(t, "the bot is in the channel", func() bool { return slices.Contains(c.Users(), "rosey") })
	return p
}

// serviced reports whether a service answers, so that commands leave the queue to
// it.
func serviced(t *testing.T, data string) bool {
	t.Helper()
	_, _, errs := run(t, "outbound", "cancel", "1", "--data", data)
	return strings.Contains(errs, "no such message") && !strings.Contains(errs, "used directly")
}

// Whoever lets the bot say something is told when it was shown, or why not, and by
// the exit code which of the two.
func TestSend_WaitsForTheChannel(t *testing.T) {
	t.Parallel()
	c := quiet(t, "stage")
	data := filepath.Join(t.TempDir(), "data")
	up := startSpeaking(t, c, data)

	out := must(t, "send", "good", "evening", "--wait", enough, "--data", data)
	shown := c.Shown()
	if len(shown) != 1 || shown[0].Text != "good evening" || shown[0].Author != "rosey" {
		t.Fatalf("the channel showed %+v", shown)
	}
	at := time.UnixMilli(shown[0].TimeMS)
	if want := "shown in stage " + at.Local().Format(time.RFC3339) + "\n"; !strings.HasPrefix(out, "sent  ") || !strings.HasSuffix(out, want) {
		t.Errorf("it says %q, want %q", out, want)
	}
	var m sentMessage
	parse(t, must(t, "send", "again", "--wait", enough, "--json", "--data", data), &m)
	if want := time.UnixMilli(c.Shown()[1].TimeMS).UTC().Format(time.RFC3339Nano); m.State != "sent" || m.Sent != want || m.Channel != "stage" {
		t.Errorf("%+v, want shown at %s", m, want)
	}

	if err := c.Mute("rosey", false); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "send", "unheard", "--wait", enough, "--data", data)
	if code != 1 || !strings.HasPrefix(out, "failed  ") || !strings.Contains(out, "the bot is muted in the channel") || !strings.Contains(errs, "rosey outbound retry ") {
		t.Errorf("muted: exit code %d\n%s%s", code, out, errs)
	}
	if err := c.Unmute("rosey"); err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(out)[1]
	until(t, "the bot knows that it may speak", func() bool {
		must(t, "outbound", "retry", id, "--data", data)
		state := ""
		until(t, "it is over", func() bool {
			parse(t, must(t, "outbound", "show", id, "--json", "--data", data), &m)
			state = m.State
			return state == "sent" || state == "failed"
		})
		return state == "sent"
	})

	// The service says what the file says, once nothing changes any more.
	for _, question := range [][]string{{"stats"}, {"stats", "top"}, {"stats", "search", "evening"}, {"stats", "history"}} {
		question = append(question, "--json")
		until(t, "service and file say the same", func() bool {
			return must(t, append(question, "--data", data)...) == must(t, append(question, "--db", filepath.Join(data, "rosey.db"))...)
		})
	}
	if out := must(t, "stats", "--data", data); !strings.Contains(out, "bot alive     rosey in stage") {
		t.Errorf("stats do not tell of the bot:\n%s", out)
	}
	up.stop()
	if n := numberOf(t, data, "SELECT count(*) FROM outbound_messages WHERE status = 'sent'"); n != 3 {
		t.Errorf("%d messages are in the table as sent", n)
	}
	if got, want := c.ShownBy("rosey"), []string{"good evening", "again", "unheard"}; !slices.Equal(got, want) {
		t.Errorf("the channel showed %q, want %q", got, want)
	}
	if out := must(t, "stats", "--data", data); strings.Contains(out, "bot alive") {
		t.Errorf("a stopped bot is alive:\n%s", out)
	}
}

// Without a bot a message waits; so does whoever waits for it, until the time is
// over or they have had enough.
func TestSend_WaitsForABot(t *testing.T) {
	t.Parallel()
	c := quiet(t, "empty")
	data := filepath.Join(t.TempDir(), "data")
	server := startServer(t, data)
	send := []string{"send", "hello", "--channel", "empty", "--wait", "--data", data}
	code, out, errs := run(t, append(send, "--timeout", "200ms", "--key", "first")...)
	if code != 4 || !strings.HasPrefix(out, "queued  ") || !strings.Contains(errs, "no bot is in the channel") {
		t.Errorf("at the end of the time: exit code %d\n%s%s", code, out, errs)
	}
	if code, _, errs := run(t, "send", "hello", "--channel", "empty", "--data", data, "--key", "first", "--json"); code != 0 || !strings.Contains(errs, "used directly") {
		t.Errorf("left once more: exit code %d\n%s", code, errs)
	}
	waiting := start(t, append(send, "--key", "second")...)
	until(t, "it is queued", func() bool {
		return strings.Count(must(t, "outbound", "list", "--json", "--data", data), "\n") == 2
	})
	waiting.interrupt()
	if code := waiting.wait(); code != 4 || !strings.HasPrefix(waiting.out.String(), "queued  ") {
		t.Errorf("after Ctrl-C: exit code %d\n%s%s", code, waiting.out.String(), waiting.err.String())
	}
	patient := start(t, append(send, "--key", "third", enough)...)
	bot := startWith(t, []string{"ROSEY_PASSWORD=" + secret}, "bot", c.PageURL(), "--username", "rosey", "--data", data)
	if code := patient.wait(); code != 0 || !strings.HasPrefix(patient.out.String(), "sent  ") {
		t.Errorf("with a bot: exit code %d\n%s%s", code, patient.out.String(), patient.err.String())
	}
	until(t, "all are shown", func() bool { return len(c.ShownBy("rosey")) == 3 })
	bot.stop()

	// The server is gone while somebody waits: they are told how it was.
	left := start(t, append(send, "--key", "fourth", "--timeout", "3s")...)
	until(t, "it is queued", func() bool {
		return strings.Contains(must(t, "outbound", "list", "--json", "--data", data), `"fourth"`)
	})
	server.kill()
	if code := left.wait(); code != 4 || !strings.HasPrefix(left.out.String(), "queued  ") {
		t.Errorf("without a server: exit code %d\n%s%s", code, left.out.String(), left.err.String())
	}
}

// A bot that was there before the server speaks once there is one, and again after
// the server was lost and came back.
func TestBot_SpeaksOnceThereIsAServer(t *testing.T) {
	t.Parallel()
	c := quiet(t, "later")
	data := filepath.Join(t.TempDir(), "data")
	bot := startWith(t, []string{"ROSEY_PASSWORD=" + secret}, "bot", c.PageURL(), "--username", "rosey", "--data", data)
	until(t, "the bot is in the channel", func() bool { return slices.Contains(c.Users(), "rosey") })
	for i := range 2 {
		server := startServer(t, data)
		must(t, "send", fmt.Sprintf("line %d", i), "--channel", "later", "--wait", enough, "--data", data)
		until(t, "the bot answers", func() bool { return serviced(t, data) })
		server.kill()
	}
	if got, want := c.ShownBy("rosey"), []string{"line 0", "line 1"}; !slices.Equal(got, want) {
		t.Errorf("the channel showed %q, want %q", got, want)
	}
	bot.stop()
}

// A program as there were before, which sends itself: it asks for messages, says
// them in its own way, and publishes which it has sent.
func TestOutbound_CallerThatSendsItself(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	startServer(t, data)
	projector := start(t, "projector", "--data", data)
	until(t, "the service answers", func() bool { return serviced(t, data) })
	var m sentMessage
	parse(t, must(t, "send", "by hand", "--channel", "old", "--json", "--data", data), &m)

	e, err := installation.Dir(data).Endpoint()
	if err != nil {
		t.Fatal(err)
	}
	// Without the password a program is given nothing: it could not say what it sent.
	stranger, err := nats.Connect(e.URL, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if reply, err := stranger.Request(events.LeaseSubject, []byte(`{}`), 300*time.Millisecond); err == nil {
		t.Errorf("without a password: %s", reply.Data)
	}
	password, err := os.ReadFile(filepath.Join(data, "jetstream", "admin.password"))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(e.URL, nats.UserInfo("rosey", strings.TrimSpace(string(password))))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ask := func(request string) (list []struct {
		ID         int64   `json:"id"`
		Timestamp  int64   `json:"timestamp"`
		Message    string  `json:"message"`
		RetryCount *int    `json:"retry_count"`
		LastError  *string `json:"last_error"`
	}) {
		reply, err := nc.Request(events.LeaseSubject, []byte(request), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(reply.Data, &list); err != nil {
			t.Fatalf("%v in %s", err, reply.Data)
		}
		return list
	}
	list := ask(`{"username":"old_bot","limit":10}`)
	if len(list) != 1 || list[0].ID != m.ID || list[0].Message != "by hand" || list[0].RetryCount == nil || *list[0].RetryCount != 0 ||
		list[0].LastError != nil || list[0].Timestamp == 0 {
		t.Fatalf("get: %+v", list)
	}
	if again := ask(`{"username":"old_bot","limit":10}`); len(again) != 0 {
		t.Errorf("it is given out twice: %+v", again)
	}
	if err := nc.Publish("rosey.db.messages.outbound.mark_sent", fmt.Appendf(nil, `{"message_id": %d}`, m.ID)); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(m.ID)
	until(t, "it is sent", func() bool {
		parse(t, must(t, "outbound", "show", id, "--json", "--data", data), &m)
		return m.State == "sent"
	})
	until(t, "the table has it", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM outbound_messages WHERE message_id = ? AND status = 'sent'", m.ID) == 1
	})
	projector.stop()
}
