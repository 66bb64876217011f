package outbound

import "time"

// flight is a line that was written and of which nothing is known yet.
type flight struct {
	id        int64
	line      line
	recipient string // of a private message
	last      bool   // nothing of its message comes after it
	visit     uint64
	number    int   // of the lines that left
	afterMS   int64 // of the newest line seen before
	written   time.Time
	// landed gets the end; a flight that was given up has nobody to tell.
	landed chan landing
}

// land tells whoever waits. The first word counts.
func (f *flight) land(v landing) {
	select {
	case f.landed <- v:
	default:
	}
}

// givenUpFor is how long a late echo of a line that was given up is looked for.
const givenUpFor = 2 * time.Minute
