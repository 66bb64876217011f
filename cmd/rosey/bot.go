package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"rosey/internal/installation"
	"rosey/internal/obs"
	"rosey/streams"

	"golang.org/x/sync/errgroup"
)

type botCmd struct {
	channelFlags
	spoolFlag
	dataFlag
	natsFlags
	metricsFlag
	forFlag
	logFlags
}

func (c *botCmd) examples() string {
	return `  rosey bot https://cytu.be/r/yourchannel --username Rosey --data /var/lib/rosey
  rosey bot https://cytu.be/r/yourchannel --nats nats://10.0.0.5:4222 --nats-creds bot.creds`
}

// externalEventBytes stays below the 1 MiB that other servers take by default.
const externalEventBytes = 900 << 10

// Run records into the spool, and from there into the stream whenever a server
// takes it.
func (c *botCmd) Run(ctx context.Context, con *console) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	log := c.logger(con.err, slog.LevelInfo)
	rc, err := c.recorderConfig(dir, log)
	if err != nil {
		return err
	}
	rc.Spool.MaxBytes = int64(c.SpoolMax)
	if err := c.probe(ctx, dir, rc.CyTube); err != nil {
		return err
	}
	to := &target{config: c.server(dir, log)}
	defer to.close()
	rc.Stream, rc.Leases = to.appender, to.leases
	if c.external() {
		rc.Spool.MaxEventBytes = externalEventBytes
	}
	r, err := newSpeaker(ctx, rc, to.stream, log)
	if err != nil {
		return unlessInterrupted(ctx, log, err)
	}
	answers, err := newAnswering(to.stream, log, rc.CyTube.Channel)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	fmt.Fprintf(con.out, "recording  %s as %s\nspool      %s\n", c.URL, who(c.Username), rc.Spool.Path)
	hide, err := c.show(ctx, con.out, obs.Sources{
		Recorder: r.Status, SpoolLimit: rc.Spool.MaxBytes, Stream: to.state, Services: answers.counts(), Outbound: r.stats.Read,
	}, log)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	runCtx, cancel := c.limit(ctx)
	defer cancel()
	return errors.Join(recordAndAnswer(runCtx, r, answers), hide(), r.Close())
}

// recordAndAnswer does both until the context ends, or the recorder does.
func recordAndAnswer(ctx context.Context, r *speaker, a *answering) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := new(errgroup.Group)
	g.Go(func() error { return a.run(ctx) })
	g.Go(func() error {
		defer cancel()
		return r.Run(ctx)
	})
	return g.Wait()
}

// server says where the server is, at the time of asking.
func (c *botCmd) server(dir installation.Dir, log *slog.Logger) func() (streams.Config, error) {
	return func() (streams.Config, error) {
		if c.external() {
			return c.config(log)
		}
		return dir.ClientConfig(log)
	}
}
