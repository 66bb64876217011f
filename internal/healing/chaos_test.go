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

// Faults come in any order and on top of each other: the next may begin before
// the last is over. Each is shown to have happened.
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
		do   func() bool // whether it could be done
	}{
		{"server killed", func() bool { running := server.PID() != 0; server.Kill(); return running }},
		{"server stopped", func() bool { running := server.PID() != 0; server.Stop(); return running }},
		{"network of the bot dead", func() bool { botNet.Swallow(true, true); return true }},
		{"network of the projector dead", func() bool { projNet.Swallow(true, true); return true }},
		{"answers to the bot lost", func() bool { botNet.Swallow(false, true); return true }},
		{"questions of the projector lost", func() bool { projNet.Swallow(true, false); return true }},
		{"connections cut", func() bool { botNet.Cut(); projNet.Cut(); return true }},
		{"consumer deleted", func() bool {
			return server.PID() != 0 && r.direct.JetStream().DeleteConsumer(t.Context(), streams.StreamName, consumer) == nil
		}},
		{"all healed", func() bool { heal(); return true }},
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
		if f.do() {
			done[f.name]++
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // into whatever is going on then
		if random.IntN(3) == 0 {
			heal()
			r.goesOn()
		}
	}
	heal()
	r.goesOn()
	quiet()
	t.Logf("%d lines, faults: %v", r.lines(), done)
	r.check()
}
