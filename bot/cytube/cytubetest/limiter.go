package cytubetest

// The flood limit of a real server.
const (
	floodBurst     = 20
	floodSustained = 10.0
)

// antiflood is a flood limit, as channelOpts tells it.
type antiflood struct {
	on bool

	Burst     int     `json:"burst"`
	Sustained float64 `json:"sustained"` // lines a second once the burst is used up
	Cooldown  float64 `json:"cooldown"`  // seconds of silence that bring the burst back whole
}

// interval is the least number of milliseconds between two lines once the burst
// is used up. It is what a client is told that wrote too early.
func (a antiflood) interval() float64 { return 1000 / a.Sustained }

// limiter counts the lines of one connection. It knows whole milliseconds, as
// the real one does. A line that is dropped changes nothing: it neither uses up
// anything nor makes the wait longer.
type limiter struct {
	lines int
	last  int64 // when a line was let through; 0 for never
}

// allow reports whether a line may pass at the given millisecond.
func (l *limiter) allow(a antiflood, now int64) bool {
	switch {
	case l.last == 0, float64(now-l.last) > a.Cooldown*1000:
		l.lines = 1
	case l.lines < a.Burst:
		l.lines++
	case float64(now-l.last) < a.interval():
		return false
	}
	l.last = now
	return true
}

// cooling reports whether a line of the client comes too early, and tells it so.
func (v *visitor) cooling(a antiflood) bool {
	if v.limiter.allow(a, v.c.cfg.FloodClock()) {
		return false
	}
	v.c.dropped.Flood++
	v.emit("cooldown", a.interval())
	return true
}

// sitesLimit is the limit that everybody is under.
func (c *Channel) sitesLimit() antiflood {
	return antiflood{Burst: c.cfg.Burst, Sustained: c.cfg.Sustained, Cooldown: float64(c.cfg.Burst) / c.cfg.Sustained}
}

// limitOf is the limit for somebody's lines.
func (c *Channel) limitOf(p *person) antiflood {
	if c.flood.on && p.rank < moderator {
		return c.flood
	}
	return c.sitesLimit()
}
