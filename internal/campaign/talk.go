package campaign

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// talk says numbered lines in a channel, and keeps the ledger of what was said.
// Besides, people come and go, and media, playlist and polls change.
type talk struct {
	channel *cytubetest.Channel
	rand    *rand.Rand
	rate    int
	known   func() int // how many lines are safe

	items []int // the playlist, by uid
	// overlap is how many lines a join brings again although they are safe.
	overlap atomic.Int64

	mu    sync.Mutex
	times []int64 // of line n at n-1, in milliseconds
	fault error
}

// aheadLimit bounds the lines that nobody has on disk. The channel's history is
// longer, so that none of them can fall out of it.
const (
	aheadLimit    = 15_000
	historyLength = 2 * aheadLimit
)

// speakers are there all the time. Some have names that programs mistake for
// something else.
var speakers = []string{"null", "__proto__", "MixedCase", "ann", "-", "0", "toString", "a_b", "Zoe", "NaN"}

var phrases = []string{
	"hello", "a < b && b > c", `"quoted" and 'single'`, "grün ist die Höffnung", "日本語のテキスト", "😀👍🏽 family: 👨‍👩‍👧",
	"&amp; is not &", "https://example.org/watch?v=1&t=2 look", "tab\\t and \\n stay as they are", "100 % of {json} [things]",
	"; DROP TABLE chat_messages; --", "ends with a backslash \\",
}

// speaker and text are the ledger's other two columns: they follow from the
// line's number, which counts from 1.
func speaker(n int) string { return speakers[(n*7+n/11)%len(speakers)] }
func text(n int) string    { return fmt.Sprintf("%d %s", n, phrases[n%len(phrases)]) }

func newTalk(c *cytubetest.Channel, r *rand.Rand, rate int, known func() int) (*talk, error) {
	t := &talk{channel: c, rand: r, rate: rate, known: known}
	for _, name := range speakers {
		if err := c.Join(name); err != nil {
			return nil, fmt.Errorf("campaign: %w", err)
		}
	}
	return t, nil
}

// said is how many lines were said.
func (t *talk) said() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.times)
}

// time is that of line n.
func (t *talk) time(n int) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.times[n-1]
}

// failed is why the talk ended by itself, nil if it did not.
func (t *talk) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fault
}

// paces are how fast the talk goes for a moment, of its rate: single lines and
// whole floods take different ways through spool and stream.
var paces = []float64{0, 0.05, 1, 1, 3}

const paceLimit = 400 * time.Millisecond

// run talks until the context ends.
func (t *talk) run(ctx context.Context) {
	const step = 5 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	last, owed := time.Now(), 0.0
	pace, until := 1.0, last
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// A machine that is busy makes the talk slower, not more sudden.
			owed += pace * float64(t.rate) * min(now.Sub(last), 10*step).Seconds()
			last = now
			if now.After(until) {
				pace, until = paces[t.rand.IntN(len(paces))], now.Add(time.Duration(t.rand.Int64N(int64(paceLimit))))
			}
		}
		t.forget()
		for ; owed >= 1; owed-- {
			if t.said()-t.known() >= aheadLimit {
				owed = 0
				break
			}
			if err := t.say(); err != nil {
				t.mu.Lock()
				t.fault = err
				t.mu.Unlock()
				return
			}
			if t.rand.IntN(25) == 0 {
				t.stir()
			}
		}
	}
}

// forget takes what is safe out of the channel's history, but for the overlap.
func (t *talk) forget() { t.channel.ForgetChat(t.known() - int(t.overlap.Load())) }

func (t *talk) say() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.times) + 1
	at, err := t.channel.SayAt(speaker(n), text(n))
	if err != nil {
		return fmt.Errorf("campaign: say line %d: %w", n, err)
	}
	if at == 0 {
		return fmt.Errorf("campaign: the channel does not show line %d", n)
	}
	t.times = append(t.times, at)
	return nil
}
