package campaign

import (
	"errors"
	"io"
	"time"
)

// Config says how long a campaign is and what it attacks.
type Config struct {
	// Seed is the seed of the first segment; the next one's is one more.
	Seed uint64
	// Cycles is how many faults are dealt out. With For, whichever ends first.
	Cycles int
	// For ends the campaign with the segment that is running by then. Default: no
	// limit.
	For time.Duration
	// SegmentCycles is how many cycles share a data folder. Default 25.
	SegmentCycles int
	// EventsPerCycle is how many lines are said in a cycle at least. Default 2,000.
	EventsPerCycle int
	// Rate is how many lines a second are said. Default 3,000.
	Rate int
	// Parallel is how many segments run at a time. Default 1.
	Parallel int
	// Program is a rosey built with the tag of package crashpoint.
	Program string
	// Dir is where the data folders are made. A segment that fails leaves its
	// folder; the others' are removed.
	Dir string
	// Progress receives a line for each segment. Default: nothing.
	Progress io.Writer
}

// Defaults of a Config.
const (
	DefaultSegmentCycles  = 25
	DefaultEventsPerCycle = 2000
	DefaultRate           = 3000
)

// Validate reports what Run would refuse.
func (c Config) Validate() error {
	switch {
	case c.Program == "" || c.Dir == "":
		return errors.New("campaign: no program or no folder is given")
	case c.Cycles < 0 || c.SegmentCycles < 0 || c.EventsPerCycle < 0 || c.Rate < 0 || c.Parallel < 0 || c.For < 0:
		return errors.New("campaign: a number is negative")
	case c.Cycles == 0 && c.For == 0:
		return errors.New("campaign: it has no end: give a number of cycles or a time")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.SegmentCycles == 0 {
		c.SegmentCycles = DefaultSegmentCycles
	}
	if c.EventsPerCycle == 0 {
		c.EventsPerCycle = DefaultEventsPerCycle
	}
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Parallel == 0 {
		c.Parallel = 1
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	return c
}
