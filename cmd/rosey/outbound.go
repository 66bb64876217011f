package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rosey/bot/outbound"
	"rosey/streams/service"
)

type outboundCmd struct {
	outboxFlags

	List   outboundListCmd   `cmd:"" default:"withargs" help:"What waits to be said, and what became of the rest (the default)."`
	Show   outboundShowCmd   `cmd:"" help:"All that is known about one message."`
	Cancel outboundCancelCmd `cmd:"" help:"Take a message back that is not on its way yet."`
	Retry  outboundRetryCmd  `cmd:"" help:"Send a message again that failed, was given up, or may not have been shown."`
}

func (c *outboundCmd) examples() string {
	return `  rosey outbound list
  rosey outbound list --state queued --state failed --channel lounge
  rosey outbound show 1772395200000123
  rosey outbound cancel 1772395200000123
  rosey outbound retry 1772395200000123`
}

// with opens the outbox for one question.
func (c *outboundCmd) with(ctx context.Context, con *console, changes bool, question func(outbox) error) (err error) {
	ignoreBrokenPipe()
	office, err := c.open(ctx, con, changes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, office.close()) }()
	return unlessPipe(c.explain(con, question(office)))
}

type outboundListCmd struct {
	Channel string   `help:"Only of this channel." placeholder:"NAME"`
	State   []string `help:"Only in this state: ${enum}. May be given several times." enum:"queued,claimed,sending,sent,failed,abandoned,unknown,cancelled" placeholder:"STATE"`
	Limit   int      `help:"How many, the newest ones." default:"50" placeholder:"N"`
}

func (c *outboundListCmd) examples() string {
	return "  rosey outbound list\n  rosey outbound list --state queued --json"
}

// Validate refuses what cannot be meant; the parser calls it.
func (c *outboundListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > maxListed {
		return fmt.Errorf("--limit: %d is not between 1 and %d", c.Limit, maxListed)
	}
	return nil
}

const maxListed = 10_000

// Run lists messages in the order in which they were queued.
func (c *outboundListCmd) Run(ctx context.Context, con *console, flags *outboundCmd) error {
	return flags.with(ctx, con, false, func(o outbox) error {
		f := outbound.Filter{Channel: c.Channel}
		for _, s := range c.State {
			f.States = append(f.States, outbound.State(s))
		}
		all, err := o.List(ctx, f)
		if err != nil {
			return err
		}
		list := all[max(0, len(all)-c.Limit):]
		if flags.JSON {
			for _, m := range list {
				if err := printJSON(con.out, forMachines(m)); err != nil {
					return err
				}
			}
			return nil
		}
		return c.print(con, list, len(all), time.Now())
	})
}

// leastText is how much of a text is shown where there is little room.
const leastText = 20

func (c *outboundListCmd) print(con *console, list []outbound.View, all int, now time.Time) error {
	if all == 0 {
		_, err := fmt.Fprintln(con.out, "no messages; rosey send TEXT leaves one")
		return err
	}
	rows := [][]string{{"id", "channel", "age", "tried", "state", "to", "text"}}
	for _, m := range list {
		rows = append(rows, []string{
			number(m.ID), printable(m.Channel), ago(m.QueuedMS, now), number(int64(m.Attempts)), inBrief(m, now),
			orDash(printable(m.Recipient)), "",
		})
	}
	view := con.looks()
	width := 1 << 16 // as long as it is
	if view.plots {
		width = max(leastText, view.room(rows))
	}
	t := newTable(con.out)
	t.row(rows[0]...)
	for i, m := range list {
		r := rows[i+1]
		r[len(r)-1] = clipped(m.Message, width)
		t.row(r...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(list) < all {
		fmt.Fprintf(con.err, "%d older ones: --limit %d\n", all-len(list), min(all, maxListed))
	}
	return nil
}

// messageArg names a message.
type messageArg struct {
	ID      int64  `arg:"" help:"Its id, as send and list print it." placeholder:"ID"`
	Channel string `help:"Channel, where several have a message of that id." placeholder:"NAME"`
}

type outboundShowCmd struct{ messageArg }

func (c *outboundShowCmd) examples() string {
	return "  rosey outbound show 1772395200000123\n  rosey outbound show 1772395200000123 --json"
}

// Run prints one message, to standard output alone: it is what somebody said.
func (c *outboundShowCmd) Run(ctx context.Context, con *console, flags *outboundCmd) error {
	return flags.with(ctx, con, false, func(o outbox) error {
		m, err := o.Get(ctx, c.Channel, c.ID)
		if err != nil {
			return err
		}
		if flags.JSON {
			return printJSON(con.out, forMachines(m))
		}
		return printMessage(con, m, flags.words(), time.Now())
	})
}

// printMessage tells the whole story of a message.
func printMessage(con *console, m outbound.View, flags string, now time.Time) error {
	t := newTable(con.out)
	t.row("id", number(m.ID))
	t.row("channel", printable(m.Channel))
	if m.Recipient != "" {
		t.row("to", printable(m.Recipient)+" alone")
	}
	t.row("text", printable(m.Message))
	t.row("state", printable(string(m.State))+": "+told(m, now))
	t.row("queued", moment(m.QueuedMS)+", "+ago(m.QueuedMS, now)+" ago")
	if m.NotBeforeMS > 0 {
		t.row("not before", moment(m.NotBeforeMS))
	}
	t.row("attempts", number(int64(m.Attempts)))
	if m.NextAttemptMS > 0 && !m.State.Final() {
		t.row("next attempt", moment(m.NextAttemptMS)+", "+ahead(m.NextAttemptMS, now))
	}
	if m.Holder != "" {
		t.row("taken by", printable(m.Holder))
	}
	if m.Parts > 1 {
		t.row("lines", fmt.Sprintf("%d, %d of them shown", m.Parts, m.PartsSent))
	}
	if m.SentMS > 0 {
		t.row("shown", moment(m.SentMS)+", by the channel's clock")
	}
	if m.FinishedMS > 0 {
		t.row("finished", moment(m.FinishedMS))
	}
	if m.Long == outbound.LongRefuse {
		t.row("if too long", "refused, not split")
	}
	if m.Key != "" && !strings.HasPrefix(m.Key, ownKey) {
		t.row("key", printable(m.Key))
	}
	if next := nextStep(m, flags); next != "" && m.State.Final() {
		t.row("try", next)
	}
	return t.flush()
}

type outboundCancelCmd struct{ messageArg }

func (c *outboundCancelCmd) examples() string { return "  rosey outbound cancel 1772395200000123" }

// Run takes a message back.
func (c *outboundCancelCmd) Run(ctx context.Context, con *console, flags *outboundCmd) error {
	return flags.change(ctx, con, c.messageArg, outbox.Cancel, notCancelled)
}

type outboundRetryCmd struct{ messageArg }

func (c *outboundRetryCmd) examples() string { return "  rosey outbound retry 1772395200000123" }

// Run queues a message again.
func (c *outboundRetryCmd) Run(ctx context.Context, con *console, flags *outboundCmd) error {
	return flags.change(ctx, con, c.messageArg, outbox.Retry, notRetried)
}

// change lets a person decide about a message, and prints how it is then.
// Where a message is in no state for that, why says so.
func (c *outboundCmd) change(ctx context.Context, con *console, a messageArg,
	decide func(outbox, context.Context, string, int64) (outbound.View, error), why func(outbound.View) string,
) error {
	return c.with(ctx, con, true, func(o outbox) error {
		m, err := decide(o, ctx, a.Channel, a.ID)
		if errors.Is(err, outbound.ErrState) || service.CodeOf(err) == service.InvalidState {
			if now, getErr := o.Get(ctx, a.Channel, a.ID); getErr == nil {
				return advise(fmt.Errorf("message %d %s", now.ID, why(now)), "rosey outbound show %d%s", now.ID, c.words())
			}
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(con.out, forMachines(m))
		}
		return printOutcome(con, m)
	})
}
