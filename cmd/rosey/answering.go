package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/standstill"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"

	"golang.org/x/sync/errgroup"
)

// answering is what a process answers over NATS: what the bot is to say, and, where
// it keeps tables, what they hold, and what is to be done with them.
type answering struct {
	outbound *outbound.Service
	query    *query.Service   // nil without tables
	control  *control.Service // nil without tables
	log      *slog.Logger
}

// answerLimit bounds how long the end waits for answers that were begun.
const answerLimit = 3 * time.Second

// newAnswering makes the outbound service on whichever stream there is once it
// runs. Beside the channels of bots that are alive it knows those given, and those
// that the tables know, wherever these are.
func newAnswering(stream func(context.Context) (*streams.Stream, error), log *slog.Logger, channels ...string) (*answering, error) {
	known := func(ctx context.Context) ([]string, error) {
		s, err := stream(ctx)
		if err != nil {
			return channels, nil //nolint:nilerr // these are known all the same
		}
		more, err := (&query.Client{Conn: s.Conn(), Timeout: answerLimit}).Channels(ctx)
		if err != nil && len(channels) == 0 {
			return nil, err
		}
		return append(more, channels...), nil
	}
	o, err := outbound.NewService(outbound.ServiceConfig{Stream: stream, Channels: known, Version: version(), Logger: log})
	if err != nil {
		return nil, err
	}
	return &answering{outbound: o, log: log}, nil
}

// tables answers questions about a projector's tables too, and takes requests for
// work on them, from now on.
func (a *answering) tables(s *streams.Stream, store schema.Store, p *replay.Supervisor) (err error) {
	a.query, err = query.NewService(query.Config{
		Conn: s.Conn(), Tables: p, Bots: s.Bots, Rebuild: func() *query.Rebuild { return underWay(p.Work()) }, Version: version(), Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.control, err = control.New(control.Config{Conn: s.Conn(), Key: store.Key(), Worker: p, Version: version(), Logger: a.log})
	return err
}

// underWay is work as everybody may see it, nil where it has ended.
func underWay(w replay.Work) *query.Rebuild {
	if !w.Running {
		return nil
	}
	p := w.Progress
	return &query.Rebuild{
		Kind: w.Request.Kind, Reason: w.Reason, StartedMS: w.StartedMS, Phase: p.Phase, Seq: p.Seq, Last: p.Last,
		Events: p.Events, Duplicates: p.Duplicates, DeadLetters: p.DeadLetters, PerSecond: p.PerSecond,
		RemainingSeconds: p.RemainingSeconds, ElapsedSeconds: p.ElapsedSeconds, MemoryBytes: p.MemoryBytes,
	}
}

// run answers until the context ends. Whatever keeps it from answering is no reason
// to end what else the process does: it is told at once, and returned at the end.
func (a *answering) run(ctx context.Context) error {
	g := new(errgroup.Group)
	g.Go(func() error {
		err := a.outbound.Run(ctx)
		if err != nil {
			a.log.Error("messages for the channel are not taken here", "err", err)
		}
		return err
	})
	g.Go(func() error {
		<-ctx.Done()
		return a.stop()
	})
	return g.Wait()
}

// stop ends what tables has begun; it has to come before the tables are closed.
func (a *answering) stop() error {
	ctx, cancel := standstill.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	var err error
	if a.control != nil {
		err = a.control.Stop(ctx)
	}
	if a.query != nil {
		err = errors.Join(err, a.query.Stop(ctx))
	}
	return err
}

// counts are the numbers of the services, for metrics.
func (a *answering) counts() []func() map[string]service.Counts {
	list := []func() map[string]service.Counts{a.outbound.Counts}
	if a.query != nil {
		list = append(list, a.query.Counts, a.control.Counts)
	}
	return list
}
