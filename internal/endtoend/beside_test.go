package endtoend

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
)

// The commands that look at an installation may run beside it while it is at
// work, and take nothing away from it.
func TestCommands_BesideARunningInstallation(t *testing.T) {
	t.Parallel()
	channel := busy(t)
	data := filepath.Join(t.TempDir(), "data")
	up := start(t, append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)...)
	until(t, "it records the talk", func() bool { return numberOf(t, data, "SELECT count(*) FROM chat_messages") > 50 })

	if out := must(t, "replay", "--verify", "--data", data); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify of tables that move on: %s", out)
	}
	must(t, "replay", "--into", filepath.Join(t.TempDir(), "copy.db"), "--data", data)
	exported := int64(0)
	for line := range strings.Lines(must(t, "export", "events", "--data", data)) {
		var e struct{ Seq int64 }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != exported+1 {
			t.Fatalf("after seq=%d comes %s, %v", exported, line, err)
		}
		exported = e.Seq
	}
	if exported < 50 {
		t.Errorf("%d events exported", exported)
	}
	must(t, "stream", "check", "--data", data)
	for range 3 {
		must(t, "stats", "top", "--data", data)
	}
	before := checkpoint(t, data)
	until(t, "it still records", func() bool { return checkpoint(t, data) > before+50 })
	checkSettled(t, data, up.settle(data, "busy"))
	if n := numberOf(t, data, "SELECT sum(duplicates) FROM producer_positions"); n != 0 {
		t.Errorf("%d duplicates", n)
	}
}

// A bot without a server keeps what it sees, over its own restarts too; whenever
// a server comes, all of it arrives, in order and once.
func TestBot_RecordsBeforeThereIsAServer(t *testing.T) {
	t.Parallel()
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "early"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if err := channel.Join("ann"); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	said := 0
	say := func(n int) {
		until(t, "the bot is in", func() bool { return channel.Clients() > 0 })
		for range n {
			said++
			if err := channel.Say("ann", fmt.Sprintf("line %d", said)); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := []string{"bot", channel.PageURL(), "--username", "rosey", "--data", data}
	bot := start(t, command...)
	say(100)
	onDisk := func() {
		until(t, "the lines are on disk", func() bool {
			return inSpool(t, filepath.Join(data, "spool", "early.db"), fmt.Sprintf("line %d", said))
		})
	}
	onDisk()
	out := func() { until(t, "the bot is out", func() bool { return channel.Clients() == 0 }) }
	bot.kill()
	out()
	bot = start(t, command...)
	say(40)
	onDisk()
	bot.stop()
	out()
	bot = start(t, command...)
	say(10)
	server := startServer(t, data)
	projector := start(t, "projector", "--data", data)
	until(t, "every line is in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") == int64(said)
	})
	// The server goes away and comes back on another port.
	server.stop()
	say(20)
	startServer(t, data)
	until(t, "every line is in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") == int64(said)
	})
	bot.stop()
	projector.stop()
	checkProducers(t, data)
	if n := numberOf(t, data, "SELECT max(total_chat_lines) FROM user_stats"); n != int64(said) {
		t.Errorf("%d lines counted, %d said", n, said)
	}
	if n := numberOf(t, data, "SELECT count(*) FROM (SELECT time_ms < lag(time_ms) OVER (ORDER BY seq) AS back FROM chat_messages WHERE history = 0) WHERE back"); n != 0 {
		t.Errorf("%d lines are out of order", n)
	}
}
