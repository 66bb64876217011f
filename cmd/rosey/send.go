package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"rosey/bot/outbound"
	"rosey/streams/service"
)

type sendCmd struct {
	outboxFlags
	Text       []string      `arg:"" help:"What the bot is to say; - reads it from standard input. Before a text that begins with - write --."`
	Channel    string        `help:"Channel. Default: the only one there is." placeholder:"NAME"`
	PM         string        `name:"pm" help:"Say it to this user alone." placeholder:"USER"`
	In         time.Duration `help:"Not before this long from now, such as 10m." placeholder:"DURATION"`
	At         clock         `help:"Not before this time: 20:15 (the next one), 2026-04-01 20:15, or RFC 3339." placeholder:"TIME"`
	Key        string        `help:"Your own name for the request: repeated with it, nothing is queued twice." placeholder:"KEY"`
	RefuseLong bool          `help:"Refuse a text that is longer than a line of the channel, instead of splitting it."`
	Wait       bool          `help:"Wait until the channel has shown it; the exit code says what became of it."`
	Timeout    time.Duration `help:"How long to wait once it is due." default:"1m" placeholder:"DURATION"`
}

// Exit codes of send --wait, beside 1 for a message that was not sent and never
// will be.
const (
	exitUnknown = 3
	exitWaiting = 4
)

func (c *sendCmd) examples() string {
	return `  rosey send "good evening" --wait
  rosey send "the film begins" --channel lounge --at 20:15
  rosey send "psst" --pm ann --in 10m
  rosey send - --key evening-news --refuse-long
  rosey send hello --nats nats://10.0.0.5:4222 --nats-creds bot.creds --json`
}

// Help is what else there is to know; the parser prints it.
func (c *sendCmd) Help() string {
	return "With --wait the exit code is 0 when the channel has shown the message, 1 when it was not sent and will not be, " +
		"3 when nobody can tell, and 4 when it still waits at the end of --timeout or at Ctrl-C; it stays queued then. " +
		"As always, 2 is for a wrong command line."
}

// clock is a time as a person writes it.
type clock struct{ time.Time }

// UnmarshalText reads a time of day, the next one there is, or a date with one.
func (c *clock) UnmarshalText(text []byte) error {
	at, err := parseClock(string(text), time.Now())
	c.Time = at
	return err
}

func parseClock(text string, now time.Time) (time.Time, error) {
	ahead := func(at time.Time) (time.Time, error) {
		if at.Before(now) {
			return time.Time{}, fmt.Errorf("%s is past", moment(at.UnixMilli()))
		}
		return at, nil
	}
	switch at, err := parseZoned(text); {
	case err == nil:
		return ahead(at)
	case errors.Is(err, errZoneName):
		return at, err
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return ahead(at)
		}
	}
	of, err := time.ParseInLocation("15:04", text, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: give one such as 20:15, 2026-04-01 20:15, or with its zone %s", text, zonedExamples)
	}
	now = now.Local()
	at := time.Date(now.Year(), now.Month(), now.Day(), of.Hour(), of.Minute(), 0, 0, time.Local)
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, of.Hour(), of.Minute(), 0, 0, time.Local)
	}
	return at, nil
}

// Validate refuses what cannot be meant; the parser calls it.
func (c *sendCmd) Validate() error {
	switch {
	case c.In < 0:
		return fmt.Errorf("--in: %s is past", c.In)
	case c.In > 0 && !c.At.IsZero():
		return errors.New("--in and --at are two times: give one of them")
	case c.Timeout < 0:
		return fmt.Errorf("--timeout: %s is no time to wait for", c.Timeout)
	}
	return nil
}

// Run leaves the message, and waits for what becomes of it if that was asked for.
func (c *sendCmd) Run(ctx context.Context, con *console) (err error) {
	ignoreBrokenPipe()
	r, err := c.request(con)
	if err != nil {
		return misused(con, err)
	}
	office, err := c.open(ctx, con, true)
	if err != nil {
		return unlessPipe(err)
	}
	defer func() { err = errors.Join(err, office.close()) }()
	q, err := office.Enqueue(ctx, r)
	if err != nil {
		return c.explain(con, err)
	}
	if !c.Wait {
		return unlessPipe(c.printQueued(con, q))
	}
	return c.await(ctx, con, office, q)
}

func (c *sendCmd) request(con *console) (outbound.Request, error) {
	r := outbound.Request{Channel: c.Channel, Recipient: c.PM, Key: c.Key, NotBefore: c.At.Time}
	if c.RefuseLong {
		r.Long = outbound.LongRefuse
	}
	if c.In > 0 {
		r.NotBefore = time.Now().Add(c.In)
	}
	if r.Key == "" {
		// A request whose answer is lost can be repeated.
		r.Key = ownKey + rand.Text()
	}
	r.Text = strings.Join(c.Text, " ")
	if r.Text == "-" {
		// More than there may be is refused, not cut.
		text, err := io.ReadAll(io.LimitReader(con.input(), outbound.MaxText+8))
		if err != nil {
			return r, fmt.Errorf("send: read standard input: %w", err)
		}
		r.Text = strings.TrimRight(string(text), "\r\n")
	}
	if !utf8.ValidString(r.Text) {
		// JSON would make other characters of it.
		return r, advise(errors.New("send: the message is no valid UTF-8"), "iconv -t UTF-8 | rosey send -")
	}
	return r, nil
}

// ownKey begins the keys that nobody chose.
const ownKey = "rosey send "

// input is where a command reads from.
func (c *console) input() io.Reader {
	if c.in != nil {
		return c.in
	}
	return os.Stdin
}

// shownMessage is a message for machines.
type shownMessage struct {
	outbound.View
	Existed *bool  `json:"existed,omitempty"`
	Bot     string `json:"bot,omitempty"`
	// Sent is when the channel showed it, in words of machines.
	Sent string `json:"sent,omitempty"`
}

func forMachines(m outbound.View) shownMessage {
	s := shownMessage{View: m}
	if m.SentMS > 0 {
		s.Sent = time.UnixMilli(m.SentMS).UTC().Format(time.RFC3339Nano)
	}
	return s
}

func (q queued) forMachines() shownMessage {
	s := forMachines(q.View)
	s.Existed, s.Bot = &q.Existed, q.Bot
	return s
}

func (c *sendCmd) printQueued(con *console, q queued) error {
	if c.JSON {
		return printJSON(con.out, q.forMachines())
	}
	state := "queued"
	if q.Existed {
		state = "queued before, " + printable(string(q.State))
	}
	when := ""
	if q.NotBeforeMS > time.Now().UnixMilli() {
		when = " not before " + moment(q.NotBeforeMS)
	}
	_, err := fmt.Fprintf(con.out, "%s  %d  for %s%s; %s\n", state, q.ID, whither(q.View), when, whoIsThere(q.Bot))
	return err
}

// await tells what became of a message, by words and by the exit code.
func (c *sendCmd) await(ctx context.Context, con *console, office *postOffice, q queued) error {
	m, err := c.outcome(ctx, con, office, q)
	if err != nil {
		return c.explain(con, err)
	}
	if c.JSON {
		err = printJSON(con.out, forMachines(m))
	} else {
		err = printOutcome(con, m)
	}
	if err = unlessPipe(err); err != nil {
		return err
	}
	if next := nextStep(m, c.words()); next != "" {
		if help := toHaveABot(q.Bot, office.running, m.Channel, c.words()); help != "" && !m.State.Final() {
			next = help + "; or " + next
		}
		fmt.Fprintf(con.err, "try:   %s\n", printable(next))
	}
	return exitOf(m.State)
}

// outcome waits until nothing more happens to a message by itself, or time is
// over: then it is as it is.
func (c *sendCmd) outcome(ctx context.Context, con *console, office *postOffice, q queued) (outbound.View, error) {
	if q.State.Final() || !office.running {
		return q.View, nil // nobody sends it while this command holds the store
	}
	limit := c.Timeout + max(0, time.Until(time.UnixMilli(q.NotBeforeMS)))
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m, err := office.Await(waiting, q.Channel, q.ID)
	if err == nil || waiting.Err() == nil {
		return m, err
	}
	now, cancelNow := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancelNow()
	m, err = office.Get(now, q.Channel, q.ID)
	if err != nil && !errors.Is(err, outbound.ErrNotFound) && service.CodeOf(err) != service.NotFound {
		fmt.Fprintln(con.err, "nobody answers any more; this is how it was before")
		return q.View, nil
	}
	return m, err
}

// whither is for whom a message is.
func whither(m outbound.View) string {
	if m.Recipient != "" {
		return printable(m.Recipient) + " in " + printable(m.Channel)
	}
	return printable(m.Channel)
}

// shownTo is who was shown a message.
func shownTo(m outbound.View) string {
	if m.Recipient != "" {
		return "to " + whither(m)
	}
	return "in " + whither(m)
}

func printOutcome(con *console, m outbound.View) error {
	if m.State == outbound.Sent && m.SentMS > 0 {
		_, err := fmt.Fprintf(con.out, "sent  %d  shown %s %s\n", m.ID, shownTo(m), moment(m.SentMS))
		return err
	}
	_, err := fmt.Fprintf(con.out, "%s  %d  for %s: %s\n", printable(string(m.State)), m.ID, whither(m), told(m, time.Now()))
	return err
}

// exitOf is the exit code of a message's state.
func exitOf(s outbound.State) error {
	switch s {
	case outbound.Sent:
		return nil
	case outbound.Failed, outbound.Abandoned, outbound.Cancelled:
		return exitError(exitFailed)
	case outbound.Unknown:
		return exitError(exitUnknown)
	}
	return exitError(exitWaiting)
}
