package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

type upCmd struct {
	channelFlags
	spoolFlag
	dataFlag
	portFlags
	metricsFlag
	decisionFlags
	forFlag
	logFlags
	JSON bool `help:"Print the closing summary as JSON."`
}

func (c *upCmd) examples() string {
	return `  rosey up https://cytu.be/r/yourchannel
  rosey up https://cytu.be/r/yourchannel --username Rosey --password-file secret.txt
  ROSEY_PASSWORD=... rosey up https://cytu.be/r/yourchannel --username Rosey --data /var/lib/rosey
  rosey up https://cytu.be/r/yourchannel --for 2h`
}

// Run records a channel until it is told to stop.
func (c *upCmd) Run(ctx context.Context, con *console) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	show := newScreen(con, c.logFlags)
	rc, err := c.recorderConfig(dir, show.log)
	if err != nil {
		return err
	}
	rc.Spool.MaxBytes = int64(c.SpoolMax)
	if err := c.probe(ctx, dir, rc.CyTube); err != nil {
		return err
	}
	h, err := openHouse(ctx, c.server(dir, show.log), rc, c.decisionFlags, show.log)
	if err != nil {
		return unlessInterrupted(ctx, show.log, err)
	}
	fmt.Fprintf(con.err, "recording  %s as %s\n", c.URL, who(c.Username))
	h.announce(con.err, dir)
	hide, err := c.show(ctx, con.err, h.sources(rc.Spool.MaxBytes), show.log)
	if err != nil {
		return errors.Join(err, h.close())
	}
	runCtx, cancel := c.limit(ctx)
	defer cancel()
	stop := show.follow(runCtx, h)
	err = h.run(runCtx)
	stop()
	if err = errors.Join(err, hide(), h.close()); err != nil {
		return err
	}
	return summarize(context.WithoutCancel(ctx), con, dir, rc.CyTube.Channel, c.JSON)
}

func who(name string) string {
	if name == "" {
		return "an anonymous visitor"
	}
	return name
}

// quietLevel is what a terminal with a status line logs.
const quietLevel = slog.LevelWarn
