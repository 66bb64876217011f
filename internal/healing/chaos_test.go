package healing

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

var (
	// rounds is how many faults come in a row.
	rounds = flag.Int("rounds", 12, "how many faults the random order has")
	// seed repeats the order of an earlier run.
	seed = flag.Uint64("seed", 0, "seed of the random order of faults; 0 for another one each time")
)

// yes and no are whether a fault that shows at once has happened.
func yes() bool { return true }
func no() bool  { return false }

func whether(happened bool) func() bool {
	if happened {
		return yes
	}
	return no
}

// swallow begins to lose what goes through a network. That it did shows only when
// something comes along.
func swallow(p *streamstest.Proxy, up, down bool) (happened func() bool) {
	upBefore, downBefore := p.Lost()
	p.Swallow(up, down)
	return func() bool {
		upNow, downNow := p.Lost()
		return up && upNow > upBefore || down && downNow > downBefore
	}
}

// Faults come in any order and on top of each other: the next may begin before
// the last is over. Each kind is shown to have happened; one that found nothing to
// spoil when its turn came gets another at the end, alone.
func TestInstallation_FaultsInAnyOrder(t *testing.T) {
	t.Parallel()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d repeats this", s)
	random := rand.New(rand.NewPCG(s, 0))

	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	addr := strings.TrimPrefix(server.URL(), "nats://")
	botNet, projNet := streamstest.NewProxy(t, addr), streamstest.NewProxy(t, addr)
	o := at(server.URL())
	o.bot.URLs, o.projector.URLs = []string{botNet.URL()}, []string{projNet.URL()}
	r := newRig(t, o)
	consumer, err := streams.ConsumerName("main")
	if err != nil {
		t.Fatal(err)
	}
	heal := func() {
		botNet.Swallow(false, false)
		projNet.Swallow(false, false)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	faults := []struct {
		name string
		do   func() (happened func() bool)
	}{
		{"server killed", func() func() bool { running := server.PID() != 0; server.Kill(); return whether(running) }},
		{"server stopped", func() func() bool { running := server.PID() != 0; server.Stop(); return whether(running) }},
		{"network of the bot dead", func() func() bool { return swallow(botNet, true, true) }},
		{"network of the projector dead", func() func() bool { return swallow(projNet, true, true) }},
		{"answers to the bot lost", func() func() bool { return swallow(botNet, false, true) }},
		{"questions of the projector lost", func() func() bool { return swallow(projNet, true, false) }},
		{"connections cut", func() func() bool { return whether(botNet.Cut()+projNet.Cut() > 0) }},
		{"consumer deleted", func() func() bool {
			return whether(server.PID() != 0 && r.direct.JetStream().DeleteConsumer(t.Context(), streams.StreamName, consumer) == nil)
		}},
		{"all healed", func() func() bool { heal(); return yes }},
	}
	done := map[string]int{}
	quiet := r.talk()
	r.goesOn()
	var order []int
	for range *rounds {
		if len(order) == 0 {
			order = random.Perm(len(faults)) // each comes before any comes again
		}
		f := faults[order[0]]
		order = order[1:]
		happened := f.do()
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // into whatever is going on then
		if happened() {
			done[f.name]++
		}
		if random.IntN(3) == 0 {
			heal()
			r.goesOn()
		}
	}
	heal()
	r.goesOn()
	for _, f := range faults {
		if done[f.name] > 0 {
			continue
		}
		happened := no
		r.until(f.name+" happens", func() bool {
			if !happened() {
				happened = f.do()
			}
			return happened()
		})
		done[f.name]++
		heal()
		r.goesOn()
	}
	quiet()
	t.Logf("%d lines, faults: %v", r.lines(), done)
	r.check()
}
