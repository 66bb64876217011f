package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"sync"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/installation"
	"rosey/internal/standstill"
	"rosey/schema"
)

type demoCmd struct {
	Data        string  `help:"Data folder." default:"./rosey-demo" env:"ROSEY_DATA" placeholder:"DIR"`
	NatsPort    port    `help:"Client port on 127.0.0.1: a number, 0 for any free one, off for none." default:"0" placeholder:"PORT"`
	MonitorPort port    `help:"Monitoring port on 127.0.0.1: a number, 0 for any free one, off for none." default:"off" placeholder:"PORT"`
	Seed        uint64  `help:"Another evening for each number." default:"1" placeholder:"N"`
	Rate        float64 `help:"Things happening in a second, on average." default:"25" placeholder:"N"`
	JSON        bool    `help:"Print the closing summary as JSON."`
	forFlag
	logFlags
}

func (c *demoCmd) examples() string {
	return `  rosey demo --for 20s
  rosey demo --data ./evening --rate 200
  rosey stats top --data ./rosey-demo      while it runs, or after it`
}

// Validate refuses what cannot be meant; the parser calls it.
func (c demoCmd) Validate() error {
	if c.Rate <= 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		return fmt.Errorf("--rate: %v things in a second make no evening", c.Rate)
	}
	return c.forFlag.Validate()
}

// Run records a simulated evening and compares the tables with what the channel
// itself says happened.
func (c *demoCmd) Run(ctx context.Context, con *console) error {
	dir, err := dataFlag{Data: c.Data}.dir()
	if err != nil {
		return err
	}
	name := nextEvening(dir)
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: name, UserCountEvery: countEvery})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer channel.Close()
	evening := cytubetest.NewEvening(channel, cytubetest.EveningConfig{Seed: c.Seed, Rate: c.Rate})

	show := newScreen(con, c.logFlags)
	flags := channelFlags{URL: channel.PageURL(), Username: "rosey", Wait: true}
	rc, err := flags.recorderConfig(dir, show.log)
	if err != nil {
		return err
	}
	rc.CyTube.Password = "demo"
	h, err := openHouse(ctx, portFlags{NatsPort: c.NatsPort, MonitorPort: c.MonitorPort}.server(dir, show.log), rc, decisionFlags{}, show.log)
	if err != nil {
		return unlessInterrupted(ctx, show.log, err)
	}
	fmt.Fprintf(con.err, "simulating %s\n", channel.PageURL())
	h.announce(con.err, dir)

	ledger, texts, err := c.play(ctx, h, evening, show, name)
	if err = errors.Join(err, h.close()); err != nil {
		return err
	}
	said, err := countSaid(context.WithoutCancel(ctx), dir, name, texts, channel.ShownBy(flags.Username))
	if err != nil {
		return removedMeanwhile(c.Data, err)
	}
	return removedMeanwhile(c.Data, c.compare(context.WithoutCancel(ctx), con, dir, name, ledger, said))
}

const demoChannel = "demo"

// nextEvening names the channel. Every evening has one of its own, so that the
// counts compare even in a folder that holds earlier ones. The spools tell which
// there were: the tables may have been deleted, to be rebuilt from the stream.
func nextEvening(dir installation.Dir) string {
	name := demoChannel
	for n := 2; ; n++ {
		if _, err := os.Stat(dir.Spool(name)); err != nil {
			return name
		}
		name = fmt.Sprintf("%s_%d", demoChannel, n)
	}
}

// play runs the evening to its end, and the recording a little longer, so that
// what was said last is recorded too.
func (c *demoCmd) play(ctx context.Context, h *house, evening *cytubetest.Evening, show *screen, channel string) (cytubetest.Ledger, []string, error) {
	eveningCtx, cancel := c.limit(ctx)
	defer cancel()
	recordCtx, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	var ledger cytubetest.Ledger
	var eveningErr error
	var wg sync.WaitGroup
	var speaking sync.WaitGroup
	var texts []string
	speaking.Go(func() { texts = speak(eveningCtx, h, channel, show.log) })
	wg.Go(func() {
		defer stopRecording()
		if err := evening.Run(eveningCtx); err != nil && eveningCtx.Err() == nil {
			eveningErr = err
		}
		speaking.Wait()
		awaitQuiet(recordCtx, func() uint64 { return h.recorder.Status().Frames })
		ledger = evening.Ledger()
	})
	stop := show.follow(recordCtx, h)
	err := h.run(recordCtx)
	cancel()
	wg.Wait()
	stop()
	return ledger, texts, errors.Join(err, eveningErr)
}

// countEvery is how often the simulated channel tells its count of connections.
const countEvery = time.Second

// awaitQuiet waits until no more frames come, within a limit: the last count of
// connections is told late. It goes by how often it looked, not by the clock: where
// the machine stood still there may be frames that nobody has read yet.
func awaitQuiet(ctx context.Context, frames func() uint64) {
	const every = 20 * time.Millisecond
	ctx, cancel := standstill.WithTimeout(ctx, 5*countEvery)
	defer cancel()
	last, quiet := frames(), time.Duration(0)
	for quiet < countEvery+countEvery/4 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		quiet += every
		if now := frames(); now != last {
			last, quiet = now, 0
		}
	}
}

// tally is one count of the channel beside that of the tables.
type tally struct {
	Name     string `json:"name"`
	Happened int64  `json:"happened"`
	Recorded int64  `json:"recorded"`
}

type demoSummary struct {
	Channel  string  `json:"channel"`
	Database string  `json:"database"`
	Seq      uint64  `json:"seq"`
	Equal    bool    `json:"equal"`
	Counts   []tally `json:"counts"`
}

func (c *demoCmd) compare(ctx context.Context, con *console, dir installation.Dir, name string, l cytubetest.Ledger, said tally) error {
	s, err := readSummary(ctx, dir, name)
	if err != nil {
		return err
	}
	lines, joins, err := perUser(ctx, dir, name, l)
	if err != nil {
		return err
	}
	var joined int64
	for _, n := range l.JoinsByUser {
		joined += int64(n)
	}
	sum := demoSummary{Channel: name, Database: s.Database, Seq: s.Seq, Equal: true, Counts: []tally{
		{"chat lines", int64(l.ChatLines), s.ChatLines},
		{"users with equal lines", int64(len(l.ChatByUser)), lines},
		{"joins", joined, s.Joins},
		{"users with equal joins", int64(len(l.JoinsByUser)), joins},
		{"polls", int64(l.Polls), s.Polls},
		{"media", int64(l.MediaStarts), s.Media},
		{"most users at once", int64(l.MaxUsers), s.MaxUsers},
		{"most connected", int64(l.MaxConnected), s.MaxConnected},
		said,
	}}
	for _, t := range sum.Counts {
		sum.Equal = sum.Equal && t.Happened == t.Recorded
	}
	if c.JSON {
		err = printJSON(con.out, sum)
	} else {
		sum.print(con.out, c.Data)
	}
	if err == nil && !sum.Equal {
		return errors.New("demo: the tables do not hold what happened in the channel")
	}
	return err
}

func (s demoSummary) print(w io.Writer, data string) {
	fmt.Fprintf(w, "%-26s %9s %9s\n", "", "happened", "recorded")
	for _, t := range s.Counts {
		fmt.Fprintf(w, "%-26s %9d %9d\n", t.Name, t.Happened, t.Recorded)
	}
	if s.Equal {
		fmt.Fprintf(w, "The tables hold what happened. Look around:\n")
		for _, cmd := range []string{"stats top", "outbound list", "tail", "replay --verify"} {
			fmt.Fprintf(w, "  rosey %s --data %s\n", cmd, shell(data))
		}
	}
}

// perUser counts for how many users the tables hold the channel's own counts.
func perUser(ctx context.Context, dir installation.Dir, channel string, l cytubetest.Ledger) (lines, joins int64, err error) {
	db, err := schema.OpenReader(ctx, dir.Database().Link)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = db.Close() }()
	equal := func(column string, want map[string]int) (n int64, err error) {
		names := make([]string, 0, len(want))
		for name := range want {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			var got int
			err := db.QueryRowContext(ctx, "SELECT coalesce(max("+column+"), 0) FROM user_stats WHERE channel = ? AND username = ?", channel, name).Scan(&got)
			if err != nil {
				return n, fmt.Errorf("demo: count of %s: %w", column, err)
			}
			if got == want[name] {
				n++
			}
		}
		return n, nil
	}
	if lines, err = equal("total_chat_lines", l.ChatByUser); err != nil {
		return 0, 0, err
	}
	joins, err = equal("joins", l.JoinsByUser)
	return lines, joins, err
}
