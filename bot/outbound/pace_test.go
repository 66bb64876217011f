package outbound

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// gate is another account of the server's limiter: it keeps the times of all lines
// that passed, and works out from them whether one more does.
type gate struct{ passed []int64 }

// pass reports whether a line passes at a millisecond, and keeps it if so.
func (g *gate) pass(at int64, burst int, sustained float64, cooldown float64) bool {
	run := 0 // lines since the last pause, bounded by those that found room in the burst
	for i, ms := range g.passed {
		if i == 0 || float64(ms-g.passed[i-1]) > cooldown*1000 {
			run = 0
		}
		if run < burst || run == 0 {
			run++
		}
	}
	n := len(g.passed)
	ok := n == 0 || float64(at-g.passed[n-1]) > cooldown*1000 || run < burst || float64(at-g.passed[n-1]) >= 1000/sustained
	if ok {
		g.passed = append(g.passed, at)
	}
	if len(g.passed) > 400 {
		g.passed = g.passed[200:] // far more than a burst
	}
	return ok
}

// Whatever the network does, the server never sees a line too early; and the wait
// is never longer than what the limit and the way there and back explain.
func TestPace_ServerNeverRefuses(t *testing.T) {
	t.Parallel()
	rates := []Rate{
		{Burst: 20, Sustained: 10}, {Burst: 4, Sustained: 1}, {Burst: 1, Sustained: 1}, {Burst: 0, Sustained: 2},
		{Burst: 20, Sustained: 0.5}, {Burst: 3, Sustained: 7.3}, {Burst: 4, Sustained: 1, Cooldown: 9 * time.Second},
	}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		rate := rates[int(seed)%len(rates)]
		cooldown := rate.Cooldown.Seconds()
		if cooldown == 0 {
			cooldown = float64(rate.Burst) / rate.Sustained
		}
		var p pace
		var g gate
		begin := time.Unix(1_700_000_000, 0)
		now, offset := begin, time.Duration(rnd.Int64N(int64(time.Hour)))
		drift := 1 + (rnd.Float64()-0.5)/1000 // of the server's clock
		clock := func(at time.Time) int64 {
			return begin.Add(offset).UnixMilli() + int64(float64(at.Sub(begin).Microseconds())*drift/1000)
		}
		way := func() time.Duration {
			d := time.Duration(rnd.Int64N(int64(30 * time.Millisecond)))
			if rnd.IntN(20) == 0 {
				d += time.Duration(rnd.Int64N(int64(3 * time.Second)))
			}
			return d
		}
		for i := range 300 {
			weight := 1
			if rnd.IntN(6) == 0 {
				weight = 2
			}
			if !rate.possible(weight) {
				continue
			}
			if rnd.IntN(15) == 0 {
				now = now.Add(time.Duration(rnd.Int64N(int64(6 * time.Second))))
			}
			wait := p.wait(now, rate, weight)
			if limit := safe(max(rate.pause(), rate.interval())); wait > limit {
				t.Fatalf("seed %d line %d: waits %s, more than %s", seed, i, wait, limit)
			}
			written := now.Add(wait)
			arrived := written.Add(way())
			for range weight {
				if at := clock(arrived); !g.pass(at, rate.Burst, rate.Sustained, cooldown) {
					t.Fatalf("seed %d rate %+v line %d of weight %d: refused at %d", seed, rate, i, weight, at)
				}
			}
			now = arrived.Add(way())
			p.counted(written, now, rate, weight)
		}
	}
}

// Lines to a server next door lose nothing but the margin.
func TestPace_IsAsFastAsTheLimit(t *testing.T) {
	t.Parallel()
	var p pace
	rate := Limits{}.withDefaults().Chat
	begin := time.Unix(1_700_000_000, 0)
	now := begin
	const lines = 220
	for range lines {
		now = now.Add(p.wait(now, rate, 1))
		p.counted(now, now, rate, 1)
	}
	best := (lines - 20) * 100 * time.Millisecond
	if took := now.Sub(begin); took < best || took > best+best/30 {
		t.Errorf("%d lines take %s, at best %s", lines, took, best)
	}
}

func TestPace_Waits(t *testing.T) {
	t.Parallel()
	rate := Rate{Burst: 3, Sustained: 10}
	begin := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		lines, weight int
		since, want   time.Duration
	}{
		{0, 1, 0, apart},
		{2, 1, 0, apart},
		{2, 1, time.Second, 0},
		{3, 1, 0, safe(100 * time.Millisecond)},
		{3, 1, 40 * time.Millisecond, safe(100*time.Millisecond) - 40*time.Millisecond},
		{1, 2, 0, apart},
		{2, 2, 0, safe(300 * time.Millisecond)}, // the second count would find no room
		{3, 2, time.Second, 0},
	} {
		p := pace{lines: tt.lines, last: begin}
		if got := p.wait(begin.Add(tt.since), rate, tt.weight); got != tt.want {
			t.Errorf("wait(%d lines, weight %d, %s later) = %s, want %s", tt.lines, tt.weight, tt.since, got, tt.want)
		}
	}
	var first pace
	if got := first.wait(begin, rate, 2); got != 0 {
		t.Errorf("the first line waits %s", got)
	}
}

// A limit that is lower than was believed is learned from one refusal, and
// forgotten when something else is believed.
func TestPace_LearnsFromARefusal(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	believed := Rate{Burst: 20, Sustained: 10}
	p := pace{lines: 3, last: now}
	p.refused(now, believed, 500*time.Millisecond)
	if got, want := p.wait(now, believed, 1), safe(500*time.Millisecond); got != want {
		t.Errorf("after the refusal: %s, want %s", got, want)
	}
	now = now.Add(safe(1500 * time.Millisecond))
	for range 3 {
		now = now.Add(p.wait(now, believed, 1))
		p.counted(now, now, believed, 1)
	}
	if got, want := p.wait(now, believed, 1), safe(500*time.Millisecond); got != want {
		t.Errorf("after a burst of the limit's own length: %s, want %s", got, want)
	}
	if got := p.wait(now, Rate{Burst: 10, Sustained: 5}, 1); got != apart {
		t.Errorf("under another limit: %s, want %s", got, apart)
	}
	silent := pace{lines: 1, last: now}
	silent.refused(now, believed, 0)
	if got, want := silent.wait(now, believed, 1), safe(100*time.Millisecond); got != want {
		t.Errorf("where nothing was said: %s, want %s", got, want)
	}
}

func ExampleRate() {
	r := Rate{Burst: 4, Sustained: 1}
	fmt.Println(r.pause(), r.interval())
	// Output: 4s 1s
}
