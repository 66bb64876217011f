package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
	"rosey/streams/service"
)

// ServiceName is how the service is found among others.
const ServiceName = "rosey-outbound"

// ServiceConfig says where a Service answers.
type ServiceConfig struct {
	// Stream connects to the server, or returns the stream on the connection there is.
	// It is tried until it succeeds.
	Stream func(ctx context.Context) (*streams.Stream, error)
	// Channels names channels beside those on which a bot is alive, such as those the
	// tables know. Nil knows none.
	Channels func(ctx context.Context) ([]string, error)
	// Version is the program's.
	Version string
	// Queue says how the queue keeps time.
	Queue QueueConfig
	// WorkLimit bounds the work for one request, apart from waiting. Default 10 s.
	WorkLimit time.Duration
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
}

// Service answers requests about outbound messages, applies the outcomes that
// others report, and removes what is long over where the server does not. The bot
// runs one and the projector too; they share the requests.
type Service struct {
	cfg   ServiceConfig
	log   *slog.Logger
	board *board
	marks *marks
	waits chan struct{} // a slot for each request that waits
	bots  presence
	ready chan struct{}
	// ending is closed when Run is told to end: nobody is to wait any longer.
	ending chan struct{}

	mu        sync.Mutex
	stream    *streams.Stream
	queue     *Queue
	answering *service.Service // nil before Run has begun to answer
}

// NewService makes a service; Run starts it.
func NewService(cfg ServiceConfig) (*Service, error) {
	if cfg.Stream == nil {
		return nil, errors.New("outbound: a service needs a stream")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.WorkLimit <= 0 {
		cfg.WorkLimit = workLimit
	}
	cfg.Queue.Logger = cfg.Logger
	s := &Service{
		cfg: cfg, log: cfg.Logger.With("component", "outbound"), board: newBoard(), waits: make(chan struct{}, maxWaiting),
		ready: make(chan struct{}), ending: make(chan struct{}),
	}
	s.marks = &marks{queue: s.openQueue, log: s.log}
	return s, nil
}

// stopLimit bounds how long answers are waited for at the end.
const stopLimit = 3 * time.Second

// Answering is closed once requests are answered.
func (s *Service) Answering() <-chan struct{} { return s.ready }

// Run answers until the context ends, from the moment there is a server. It returns
// an error only where the service could not be started at all. It is called once.
func (s *Service) Run(ctx context.Context) error {
	err := persist(ctx, func() error {
		stream, err := s.cfg.Stream(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stream = stream
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("outbound: start the service: %w", err)
	}
	answering, err := service.New(service.Config{
		Conn: s.stream.Conn(), Name: ServiceName, Version: s.cfg.Version, Description: "What the bot is asked to say, and what became of it.",
		Endpoints: s.Endpoints(), Logger: s.cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("outbound: %w", err)
	}
	s.mu.Lock()
	s.answering = answering
	s.mu.Unlock()
	close(s.ready)
	var work sync.WaitGroup
	work.Go(func() { s.follow(ctx) })
	work.Go(func() { _ = s.marks.run(ctx, s.stream) })
	work.Go(func() { s.tidy(ctx) })
	<-ctx.Done()
	close(s.ending)
	limited, cancel := standstill.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	err = answering.Stop(limited)
	work.Wait()
	return err
}

// Counts are the numbers of each endpoint by its name; none before the service
// answers.
func (s *Service) Counts() map[string]service.Counts {
	s.mu.Lock()
	answering := s.answering
	s.mu.Unlock()
	if answering == nil {
		return nil
	}
	return answering.EveryCount()
}

// Marks says what became of the outcomes seen in the stream.
func (s *Service) Marks() MarkCounts { return s.marks.counts() }

// openQueue returns the queue, opened once. Where the bucket was never made each
// request tries again: a person may make it.
func (s *Service) openQueue(ctx context.Context) (*Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue != nil {
		return s.queue, nil
	}
	if s.stream == nil {
		return nil, streams.ErrUnavailable
	}
	q, err := s.cfg.Queue.Open(ctx, s.stream)
	if err == nil {
		s.queue = q
	}
	return q, err
}

// follow keeps the board, again and again. What is in the way is told once.
func (s *Service) follow(ctx context.Context) {
	var told error
	_ = persist(ctx, func() error {
		q, err := s.openQueue(ctx)
		if err == nil {
			err = s.board.follow(ctx, q)
		}
		if err != nil && ctx.Err() == nil && !sameTrouble(told, err) {
			told = err
			s.log.Warn("the outbound queue cannot be followed", "err", err)
		}
		return err
	})
}

// tidyEvery is how often finished messages are looked through where the server does
// not end them itself.
const tidyEvery = time.Hour

// tidy removes finished messages on servers without a time to live for keys.
func (s *Service) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		q, err := s.openQueue(ctx)
		if err == nil {
			var n int
			if n, err = q.Sweep(ctx); n > 0 {
				s.log.Info("finished messages removed from the outbound queue", "count", n)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Debug("finished messages are not looked through", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
