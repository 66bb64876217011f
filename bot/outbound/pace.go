package outbound

import "time"

// Rate is a flood limit as CyTube keeps it: so many lines at once, and then so
// many a second, until a pause brings the whole burst back.
type Rate struct {
	Burst     int
	Sustained float64 // lines a second
	// Cooldown is the pause. Default: Burst/Sustained seconds.
	Cooldown time.Duration
}

// interval is the least time between two lines once the burst is used up.
func (r Rate) interval() time.Duration {
	if r.Sustained <= 0 {
		return never
	}
	return seconds(1 / r.Sustained)
}

func (r Rate) pause() time.Duration {
	switch {
	case r.Cooldown > 0:
		return r.Cooldown
	case r.Sustained <= 0:
		return never
	}
	return seconds(float64(r.Burst) / r.Sustained)
}

// never is longer than anybody waits, and can be added to a time.
const never = 365 * 24 * time.Hour

func seconds(s float64) time.Duration {
	return time.Duration(min(s, never.Seconds()) * float64(time.Second))
}

// Limits are what a site demands of a line.
type Limits struct {
	// Chat is the limit that everybody is under, with private messages. Default: 20
	// at once, then 10 a second.
	Chat Rate
	// Units is the greatest length of a line, in UTF-16 units. Default 320.
	Units int
}

func (l Limits) withDefaults() Limits {
	if l.Chat.Burst <= 0 {
		l.Chat.Burst = 20
	}
	if l.Chat.Sustained <= 0 {
		l.Chat.Sustained = 10
	}
	if l.Units <= 0 {
		l.Units = 320
	}
	return l
}

// apart keeps two lines of ours from bearing the same millisecond: the history
// could not tell them apart by their times.
const apart = 2 * time.Millisecond

// pace follows the server's limiter, of which there is a new one for each visit.
// What the network does is not known, so it keeps to the safe side: a line was
// counted by the server before its echo was read, and is never written later than
// it arrives. Whatever wait is counted from the reading of the one to the writing
// of the next, the server sees no less.
//
// The server's own count of lines is never above this one: where this one starts
// afresh after a pause, the server has seen a pause as long.
type pace struct {
	lines int
	last  time.Time // by when the last line was counted
	// A refusal shows that the limit is lower than was believed: learned is kept for
	// as long as that is believed.
	believed, learned Rate
}

// limit is a rate as refusals have shown it to be.
func (p *pace) limit(believed Rate) Rate {
	if p.learned.Sustained > 0 && p.believed == believed {
		return p.learned
	}
	return believed
}

// safe is a wait with what the server's whole milliseconds and a clock that runs
// slightly faster than ours can take from it.
func safe(d time.Duration) time.Duration { return d + d/500 + 2*time.Millisecond }

// wait is how long a line has to wait before it may be written. A line of weight
// two is counted twice in the same instant.
func (p *pace) wait(now time.Time, r Rate, weight int) time.Duration {
	if p.last.IsZero() {
		return 0
	}
	r = p.limit(r)
	gap := safe(r.pause())
	switch {
	case p.lines+weight <= r.Burst:
		gap = min(gap, apart)
	case weight == 1:
		gap = min(gap, safe(r.interval()))
	}
	return max(0, gap-now.Sub(p.last))
}

// possible reports whether a line can pass at all: one that counts twice does not
// where the burst is a single line.
func (r Rate) possible(weight int) bool { return weight == 1 || weight <= r.Burst }

// counted notes that the server counted a line which was written then, and of
// which this was heard at the given time.
func (p *pace) counted(written, heard time.Time, r Rate, weight int) {
	r = p.limit(r)
	if p.last.IsZero() || written.Sub(p.last) >= safe(r.pause()) {
		p.lines = 0
	}
	p.lines = max(p.lines, min(p.lines+weight, max(r.Burst, weight)))
	p.last = heard
}

// refused notes that a line was refused, and how far apart the server wants lines to
// be; 0 where it did not say. The burst was used up before it.
func (p *pace) refused(heard time.Time, r Rate, interval time.Duration) {
	now := p.limit(r)
	p.believed = r
	p.learned = Rate{Burst: min(now.Burst, p.lines), Sustained: now.Sustained}
	if interval > 0 {
		p.learned.Sustained = min(now.Sustained, 1/interval.Seconds())
	}
	p.lines, p.last = max(p.lines, r.Burst), heard
}
