package obs

import (
	"context"
	"errors"
	"sync"
	"time"

	"rosey/bot"
	"rosey/bot/outbound"
	"rosey/internal/loss"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
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
	// Bots asks for those that are alive.
	Bots func(ctx context.Context) ([]streams.Heartbeat, error)
	// Queue counts the messages of the outbound queue by their state.
	Queue func(ctx context.Context) (map[outbound.State]int, error)
	// Outbound is what the bot's sender has counted.
	Outbound func() outbound.StatsReading
	// Services are the numbers of each service by its endpoints.
	Services []func() map[string]service.Counts
	// Rebuild is the projector's work on other tables.
	Rebuild func() replay.Work
	// Losses asks the tables what is missing.
	Losses func(ctx context.Context) (query.Losses, error)
	// StreamLost asks what the stream has lost, as far as the tables tell; nil for nothing.
	StreamLost func(ctx context.Context) (*loss.Lost, error)
}

// lost is how many messages the stream has lost, if that can be told here.
func (s *Sources) lost(ctx context.Context) (n uint64, known bool) {
	if s.StreamLost == nil {
		return 0, false
	}
	l, err := s.StreamLost(ctx)
	if l != nil {
		n = l.Messages
	}
	return n, err == nil
}

const (
	// askEvery is how often tables and queue are asked at most: reading them takes a
	// while, and who looks must not hold up who works.
	askEvery = 10 * time.Second
	// lostEvery is how often the stream is asked what it has lost. A server takes a
	// second for the list of half a million messages, and is given lostLimit.
	lostEvery = time.Minute
	lostLimit = 5 * time.Second
)

// seldom asks at most so often and repeats the last answer in between.
func seldom[T any](every time.Duration, ask func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var asked time.Time
	var last T
	var lastErr error
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if asked.IsZero() || time.Since(asked) >= every {
			last, lastErr = ask(ctx)
			asked = time.Now()
		}
		return last, lastErr
	}
}

// TableLosses asks the store's current database, at most every ten seconds.
func TableLosses(store schema.Store) func(ctx context.Context) (query.Losses, error) {
	return seldom(askEvery, func(ctx context.Context) (query.Losses, error) { return readLosses(ctx, store) })
}

// StreamLost holds the store's current database against the stream, at most every
// minute. What was erased is listed where there is any, and not within the time that a
// look at all parts has.
func StreamLost(store schema.Store, s *streams.Stream) func(ctx context.Context) (*loss.Lost, error) {
	return seldom(lostEvery, func(ctx context.Context) (*loss.Lost, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lostLimit)
		defer cancel()
		return loss.Look(ctx, store, s)
	})
}

// QueueStates counts what is in the outbound queue, at most every ten seconds.
// open is asked each time: the bucket may be made while the program runs.
func QueueStates(open func(ctx context.Context) (*outbound.Queue, error)) func(ctx context.Context) (map[outbound.State]int, error) {
	return seldom(askEvery, func(ctx context.Context) (map[outbound.State]int, error) {
		q, err := open(ctx)
		if err != nil {
			return nil, err
		}
		list, err := q.List(ctx, outbound.Filter{})
		if err != nil {
			return nil, err
		}
		states := map[outbound.State]int{}
		for _, m := range list {
			states[m.State]++
		}
		return states, nil
	})
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
