//go:build linux

package endtoend

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// A copy of store, spool and database that nobody was asked about gives every
// event that was acknowledged before it was made.
func TestCopy_OfAnyMomentHoldsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	copies := 2
	if *long {
		copies = 40
	}
	r := random(t)
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "copied"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if err := channel.Join("ann"); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	parts := threeProcesses(t, channel, data)
	for _, p := range parts {
		p.start()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newWitness(data, "copied")
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	talk := rand.New(rand.NewPCG(r.Uint64(), 1))
	wg.Go(func() { chatter(ctx, t, channel, talk) })
	wg.Go(func() { w.watch(ctx) })

	until(t, "the tables begin", func() bool { return checkpoint(t, data) > 0 })
	for i := range copies {
		before := w.total()
		until(t, "events arrive", func() bool { return w.total() > before+200 })
		time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		spooled, streamSeq := w.acknowledged()
		copied := filepath.Join(t.TempDir(), "data")
		copyOf(t, parts, data, copied)
		t.Logf("copy %d: %d producers, the stream had answered for seq=%d", i+1, len(spooled), streamSeq)
		settle(t, copied, "copied")
		check(t, copied, spooled, streamSeq)
	}
	cancel()
	wg.Wait()
	for _, i := range []int{2, 1, 0} {
		parts[i].stop()
	}
	spooled, streamSeq := w.acknowledged()
	check(t, data, spooled, streamSeq)
}

// copyOf copies the data folder between two instructions of the processes.
func copyOf(t *testing.T, parts []*part, data, to string) {
	t.Helper()
	for _, p := range parts {
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range parts {
		until(t, "the "+p.name+" stands still", func() bool { return stopped(t, p.cmd.Process.Pid) })
	}
	if err := os.CopyFS(to, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// stopped reports whether each thread of a process is stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, name := range threads {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The name in brackets may hold anything; the state follows it.
		if _, after, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " "); !ok || after[0] != 'T' {
			return false
		}
	}
	return true
}

// settle starts what a cut left, lets the spool go to the stream, and stops it
// in good order. There is no channel any more. A projector, if one is to run,
// catches up.
func settle(t *testing.T, data, channel string, projector ...string) {
	t.Helper()
	server := start(t, "server", "--data", data, "--nats-port", "0", "--monitor-port", "off")
	until(t, "the server serves", func() bool {
		select {
		case <-server.done:
			t.Fatalf("the server ended\n%s", server.err.String())
		default:
		}
		return strings.Contains(server.out.String(), "serving")
	})
	bot := start(t, "bot", "http://127.0.0.1:1/r/"+channel, "--data", data, "--wait")
	spool := filepath.Join(data, "spool", channel+".db")
	until(t, "the bot records", func() bool { return strings.Contains(bot.out.String(), "recording") })
	until(t, "the spool is empty", func() bool {
		db, err := sql.Open("sqlite", "file:"+spool+"?mode=ro&_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		var waiting, runs int64
		err = db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM producers)").Scan(&waiting, &runs)
		return err == nil && waiting == 0 && runs > 1
	})
	bot.stop()
	if len(projector) > 0 {
		p := start(t, projector...)
		until(t, "the tables have caught up", func() bool {
			return checkpoint(t, data) == streamEnd(t, data)
		})
		p.stop()
	}
	server.stop()
}

// streamEnd is the last sequence of a running server's stream.
func streamEnd(t *testing.T, data string) int64 {
	t.Helper()
	var state struct {
		LastSeq int64 `json:"last_seq"`
	}
	if err := json.Unmarshal([]byte(must(t, "stream", "show", "--json", "--data", data)), &state); err != nil {
		t.Fatal(err)
	}
	return state.LastSeq
}
