package campaign

// layout is how an installation is put together.
type layout int

const (
	// proxied: server, bot and projector are processes, and the lines of bot and
	// projector to the server go through a proxy.
	proxied layout = iota
	// beside: three processes that find each other through the data folder.
	beside
	// together: rosey up, everything in one process.
	together
)

func (l layout) String() string { return [...]string{"proxied", "beside", "together"}[l] }

// cycleOfLayouts is how the layouts follow each other from seed to seed.
var cycleOfLayouts = [...]layout{proxied, proxied, beside, proxied, together}

// layoutOf returns the layout of a segment, and how many of its kind have lower
// seeds.
func layoutOf(seed uint64) (l layout, window int) {
	const n = uint64(len(cycleOfLayouts))
	l = cycleOfLayouts[seed%n]
	each, before := uint64(0), uint64(0)
	for i, other := range cycleOfLayouts {
		if other == l {
			each++
			if uint64(i) < seed%n {
				before++
			}
		}
	}
	return l, int(((seed/n)%1_000_000)*each + before)
}
