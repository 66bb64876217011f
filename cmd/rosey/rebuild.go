package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
)

// restLimit bounds how long answers from the old tables are waited for.
const restLimit = 3 * time.Second

// answerMeanwhile answers questions from the tables as they are while others are
// made beside them, which may take long. That it cannot is no reason not to make
// them.
func answerMeanwhile(ctx context.Context, s *streams.Stream, store schema.Store, log *slog.Logger, do func() error) error {
	old, err := query.AtRest(ctx, store)
	if err != nil {
		log.Debug("nothing answers meanwhile", "err", err)
		return do()
	}
	q, err := query.NewService(query.Config{Conn: s.Conn(), Tables: old, Bots: s.Bots, Version: version(), Logger: log})
	if err != nil {
		log.Warn("nothing answers meanwhile", "err", err)
		return do()
	}
	err = do()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), restLimit)
	defer cancel()
	return errors.Join(err, q.Stop(limited))
}
