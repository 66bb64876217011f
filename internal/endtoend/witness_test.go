package endtoend

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// witness notes, from outside, what an installation has acknowledged: what the
// bot has committed to its spool, and what the stream has answered for. It reads
// the spool as any other process could. A commit shows only after its sync, and
// an answer of the stream is recorded after it came.
type witness struct {
	path string

	mu        sync.Mutex
	spooled   map[string]int64 // by producer: its last sequence
	streamSeq int64
}

func newWitness(data, channel string) *witness {
	return &witness{path: filepath.Join(data, "spool", channel+".db"), spooled: map[string]int64{}}
}

// watch looks again and again until the context ends.
func (w *witness) watch(ctx context.Context) {
	for ctx.Err() == nil {
		w.look(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (w *witness) look(ctx context.Context) {
	db, err := sql.Open("sqlite", "file:"+w.path+"?mode=ro&_pragma=busy_timeout(1000)")
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }()
	// The answers first: what was read a moment earlier is acknowledged all the more.
	var seq int64
	if db.QueryRowContext(ctx, "SELECT last_stream_seq FROM drain").Scan(&seq) != nil {
		return // the bot is making it, or the disk is gone
	}
	var producer string
	var last int64
	if db.QueryRowContext(ctx, "SELECT producer, last_seq FROM producers ORDER BY run DESC LIMIT 1").Scan(&producer, &last) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streamSeq = max(w.streamSeq, seq)
	w.spooled[producer] = max(w.spooled[producer], last)
}

// acknowledged is what was seen so far.
func (w *witness) acknowledged() (spooled map[string]int64, streamSeq int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	spooled = map[string]int64{}
	for producer, last := range w.spooled {
		spooled[producer] = last
	}
	return spooled, w.streamSeq
}

// total is how many events were acknowledged by the spool.
func (w *witness) total() (n int64) {
	spooled, _ := w.acknowledged()
	for _, last := range spooled {
		n += last
	}
	return n
}

// check compares a stopped installation with what was acknowledged.
func check(t *testing.T, data string, spooled map[string]int64, streamSeq int64) {
	t.Helper()
	have, last := map[string]map[int64]int{}, int64(0)
	lines := bufio.NewScanner(strings.NewReader(must(t, "export", "events", "--data", data)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct {
			Seq  int64 `json:"seq"`
			Data struct {
				ID string `json:"id"`
			} `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Seq != last+1 {
			t.Errorf("seq=%d of the stream follows seq=%d", e.Seq, last)
		}
		last = e.Seq
		producer, number, _ := strings.Cut(e.Data.ID, "-")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Errorf("seq=%d has the id %q", e.Seq, e.Data.ID)
			continue
		}
		if have[producer] == nil {
			have[producer] = map[int64]int{}
		}
		have[producer][n]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if last < streamSeq {
		t.Errorf("the stream had answered for seq=%d, it ends at seq=%d", streamSeq, last)
	}
	for producer, want := range spooled {
		for n := int64(1); n <= want; n++ {
			if have[producer][n] == 0 {
				t.Errorf("event %s-%d was committed and is lost", producer, n)
			}
		}
	}
	for producer, numbers := range have {
		for n, times := range numbers {
			if times != 1 {
				t.Errorf("event %s-%d is %d times in the stream", producer, n, times)
			}
		}
	}
	if out := must(t, "replay", "--data", data, "--verify"); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify says: %s", out)
	}
}

// chatter says lines, now many and now few, until the context ends.
func chatter(ctx context.Context, t *testing.T, c *cytubetest.Channel, r *rand.Rand) {
	for n := 0; ctx.Err() == nil; {
		for range 1 + r.IntN(20) {
			n++
			if err := c.Say("ann", fmt.Sprintf("line %06d", n)); err != nil {
				t.Error(err)
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(r.IntN(100)) * time.Millisecond):
		}
	}
}

// threeProcesses are the parts of one installation.
func threeProcesses(t *testing.T, c *cytubetest.Channel, data string) []*part {
	return []*part{
		{t: t, name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off"}},
		{t: t, name: "projector", args: []string{"projector", "--data", data}},
		{t: t, name: "bot", args: []string{"bot", c.PageURL(), "--username", "rosey", "--data", data, "--wait"}},
	}
}
