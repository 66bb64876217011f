package main

import (
	"context"
	"strings"

	"rosey/projector/query"
)

type statsSearchCmd struct {
	Text   []string `arg:"" help:"Words that all have to occur. None of them is syntax."`
	User   string   `help:"Only what this user said." placeholder:"NAME"`
	Before int64    `help:"Only what lies before this sequence: the next page." placeholder:"SEQ"`
	Limit  rowLimit `help:"How many lines, at most 1000." default:"20" placeholder:"N"`
}

func (c *statsSearchCmd) examples() string {
	return "  rosey stats search pizza friday\n  rosey stats search pizza --user ann --json\n  rosey stats search -- --help"
}

// Run prints the lines found, newest first.
func (c *statsSearchCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		p, err := s.SearchChat(ctx, query.SearchOptions{
			Text: strings.Join(c.Text, " "), Channel: stats.Only, Username: c.User, Before: c.Before, Limit: int(c.Limit),
		})
		if err != nil {
			return err
		}
		if stats.JSON {
			return printJSON(con.out, p)
		}
		t := newTable(con.out)
		for _, m := range p.Messages {
			t.row(moment(m.TimeMS), printable(m.Channel), printable(m.Username), printable(m.Message))
		}
		if err := t.flush(); err != nil {
			return err
		}
		nextPage(con, p.Before)
		return nil
	})
}
