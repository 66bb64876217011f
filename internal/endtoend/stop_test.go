package endtoend

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// busy is a channel in which somebody talks all the time.
func busy(t *testing.T) *cytubetest.Channel {
	t.Helper()
	return talking(t, 2*time.Millisecond)
}

// lively is a channel in which so much less is said that a slow disk catches up with it.
func lively(t *testing.T) *cytubetest.Channel {
	t.Helper()
	return talking(t, 50*time.Millisecond)
}

// talking is such a channel with a line every so often.
func talking(t *testing.T, every time.Duration) *cytubetest.Channel {
	t.Helper()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "busy", UserCountEvery: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-time.After(every):
			}
			if c.Clients() > 0 {
				_ = c.Say("ann", fmt.Sprintf("line %d", n)) // she is there
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		wg.Wait()
		c.Close()
	})
	return c
}

func TestUp_InterruptedInTheMiddleOfTheTalk(t *testing.T) {
	t.Parallel()
	channel := busy(t)
	data := filepath.Join(t.TempDir(), "data")
	lines := func() int64 { return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") }
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		before := lines()
		p := start(t, append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)...)
		until(t, "it records the talk", func() bool { return lines() > before+100 })
		checkSettled(t, data, p.settleBy(signal, data, "busy"))
	}
	db := openTables(t, data)
	// All that was shown to the bot is there: it read on until the line was closed.
	if got, want := number(t, db, "SELECT count(*) FROM chat_messages WHERE notice = ''"), int64(channel.Ledger().ChatLines); got > want {
		t.Errorf("%d lines in the tables, %d were shown", got, want)
	}
	if n := number(t, db, "SELECT count(*) FROM bot_sessions WHERE reason <> 'stopped' OR reason IS NULL"); n != 0 {
		t.Errorf("%d connections did not end with the stop", n)
	}
	checkProducers(t, data)
}

// settle stops a program that records a channel: nothing is left to do then. Where the
// disk takes more time for it than an orderly end has, the program says so, and its next
// start does it, which late reports.
func (p *program) settle(data, channel string) (late bool) {
	p.t.Helper()
	return p.settleBy(os.Interrupt, data, channel)
}

func (p *program) settleBy(signal os.Signal, data, channel string) (late bool) {
	p.t.Helper()
	if late = p.leaves(signal); late {
		settle(p.t, data, channel, "projector", "--data", data)
	}
	return late
}

// leaves stops a program that records, and reports whether it had to leave something
// to its next start.
func (p *program) leaves(signal os.Signal) bool {
	p.t.Helper()
	begun := time.Now()
	p.stopBy(signal)
	took, said := time.Since(begun), p.err.String()
	if !strings.Contains(said, "events are left in the spool") && !strings.Contains(said, "the tables may be behind the stream") {
		return false
	}
	// A second and a half is the least that an end has for any of it.
	if took < 1500*time.Millisecond {
		p.t.Errorf("it left something to do after no more than %s\n%s", took, said)
	}
	return true
}

// checkSettled compares stream and tables, which are at rest, and what is left
// in the spool: nothing, or where the disk is too slow for it the very last event.
func checkSettled(t *testing.T, data string, late bool) {
	t.Helper()
	all := readStream(t, data)
	last := all[len(all)-1]
	if at := checkpoint(t, data); at != int64(last.Seq) {
		t.Errorf("the tables end at seq=%d, the stream at seq=%d", at, last.Seq)
	}
	spools, err := filepath.Glob(filepath.Join(data, "spool", "*.db"))
	if err != nil || len(spools) != 1 {
		t.Fatalf("spools: %v, %v", spools, err)
	}
	spool := openFile(t, spools[0])
	if late {
		if n := number(t, spool, "SELECT count(*) FROM events WHERE kind <> 'bot.stopped'"); n != 0 {
			t.Errorf("%d events are left in the spool by the start after", n)
		}
		return
	}
	if last.Subject != "rosey.db.bot.stopped" {
		t.Errorf("the last event is %s", last.Subject)
	}
	if n := number(t, spool, "SELECT count(*) FROM events"); n != 0 {
		t.Errorf("%d events are left in the spool", n)
	}
}

// Each command ends in good order when asked to, wherever it is, and by itself
// after --for; nothing it leaves behind is in the way of the next start.
func TestCommands_EndInGoodOrder(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]struct {
		args  []string
		ready string // what it has printed when it is at work
		with  bool   // needs a server
	}{
		"up":        {append([]string{"up", "URL"}, anyPorts...), "joined the channel", false},
		"server":    {append([]string{"server"}, anyPorts...), "nats ", false},
		"bot":       {[]string{"bot", "URL"}, "joined the channel", true},
		"projector": {[]string{"projector"}, "projecting", true},
		"demo":      {[]string{"demo"}, "joined the channel", false},

		"bot without a server":         {[]string{"bot", "URL"}, "joined the channel", false},
		"projector without a server":   {[]string{"projector"}, "waiting for the server", false},
		"up while the site is away":    {append([]string{"up", "http://127.0.0.1:1/r/x", "--wait"}, anyPorts...), "could not join", false},
		"bot while the site is away":   {[]string{"bot", "http://127.0.0.1:1/r/x", "--wait"}, "could not join", true},
		"up without a port of its own": {[]string{"up", "URL", "--nats-port", "off", "--monitor-port", "off"}, "joined the channel", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			words := append([]string{}, command.args...)
			for i := range words {
				if words[i] == "URL" {
					words[i] = busy(t).PageURL()
				}
			}
			words = append(words, "--data", data)
			if command.with {
				startServer(t, data)
			}
			for range 2 {
				p := start(t, words...)
				until(t, "it is at work", func() bool {
					return strings.Contains(p.out.String()+p.err.String(), command.ready)
				})
				p.stop()
			}
			p := start(t, append(words, "--for", "300ms")...)
			begun := time.Now()
			want := 0
			if name == "projector without a server" {
				want = 1 // its time is up, and it could not begin
			}
			if code := p.wait(); code != want {
				t.Errorf("with --for: exit code %d after %s\n%s", code, time.Since(begun), p.err.String())
			}
			if took := time.Since(begun); took > stopLimit {
				t.Errorf("with --for 300ms it took %s", took)
			}
		})
	}
}

// Nobody but the owner can read what was recorded, whatever the process's mask.
func TestData_IsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	channel := busy(t)
	data := filepath.Join(t.TempDir(), "data")
	check := func(when string) {
		seen := 0
		err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // files come and go
			}
			info, err := d.Info()
			if err != nil || info.Mode()&fs.ModeSymlink != 0 {
				return nil
			}
			seen++
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s, %s has mode %o, want %o", when, path, got, want)
			}
			return nil
		})
		if err != nil || seen < 8 {
			t.Errorf("%s: %d files and folders, %v", when, seen, err)
		}
	}
	p := &program{t: t, done: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", `umask 0; exec "$0" "$@"`, rosey, "up", channel.PageURL(), "--data", data}, anyPorts...)...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = cleanEnv(), &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	until(t, "it records", func() bool { return numberOf(t, data, "SELECT count(*) FROM chat_messages") > 10 })
	check("while it runs")
	p.stop()
	check("after it")
	must(t, "replay", "--data", data)
	check("after a replay")
}
