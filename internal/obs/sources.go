package obs

import (
	"context"
	"errors"
	"sync"
	"time"

	"rosey/bot"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
)

// Sources are the parts that run in this process; a nil one does not.
type Sources struct {
	// Recorder is the bot's state, SpoolLimit what its spool may hold.
	Recorder   func() bot.RecorderStatus
	SpoolLimit int64
	// Projector is the projector's state.
	Projector func() projector.Status
	// Stream asks the server for the stream's extent.
	Stream func(ctx context.Context) (streams.State, error)
	// Server is the embedded server's complete health.
	Server func() error
	// Losses asks the tables what is missing.
	Losses func(ctx context.Context) (query.Losses, error)
}

// lossesEvery is how often the tables are asked at most.
const lossesEvery = 10 * time.Second

// TableLosses asks the store's current database, at most every ten seconds.
func TableLosses(store schema.Store) func(ctx context.Context) (query.Losses, error) {
	var mu sync.Mutex
	var asked time.Time
	var last query.Losses
	var lastErr error
	return func(ctx context.Context) (query.Losses, error) {
		mu.Lock()
		defer mu.Unlock()
		if !asked.IsZero() && time.Since(asked) < lossesEvery {
			return last, lastErr
		}
		last, lastErr = readLosses(ctx, store)
		asked = time.Now()
		return last, lastErr
	}
}

func readLosses(ctx context.Context, store schema.Store) (_ query.Losses, err error) {
	g, err := store.Current()
	if err != nil {
		return query.Losses{}, err
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return query.Losses{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return query.CountLosses(ctx, db)
}
