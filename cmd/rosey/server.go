package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"rosey/internal/installation"
)

type serverCmd struct {
	dataFlag
	portFlags
	metricsFlag
	forFlag
	logFlags
}

func (c *serverCmd) examples() string {
	return `  rosey server --data /var/lib/rosey
  rosey server --nats-port 4333 --monitor-port off`
}

// Run serves until it is told to stop.
func (c *serverCmd) Run(ctx context.Context, con *console) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	log := c.logger(con.err, slog.LevelInfo)
	s, err := installation.StartServer(ctx, c.server(dir, log))
	if err != nil {
		return unlessInterrupted(ctx, log, err)
	}
	tellChanges(log, s.Changes)
	fmt.Fprintf(con.out, "serving    %s\n", dir.JetStream())
	if url := s.Embedded.ClientURL(); url != "" {
		fmt.Fprintf(con.out, "nats       %s\n", url)
	}
	if url := s.Embedded.MonitorURL(); url != "" {
		fmt.Fprintf(con.out, "monitor    %s\n", url)
	}
	src := streamSources(s.Stream)
	src.Server = s.Embedded.Health
	hide, err := c.show(ctx, con.out, src, log)
	if err != nil {
		return errors.Join(err, s.Stop())
	}
	runCtx, cancel := c.limit(ctx)
	defer cancel()
	<-runCtx.Done()
	return errors.Join(hide(), s.Stop())
}
