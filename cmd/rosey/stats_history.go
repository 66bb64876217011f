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
		if err := printHistory(con, h); err != nil {
			return err
		}
		nextPage(con, h.Before)
		return nil
	})
}

func printHistory(con *console, h query.UserCounts) error {
	view := con.looks()
	if view.plots && len(h.Counts) > 1 {
		if err := drawHistory(con, view, h.Counts); err != nil {
			return err
		}
	}
	var most int64
	rows := [][]string{{"time", "users", "connected"}}
	for _, n := range h.Counts {
		most = max(most, n.ChatUsers)
		rows = append(rows, []string{moment(n.Timestamp * 1000), number(n.ChatUsers), number(n.ConnectedUsers)})
	}
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

// drawHistory draws the counts side by side, so that an evening is seen at once.
func drawHistory(con *console, view look, counts []query.UserCount) error {
	const label = "connected  "
	users, connected := make([]sample, len(counts)), make([]sample, len(counts))
	var mostUsers, mostConnected int64
	for i, n := range counts {
		users[i], connected[i] = sample{n.Timestamp * 1000, n.ChatUsers}, sample{n.Timestamp * 1000, n.ConnectedUsers}
		mostUsers, mostConnected = max(mostUsers, n.ChatUsers), max(mostConnected, n.ConnectedUsers)
	}
	first, last := moment(users[0].ms), moment(users[len(users)-1].ms)
	width := view.width - 1 - len(label) - len(fmt.Sprintf("  most %d", max(mostUsers, mostConnected)))
	if width < len(first)+len(last)+1 {
		return nil // nothing would be seen
	}
	line := func(samples []sample) string {
		return view.spark(spread(samples, width, countHolds.Milliseconds()))
	}
	_, err := fmt.Fprintf(con.out, "%-*s%s  most %d\n%-*s%s  most %d\n%*s%s%*s\n\n",
		len(label), "users", line(users), mostUsers, len(label), "connected", line(connected), mostConnected,
		len(label), "", first, width-len(first), last)
	return err
}
