package main

import (
	"context"
	"fmt"

	"rosey/projector/query"
	"rosey/streams"
)

type statsOverviewCmd struct{}

func (c *statsOverviewCmd) examples() string {
	return "  rosey stats\n  rosey stats --json --db copy.db"
}

// Run prints how far the tables are and what they hold.
func (c *statsOverviewCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		o, err := s.Status(ctx, stats.Only)
		if err != nil {
			return err
		}
		if stats.JSON {
			return printJSON(con.out, o)
		}
		bots, err := botsAlive(ctx, s)
		if err != nil {
			return err
		}
		t := newTable(con.out)
		t.row("events", fmt.Sprintf("up to seq=%d, stored %s", o.Seq, moment(o.StreamTimeMS)))
		t.row("dead letters", number(o.DeadLetters))
		t.row("missing", fmt.Sprintf("%d inside the recorders' numbering", o.MissingEvents))
		for _, b := range bots {
			t.row("bot alive", botLine(b))
		}
		if err := t.flush(); err != nil || len(o.Channels) == 0 {
			return err
		}
		t = newTable(con.out)
		t.row()
		t.row("channel", "lines", "users", "present", "joins", "polls", "media", "most users", "most connected", "last observed")
		for _, ch := range o.Channels {
			t.row(printable(ch.Channel), number(ch.ChatLines), number(ch.Users), number(ch.Present), number(ch.Joins), number(ch.Polls), number(ch.Media),
				optionalNumber(ch.MaxUsers), optionalNumber(ch.MaxConnected), moment(ch.LastObservedMS))
		}
		return t.flush()
	})
}

// botsAlive are those that a running installation knows of; the tables know none.
func botsAlive(ctx context.Context, s source) ([]streams.Heartbeat, error) {
	c, ok := s.(*query.Client)
	if !ok {
		return nil, nil
	}
	st, err := c.ServiceStatus(ctx, "")
	return st.Bots, err
}

// botLine says what a bot does now.
func botLine(b streams.Heartbeat) string {
	name, where := who(printable(b.Name)), "on its way into "
	if b.Joined {
		where = "in "
	}
	line := name + " " + where + printable(b.Channel)
	if !b.Leads {
		line += ", standing by"
	}
	if b.OutboundWaiting > 0 {
		line += fmt.Sprintf(", %d messages to send", b.OutboundWaiting)
	}
	if b.SpoolWaiting > 0 {
		line += fmt.Sprintf(", %d events to store", b.SpoolWaiting)
	}
	return line
}

type statsChannelCmd struct{}

func (c *statsChannelCmd) examples() string {
	return "  rosey stats channel\n  rosey stats channel --channel lounge --json"
}

// Run prints each channel, or the one asked for.
func (c *statsChannelCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		o, err := s.Status(ctx, stats.Only)
		if err != nil {
			return err
		}
		if len(o.Channels) == 0 {
			return &query.NotFoundError{What: "channel"}
		}
		if stats.JSON {
			return printEach(con.out, o.Channels)
		}
		t := newTable(con.out)
		for i, ch := range o.Channels {
			if i > 0 {
				t.row()
			}
			channelRows(t, ch)
		}
		return t.flush()
	})
}

func channelRows(t *table, s query.ChannelSummary) {
	t.row("channel", printable(s.Channel))
	t.row("chat lines", number(s.ChatLines))
	t.row("users", fmt.Sprintf("%d, %d of them present", s.Users, s.Present))
	t.row("joins", number(s.Joins))
	t.row("polls", number(s.Polls))
	t.row("media", number(s.Media))
	if s.MaxUsers != nil && *s.MaxUsers > 0 {
		t.row("most users", number(*s.MaxUsers)+" at "+moment(*s.MaxUsersTimestamp*1000))
	}
	if s.MaxConnected != nil && *s.MaxConnected > 0 {
		t.row("most connected", number(*s.MaxConnected)+" at "+moment(*s.MaxConnectedTimestamp*1000))
	}
	t.row("last observed", moment(s.LastObservedMS))
	if s.Status == nil {
		return
	}
	st := s.Status
	t.row("last status", moment(st.LastUpdated*1000))
	optionalRow(t, "bot", st.BotName)
	if st.CurrentChatUsers != nil && st.CurrentConnectedUsers != nil {
		t.row("users then", fmt.Sprintf("%d of %d connected", *st.CurrentChatUsers, *st.CurrentConnectedUsers))
	}
	optionalRow(t, "playing then", st.CurrentMediaTitle)
	optionalRow(t, "disconnected", st.DisconnectReason)
}

// optionalRow shows a text that somebody told.
func optionalRow(t *table, name string, text *string) {
	if text != nil && *text != "" {
		t.row(name, printable(*text))
	}
}

func optionalNumber(n *int64) string {
	if n == nil {
		return "-"
	}
	return number(*n)
}

type statsMediaCmd struct {
	pageFlags
	User string `help:"Only what this user queued." placeholder:"NAME"`
}

func (c *statsMediaCmd) examples() string {
	return "  rosey stats media --limit 50\n  rosey stats media --since 2h --user ann"
}

// Run prints what played, newest first.
func (c *statsMediaCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		channel, err := stats.one(ctx, con, s)
		if err != nil {
			return err
		}
		o := c.options(channel)
		o.Username = c.User
		p, err := s.MediaHistory(ctx, o)
		if err != nil {
			return err
		}
		if stats.JSON {
			return printJSON(con.out, p)
		}
		t := newTable(con.out, "started", "ended", "length", "media", "queued by", "title")
		for _, m := range p.Media {
			ended := "plays"
			if m.EndedMS != nil && m.EndedBy != nil {
				ended = *m.EndedBy
			}
			t.row(moment(m.StartedMS), ended, lasting(int64(m.Seconds)), printable(m.MediaType+":"+m.MediaID), printable(m.QueuedBy), printable(m.Title))
		}
		if err := t.flush(); err != nil {
			return err
		}
		nextPage(con, p.Before)
		return nil
	})
}
