package healing

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/installation"
	"rosey/schema"
)

// evening is people talking in a channel that two bots could record, one at a
// time, by processes whose clock the test sets.
type evening struct {
	*rig // its channel, tables and account; no parts
	*machine
}

func (e *evening) present() string {
	for _, name := range e.channel.Users() {
		if name == "rosey" || name == "spare" {
			return name
		}
	}
	return ""
}

func TestProcesses_ClockSetBackAndForward(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "healing", UserCountEvery: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channel.Close)
	for _, name := range []string{"ann", "bob"} {
		if err := channel.Join(name); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	e := &evening{machine: m, rig: &rig{t: t, log: newLogs(t), channel: channel, store: schema.Store{Link: filepath.Join(data, "rosey.db")}}}
	server := m.start("server", "--data", data, "--nats-port", "0", "--monitor-port", "off")
	dir := installation.Dir(data)
	e.until("the server runs", func() bool { _, err := dir.Endpoint(); return err == nil })
	projector := m.start("projector", "--data", data)
	rosey := m.start("bot", channel.PageURL(), "--username", "rosey", "--data", data)
	e.until("the first bot is in the channel", func() bool { return e.channel.Clients() == 1 && e.present() == "rosey" })
	spare := m.start(e.remote(dir)...)
	e.until("the other one stands by", func() bool { return spare.out.has("standing by") })
	begun := time.Now()

	// Back and forward under way: the talk goes on all the time, and whoever
	// records it.
	for _, set := range []time.Duration{-3 * time.Hour, 5 * time.Hour, 0} {
		quiet := e.talk()
		e.goesOn()
		e.set(set)
		e.goesOn()
		quiet()
		e.caughtUp()
		e.until("one bot is in the channel", func() bool { return e.channel.Clients() == 1 })
	}

	// Back, and the one who leads is gone in the same moment: what it held seems to
	// be good for another three hours.
	leader, other := rosey, spare
	if e.present() == "spare" {
		leader, other = spare, rosey
	}
	leader.kill()
	e.set(-3 * time.Hour)
	e.until("its line is gone", func() bool { return e.channel.Clients() == 0 })
	gone := time.Now()
	e.until("the other bot takes over", func() bool { return e.channel.Clients() == 1 })
	t.Logf("taken over after %s", time.Since(gone).Round(time.Second))
	e.say(20)
	e.caughtUp()
	if err := channel.Join("cid"); err != nil {
		t.Fatal(err)
	}
	e.until("who comes now is seen to come", func() bool {
		return e.number("SELECT count(*) FROM user_sessions WHERE username = 'cid'") == 1
	})

	other.stop()
	projector.stop()
	server.stop()
	e.checkTables()
	e.checkTimes(time.Since(begun))
	if out := m.run("replay", "--data", data, "--verify"); !strings.Contains(out, "\nequal: ") {
		t.Errorf("verify says: %s", out)
	}
}

// remote is how a bot with a folder of its own reaches the server.
func (e *evening) remote(dir installation.Dir) []string {
	e.rig.t.Helper()
	cfg, err := dir.ClientConfig(nil)
	if err != nil {
		e.rig.t.Fatal(err)
	}
	endpoint, err := dir.Endpoint()
	if err != nil {
		e.rig.t.Fatal(err)
	}
	secret := filepath.Join(e.rig.t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(cfg.Password+"\n"), 0o600); err != nil {
		e.rig.t.Fatal(err)
	}
	return []string{
		"bot", e.channel.PageURL(), "--username", "spare", "--data", e.rig.t.TempDir(),
		"--nats", endpoint.URL, "--nats-user", cfg.User, "--nats-password-file", secret,
	}
}

// checkTimes demands that no clock that jumped made time: nobody was there for
// less than nothing, or for longer than there was.
func (e *evening) checkTimes(took time.Duration) {
	e.rig.t.Helper()
	for _, query := range []string{
		"SELECT count(*) FROM user_sessions WHERE connected_ms < 0 OR afk_ms < 0",
		"SELECT count(*) FROM user_stats WHERE connected_ms < 0 OR afk_ms < 0",
		fmt.Sprintf("SELECT count(*) FROM user_stats WHERE connected_ms > %d", (took + time.Minute).Milliseconds()),
	} {
		if n := e.number(query); n != 0 {
			e.rig.t.Errorf("%s: %d, want 0", query, n)
		}
	}
	// The regular count is due every 300 s by the time that really passed: a jump
	// brings none, beyond those of each join.
	if n, joins := e.number("SELECT count(*) FROM user_count_history"), e.number("SELECT count(*) FROM bot_sessions"); n > 2*joins+int64(took/(300*time.Second)) {
		e.rig.t.Errorf("%d regular counts in %s and %d visits", n, took, joins)
	}
}
