package main

import (
	"context"
	"fmt"
	"time"

	"rosey/projector/query"
)

type statsHistoryCmd struct{ pageFlags }

func (c *statsHistoryCmd) examples() string { return "  rosey stats history --period 24h --limit 288" }

// Run prints how many were there, oldest first. On a terminal it is drawn too.
func (c *statsHistoryCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		channel, err := stats.one(ctx, con, s)
		if err != nil {
			return err
		}
		h, err := s.UserCountHistory(ctx, c.options(channel))
		if err != nil {
			return err
		}
		if stats.JSON {
			return printJSON(con.out, h)
		}
		if err := c.draw(ctx, con, s, channel); err != nil {
			return err
		}
		if err := printHistory(con, h); err != nil {
			return err
		}
		nextPage(con, h.Before)
		return nil
	})
}

func printHistory(con *console, h query.UserCounts) error {
	var most int64
	rows := [][]string{{"time", "users", "connected"}}
	for _, n := range h.Counts {
		most = max(most, n.ChatUsers)
		rows = append(rows, []string{moment(n.Timestamp * 1000), number(n.ChatUsers), number(n.ConnectedUsers)})
	}
	view := con.looks()
	if width := view.beside(rows); width > 0 {
		for i, n := range h.Counts {
			rows[i+1] = append(rows[i+1], view.bar(n.ChatUsers, most, width))
		}
	}
	t := newTable(con.out)
	for _, r := range rows {
		t.row(r...)
	}
	return t.flush()
}

// countHolds is how long a count speaks for what follows it: twice as long as a
// bot that is in the channel takes for the next.
const countHolds = 10 * time.Minute

// draw draws the whole period that was asked for, so that it is seen at once: the
// table shows the end of it.
func (c *statsHistoryCmd) draw(ctx context.Context, con *console, s source, channel string) error {
	const label = "connected  "
	view := con.looks()
	width := view.width - 1 - len(label) - len("  most 99999")
	if !view.plots || width < leastPlot || c.Before != 0 {
		return nil
	}
	h, err := s.UserCountPoints(ctx, c.options(channel), width)
	if err != nil || len(h.Points) < 2 {
		return err
	}
	users, connected := make([]sample, len(h.Points)), make([]sample, len(h.Points))
	var mostUsers, mostConnected int64
	for i, p := range h.Points {
		users[i], connected[i] = sample{p.Timestamp * 1000, p.ChatUsersMax}, sample{p.Timestamp * 1000, p.ConnectedUsersMax}
		mostUsers, mostConnected = max(mostUsers, p.ChatUsersMax), max(mostConnected, p.ConnectedUsersMax)
	}
	from, to := users[0].ms, users[len(users)-1].ms
	// A count may be at the end of one part, and the next at the beginning of another.
	holds := countHolds.Milliseconds() + (to-from)/int64(width)
	line := func(samples []sample) string { return view.spark(spread(samples, width, holds)) }
	_, err = fmt.Fprintf(con.out, "%-*s%s  most %d\n%-*s%s  most %d\n%*s%s%*s\n\n",
		len(label), "users", line(users), mostUsers, len(label), "connected", line(connected), mostConnected,
		len(label), "", moment(from), width-len(moment(from)), moment(to))
	return err
}

// leastPlot has room for the times of its ends.
const leastPlot = 2*len(time.RFC3339) + 1
