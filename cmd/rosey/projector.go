package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rosey/internal/installation"
	"rosey/internal/obs"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
)

type projectorCmd struct {
	dataFlag
	natsFlags
	metricsFlag
	decisionFlags
	forFlag
	logFlags
	Instance       string        `help:"Name of this projector's own consumer." default:"main" env:"ROSEY_INSTANCE" placeholder:"NAME"`
	DefaultChannel string        `help:"Channel of events whose publisher names none. Default: as the database was made with." env:"ROSEY_DEFAULT_CHANNEL" placeholder:"NAME"`
	WaitServer     time.Duration `help:"How long to wait for the server at the start." default:"30s" env:"ROSEY_WAIT_SERVER" placeholder:"DURATION"`
}

func (c *projectorCmd) examples() string {
	return `  rosey projector --data /var/lib/rosey
  rosey projector --data ./copy --nats nats://10.0.0.5:4222 --instance copy`
}

// Run keeps the tables current until it is told to stop.
func (c *projectorCmd) Run(ctx context.Context, con *console) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	log := c.logger(con.err, slog.LevelInfo)
	a, p, err := c.open(ctx, dir, log)
	if ctx.Err() != nil && p == nil {
		return nil // it was told to stop before there was anything to do
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(con.out, "projecting %s\n", dir.Database().Link)
	answers, err := c.answering(a.Stream, dir.Database(), p, log)
	if err != nil {
		return errors.Join(err, p.Close(), a.Close())
	}
	src := streamSources(a.Stream)
	src.Services = answers.counts()
	src.Projector, src.Rebuild, src.Losses = p.Status, p.Work, obs.TableLosses(dir.Database())
	src.StreamLost = obs.StreamLost(dir.Database(), a.Stream)
	hide, err := c.show(ctx, con.out, src, log)
	if err != nil {
		return errors.Join(err, answers.stop(), p.Close(), a.Close())
	}
	runCtx, cancel := c.limit(ctx)
	defer cancel()
	return errors.Join(projectAndAnswer(runCtx, p, answers), hide(), p.Close(), a.Close())
}

// answering answers for this projector.
func (c *projectorCmd) answering(s *streams.Stream, store schema.Store, p *replay.Supervisor, log *slog.Logger) (*answering, error) {
	a, err := newAnswering(func(context.Context) (*streams.Stream, error) { return s, nil }, log)
	if err == nil {
		err = a.tables(s, store, p)
	}
	return a, err
}

// projectAndAnswer does both until the context ends, or the projector does.
func projectAndAnswer(ctx context.Context, p *replay.Supervisor, a *answering) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := new(errgroup.Group)
	g.Go(func() error { return a.run(ctx) })
	g.Go(func() error {
		defer cancel()
		return p.Run(ctx)
	})
	return g.Wait()
}

// open waits for the server and opens the tables. A server that goes away again
// meanwhile is waited for again.
func (c *projectorCmd) open(ctx context.Context, dir installation.Dir, log *slog.Logger) (*installation.Attachment, *replay.Supervisor, error) {
	patience := c.WaitServer
	if c.For > 0 {
		patience = min(patience, c.For)
	}
	deadline := time.Now().Add(patience)
	for {
		a, err := c.await(ctx, dir, log, deadline)
		if err != nil {
			return nil, nil, err
		}
		for _, w := range a.Conn.Warnings() {
			log.Warn("the server may lose what it acknowledged", "err", w)
		}
		pc := projector.Config{Store: dir.Database(), Instance: c.Instance, DefaultChannel: c.DefaultChannel, Logger: log}
		c.apply(&pc)
		p, err := openProjector(ctx, a.Stream, pc, c.Archive)
		if err == nil {
			return a, p, nil
		}
		err = errors.Join(err, a.Close())
		if !errors.Is(err, streams.ErrDisconnected) || ctx.Err() != nil || time.Now().After(deadline) {
			return nil, nil, err
		}
		log.Warn("the server went away, waiting for it again", "err", err)
	}
}

// How often a server is tried that does not answer, and one that does and cannot
// be used: only a person changes that.
const (
	tryEvery     = 200 * time.Millisecond
	tryAgainLate = time.Second
)

// await connects to the server, which may be starting at the same time, or be set
// up by somebody. What is in the way is told once.
func (c *projectorCmd) await(ctx context.Context, dir installation.Dir, log *slog.Logger, deadline time.Time) (*installation.Attachment, error) {
	told, refused := false, false
	for {
		logger := log
		if refused {
			logger = slog.New(slog.DiscardHandler)
		}
		a, err := c.reach(ctx, dir, logger)
		switch {
		case err == nil && refused:
			// The connection that stays has a log.
			if err := a.Close(); err != nil {
				return nil, err
			}
			refused = false
			continue
		case err == nil:
			return a, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil || errors.Is(err, streams.ErrAuth) || errors.Is(err, streams.ErrTLS) {
			if !c.external() {
				if errors.Is(err, streams.ErrNoStream) {
					return nil, err
				}
				return nil, advise(fmt.Errorf("no server answers for %s: %w", dir, err), "rosey server --data %s", shell(string(dir)))
			}
			return nil, c.explain(err)
		}
		every := tryEvery
		if unusable(err) {
			if every = tryAgainLate; !refused {
				log.Warn("the server cannot be used as it is, trying again", "limit", c.WaitServer.String(), "err", err)
			}
			told, refused = true, true
		}
		if !told {
			told = true
			log.Info("waiting for the server", "path", string(dir), "limit", c.WaitServer.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// reach connects to the server as it is now.
func (c *projectorCmd) reach(ctx context.Context, dir installation.Dir, log *slog.Logger) (*installation.Attachment, error) {
	cfg, err := c.config(log)
	if !c.external() {
		cfg, err = dir.ClientConfig(log)
	}
	if err != nil {
		return nil, err
	}
	return installation.AttachTo(ctx, cfg)
}

// unusable reports whether a server has answered, and lacks what is needed.
func unusable(err error) bool {
	return slices.ContainsFunc([]error{
		streams.ErrNoJetStream, streams.ErrServerTooOld, streams.ErrNoStream, streams.ErrNoIdentity, streams.ErrMisses,
		streams.ErrCaptures, streams.ErrPermission,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}
