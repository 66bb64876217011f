package main

import (
	"context"
	"log/slog"
	"time"

	"rosey/bot/outbound"
	"rosey/projector/query"
	"rosey/streams"
	"rosey/streams/service"

	"golang.org/x/sync/errgroup"
)

// answering is what a process answers over NATS: what the bot is to say, and, where
// it keeps tables, what they hold.
type answering struct {
	outbound *outbound.Service
	query    *query.Service // nil without tables
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

// tables answers questions about a projector's tables too, from now on.
func (a *answering) tables(s *streams.Stream, p query.Projection) (err error) {
	a.query, err = query.NewService(query.Config{
		Conn: s.Conn(), Tables: p, Bots: s.Bots, Version: version(), Logger: a.log,
	})
	return err
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
	if a.query == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	return a.query.Stop(ctx)
}

// counts are the numbers of the services, for metrics.
func (a *answering) counts() []func() map[string]service.Counts {
	list := []func() map[string]service.Counts{a.outbound.Counts}
	if a.query != nil {
		list = append(list, a.query.Counts)
	}
	return list
}
