package main

import (
	"fmt"

	"rosey/projector/query"
)

// rowLimit is how many rows a person asks for.
type rowLimit int

// Validate refuses what the query service refuses; the parser calls it.
func (n rowLimit) Validate() error {
	if n < 1 || n > query.MaxLimit {
		return fmt.Errorf("%d is not between 1 and %d", int(n), query.MaxLimit)
	}
	return nil
}

// pageFlags narrow a history.
type pageFlags struct {
	Period query.Period `help:"How far back from the newest event: 24h, 7d, 30d or all." enum:"24h,7d,30d,all" default:"all" placeholder:"PERIOD"`
	Since  moments      `help:"From then on instead: how long ago (10m, 2h), or a time (RFC 3339)." placeholder:"WHEN"`
	Until  moments      `help:"Up to then: how long ago, or a time." placeholder:"WHEN"`
	Before int64        `help:"Only what lies before this sequence: the next page." placeholder:"SEQ"`
	Limit  rowLimit     `help:"How many, at most 1000." default:"20" placeholder:"N"`
}

func (f pageFlags) options(channel string) query.PageOptions {
	o := query.PageOptions{Channel: channel, Period: f.Period, Before: f.Before, Limit: int(f.Limit)}
	if (f.Since.set() || f.Until.set()) && o.Period == query.PeriodAll {
		o.Period = "" // that is the default
	}
	o.SinceMS, o.UntilMS = f.Since.ms(), f.Until.ms()
	return o
}

// ms is the moment in Unix milliseconds, nil where there is none.
func (m moments) ms() *int64 {
	if !m.set() {
		return nil
	}
	ms := m.time().UnixMilli()
	return &ms
}

// nextPage tells a person how to go on.
func nextPage(con *console, before int64) {
	if before > 0 {
		fmt.Fprintf(con.err, "older: --before %d\n", before)
	}
}
