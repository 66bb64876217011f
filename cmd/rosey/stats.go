package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"rosey/projector/query"
	"rosey/schema"
)

type statsCmd struct {
	tablesFlag
	natsFlags
	logFlags
	Only string `name:"channel" help:"Channel, where the tables hold several." placeholder:"NAME"`
	JSON bool   `help:"Print JSON, one object a line; times as in the tables."`

	Overview statsOverviewCmd `cmd:"" default:"1" help:"How far the tables are and what they hold (the default)."`
	User     statsUserCmd     `cmd:"" help:"One user."`
	Top      statsTopCmd      `cmd:"" help:"Who says most."`
	Channel  statsChannelCmd  `cmd:"" help:"The channel."`
	History  statsHistoryCmd  `cmd:"" help:"How many were there, over time."`
	Media    statsMediaCmd    `cmd:"" help:"What played."`
	Search   statsSearchCmd   `cmd:"" help:"Search the chat."`
}

func (c *statsCmd) examples() string {
	return `  rosey stats
  rosey stats user ann
  rosey stats user -- -name-with-a-dash
  rosey stats top --period 7d --limit 10
  rosey stats search pizza --json
  rosey stats top --nats nats://10.0.0.5:4222`
}

// Help is what else there is to know; the parser prints it.
func (c *statsCmd) Help() string {
	return "A running installation answers by its query service, a stopped one from its database file; the answer is the same. " +
		"--db reads a file, --nats asks a service."
}

// tablesFlag names a database: an installation's, or any file.
type tablesFlag struct {
	dataFlag
	DB string `name:"db" help:"Database file instead of the data folder's." type:"path" placeholder:"FILE"`
}

func (f tablesFlag) path() (string, error) {
	if f.DB != "" {
		return f.DB, nil
	}
	dir, err := f.dir()
	if err != nil {
		return "", err
	}
	return dir.Database().Link, nil
}

// read answers a question in one transaction, so that all of an answer is of one
// moment, also while a projector writes.
func (f tablesFlag) read(ctx context.Context, question func(schema.Queryer) error) (err error) {
	path, err := f.path()
	if err != nil {
		return err
	}
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return question(tx)
}

// ask lets a source answer one of the questions below, and says what to do where
// there is no answer.
func (c *statsCmd) ask(ctx context.Context, con *console, question func(source) error) error {
	ignoreBrokenPipe()
	err := c.answer(ctx, con, question)
	var missing *query.NotFoundError
	switch {
	case errors.Is(err, query.ErrInvalid):
		return misused(con, advise(err, "rosey stats --help"))
	case !errors.As(err, &missing):
		return unlessPipe(err)
	case missing.What == "channel" && len(missing.Known) > 0:
		return advise(err, "--channel NAME with one of: %s", printable(strings.Join(missing.Known, ", ")))
	case missing.What == "user":
		return advise(err, "rosey stats top   (names compare without case, but whole)")
	default:
		return advise(err, "rosey tail   (what the stream holds)")
	}
}

func (c *statsCmd) answer(ctx context.Context, con *console, question func(source) error) error {
	log := c.logger(con.err, slog.LevelError)
	if c.DB == "" {
		err := c.askService(ctx, log, question)
		if c.external() || !errors.Is(err, errNoService) && !errors.Is(err, query.ErrUnavailable) {
			return err
		}
		log.Debug("no service answers; reading the file", "err", err)
	}
	return c.askFile(ctx, question)
}

func (c *statsCmd) askFile(ctx context.Context, question func(source) error) (err error) {
	path, err := c.path()
	if err != nil {
		return err
	}
	f, err := openFile(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return question(f)
}

// one is the channel asked for, else the one observed last.
func (c *statsCmd) one(ctx context.Context, con *console, s source) (string, error) {
	if c.Only != "" {
		return c.Only, nil
	}
	all, err := s.Channels(ctx)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", &query.NotFoundError{What: "channel"}
	}
	if len(all) > 1 {
		fmt.Fprintf(con.err, "channel %s, the one observed last; --channel for another: %s\n", printable(all[0]), printable(strings.Join(all[1:], ", ")))
	}
	return all[0], nil
}

type statsUserCmd struct {
	Name string `arg:"" help:"Name of the user, without regard to case. Before a name that begins with - write --."`
}

func (c *statsUserCmd) examples() string {
	return "  rosey stats user ann\n  rosey stats user -- -name-with-a-dash"
}

// Run prints the user in each channel that knows the name.
func (c *statsUserCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		users, err := s.UserStats(ctx, stats.Only, c.Name)
		if err != nil {
			return err
		}
		if stats.JSON {
			return printEach(con.out, users)
		}
		t := newTable(con.out)
		for i, u := range users {
			if i > 0 {
				t.row()
			}
			userRows(t, u)
		}
		return t.flush()
	})
}

func userRows(t *table, u query.User) {
	t.row("username", printable(u.Username))
	t.row("channel", printable(u.Channel))
	t.row("first seen", moment(u.FirstSeen*1000))
	t.row("last seen", moment(u.LastSeen*1000))
	t.row("chat lines", number(u.TotalChatLines))
	t.row("joins", number(u.Joins))
	t.row("sessions", number(u.Sessions))
	t.row("time connected", lasting(u.TotalTimeConnected)+" in finished sessions")
	if u.CurrentSessionStart != nil {
		t.row("so far", lasting(u.TimeConnectedSoFar)+" up to "+moment(u.LastObservedMS)+", when the channel was last observed")
		t.row("present since", moment(*u.CurrentSessionStart*1000))
	}
	t.row("away", lasting(u.AFKMS/1000)+" in finished sessions")
	if u.Rank != nil {
		t.row("rank", strconv.FormatFloat(*u.Rank, 'g', -1, 64))
	}
}

type statsTopCmd struct {
	Period query.Period `help:"What is counted, back from the newest event: 24h, 7d, 30d or all." enum:"24h,7d,30d,all" default:"all" placeholder:"PERIOD"`
	Limit  rowLimit     `help:"How many, at most 1000." default:"20" placeholder:"N"`
}

func (c *statsTopCmd) examples() string { return "  rosey stats top --period 7d --limit 10" }

// Run prints who says most.
func (c *statsTopCmd) Run(ctx context.Context, con *console, stats *statsCmd) error {
	return stats.ask(ctx, con, func(s source) error {
		channel, err := stats.one(ctx, con, s)
		if err != nil {
			return err
		}
		top, err := s.Top(ctx, query.TopOptions{Channel: channel, Period: c.Period, Limit: int(c.Limit)})
		if err != nil {
			return err
		}
		if stats.JSON {
			return printJSON(con.out, top)
		}
		return printTop(con, top)
	})
}

func printTop(con *console, top query.TopUsers) error {
	var most int64
	rows := [][]string{{"", "user", "lines", "joins", "connected", "last seen"}}
	for i, u := range top.Users {
		most = max(most, u.ChatLines)
		rows = append(rows, []string{
			strconv.Itoa(i + 1), printable(u.Username), number(u.ChatLines), number(u.Joins), lasting(u.TotalTimeConnected), moment(u.LastSeen * 1000),
		})
	}
	view := con.looks()
	if width := view.beside(rows); width > 0 {
		for i, u := range top.Users {
			rows[i+1] = append(rows[i+1], view.bar(u.ChatLines, most, width))
		}
	}
	t := newTable(con.out)
	for _, r := range rows {
		t.row(r...)
	}
	return t.flush()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
