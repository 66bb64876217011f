package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
)

// ServiceName is how the service is found.
const ServiceName = "rosey-query"

// Config says what a Service answers from.
type Config struct {
	// Conn is where requests come from.
	Conn *streams.Conn
	// Tables is the projector in this process.
	Tables Projection
	// Bots tells which bots are alive now. Without it the status tells none.
	Bots func(context.Context) ([]streams.Heartbeat, error)
	// Rebuild tells of the tables that are being made to take the place of these, nil
	// for none. Without it the status tells none.
	Rebuild func() *Rebuild
	// Version is the program's.
	Version string
	// Conns is how many questions are read at a time. Default: twice the processors,
	// at least four.
	Conns int
	// ReadLimit is how long an answer may be read. Default 10 s.
	ReadLimit time.Duration
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Now is the clock that the age of events is told by. Default: time.Now.
	Now func() time.Time
}

// Validate reports what NewService would refuse.
func (c Config) Validate() error {
	if c.Conn == nil || c.Tables == nil {
		return errors.New("query: a service needs a connection and tables")
	}
	if c.Conns < 0 {
		return errors.New("query: the number of connections cannot be negative")
	}
	return nil
}

// Service answers questions over NATS, from NewService until Stop.
type Service struct {
	service *service.Service
	pool    *pool
}

// NewService answers from now on. Until there are tables the answer is an error of
// code unavailable.
func NewService(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d := newDesk(cfg)
	s, err := service.New(service.Config{
		Conn: cfg.Conn, Name: ServiceName, Version: cfg.Version, Logger: cfg.Logger,
		Description: "What happened in the channels, from the tables of a projector.", Endpoints: d.endpoints(),
	})
	if err != nil {
		return nil, err
	}
	return &Service{service: s, pool: d.pool}, nil
}

// Stop takes no more requests, answers those it took as far as the context's time
// allows, and gives the database back. It comes before the projector's Close.
func (s *Service) Stop(ctx context.Context) error {
	err := s.service.Stop(ctx)
	s.pool.close()
	return err
}

// Channels lists the channels of the tables, the one observed last first.
func (s *Service) Channels(ctx context.Context) (names []string, err error) {
	err = s.pool.read(ctx, func(q schema.Queryer) error {
		names, err = Channels(ctx, q)
		return err
	})
	return names, err
}

// Counts returns the numbers of all endpoints by their names.
func (s *Service) Counts() map[string]service.Counts { return s.service.EveryCount() }

// Endpoints are what the service answers, for documentation: without tables behind
// them.
func Endpoints() []service.Endpoint { return newDesk(Config{}).endpoints() }

// desk is where questions are answered.
type desk struct {
	cfg   Config
	log   *slog.Logger
	pool  *pool
	same  sharing
	alive alive
	// waits has a place for each question that waits for a sequence.
	waits chan struct{}
	// heavy has a place for each question that may read much at a time.
	heavy chan struct{}

	mu   sync.Mutex
	told time.Time // when somebody was last told that the tables cannot be read
}

func newDesk(cfg Config) *desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := newPool(cfg.Tables, cfg.Conns)
	if cfg.ReadLimit <= 0 {
		cfg.ReadLimit = readTimeout
	}
	return &desk{
		cfg: cfg, log: cfg.Logger.With("component", "query"), pool: p,
		waits: make(chan struct{}, maxWaiting), heavy: make(chan struct{}, max(1, p.conns/4)),
	}
}

func (d *desk) endpoints() []service.Endpoint {
	return []service.Endpoint{
		d.userStats(), d.channelStats(), d.topChatters(), d.userCountHistory(), d.mediaHistory(), d.searchChat(), d.status(),
		d.recentChat(),
	}
}

// Reading lets a question wait for what its caller has just seen stored.
type Reading struct {
	// WaitSeq is a stream sequence that the answer has to know of.
	WaitSeq uint64 `json:"wait_seq,omitempty" doc:"Answer once the tables have reached this stream sequence."`
	// Wait is how many seconds are waited for that.
	Wait *float64 `json:"wait,omitempty" rule:"min=0,max=30,default=5" doc:"How many seconds to wait for that."`
}

func (r Reading) reading() Reading { return r }

// The deadlines of a question: that of reading where none is configured, and of
// waiting before it.
const (
	readTimeout = 10 * time.Second
	maxWait     = 30 * time.Second
)

// How many requests of one kind are at work at a time, and how many questions of
// all kinds may wait for a sequence meanwhile: whoever waits for what never comes
// takes no place from those who do not wait.
const (
	maxAsking  = 256
	maxWaiting = 256
)

// ask declares an endpoint that is answered from the tables.
func ask[R interface{ reading() Reading }, D any](
	d *desk, decl service.Declaration, answer func(context.Context, schema.Queryer, R) (D, error),
) service.Endpoint {
	return askWith(d, decl, noMore,
		func(ctx context.Context, q schema.Queryer, r R, _ struct{}) (D, error) { return answer(ctx, q, r) })
}

// noMore is needed beside the tables.
func noMore(context.Context) struct{} { return struct{}{} }

// askWith also gets what the answer needs beside the tables, before those are
// read: a transaction waits for nobody.
func askWith[R interface{ reading() Reading }, D, X any](
	d *desk, decl service.Declaration, get func(context.Context) X, answer func(context.Context, schema.Queryer, R, X) (D, error),
) service.Endpoint {
	decl.Timeout, decl.Limit = maxWait+d.cfg.ReadLimit, maxAsking+maxWaiting
	return service.NewEndpoint(decl, func(ctx context.Context, r R) (service.At[D], error) {
		want := r.reading()
		err := d.reached(ctx, want)
		if err != nil {
			return service.At[D]{}, refusal(err)
		}
		at, err := together(ctx, d, decl.Name, r, get, answer)
		if err == nil && at.Seq < want.WaitSeq {
			err = behind(want.WaitSeq) // an older database took the place of the one that had it
		}
		return at, refusal(err)
	})
}

// together reads the answer to a question, for all who ask the same just now.
func together[R, D, X any](
	ctx context.Context, d *desk, name string, r R, get func(context.Context) X, answer func(context.Context, schema.Queryer, R, X) (D, error),
) (service.At[D], error) {
	question, err := json.Marshal(r)
	if err != nil {
		return service.At[D]{}, fmt.Errorf("query: %w", err)
	}
	data, seq, err := d.same.do(ctx, name+string(question), func(ctx context.Context) (any, uint64, error) {
		var data D
		beside := get(ctx)
		seq, err := d.read(ctx, isHeavy(r), func(ctx context.Context, q schema.Queryer) (err error) {
			data, err = answer(ctx, q, r, beside)
			return err
		})
		return data, seq, err
	})
	if err != nil {
		return service.At[D]{}, err
	}
	return service.At[D]{Seq: seq, Data: data.(D)}, nil
}

// reached waits for what the caller wants to be told of.
func (d *desk) reached(ctx context.Context, want Reading) error {
	if want.WaitSeq == 0 {
		return nil
	}
	wait := 5 * time.Second
	if want.Wait != nil {
		wait = time.Duration(*want.Wait * float64(time.Second))
	}
	if d.there(ctx, want.WaitSeq) {
		return nil
	}
	if wait == 0 {
		return behind(want.WaitSeq)
	}
	select {
	case d.waits <- struct{}{}:
		defer func() { <-d.waits }()
	default:
		return service.Errorf(service.Busy, "%d requests wait for a sequence already; ask again, or without wait_seq", cap(d.waits))
	}
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := d.cfg.Tables.WaitFor(patience, want.WaitSeq)
	if err != nil && ctx.Err() == nil {
		return behind(want.WaitSeq)
	}
	return err
}

// there reports whether a sequence is in the tables already.
func (d *desk) there(ctx context.Context, seq uint64) bool {
	now, cancel := context.WithCancel(ctx)
	cancel()
	return d.cfg.Tables.WaitFor(now, seq) == nil
}

func behind(seq uint64) error {
	return service.Errorf(service.Timeout, "the tables have not reached seq=%d yet", seq)
}

// isHeavy reports whether a request may read much.
func isHeavy(request any) bool {
	r, ok := request.(interface{ heavy() bool })
	return ok && r.heavy()
}

// read reads an answer, and up to which sequence it holds. A few heavy ones are
// read at a time, so that there are connections left for all others.
func (d *desk) read(ctx context.Context, heavy bool, answer func(context.Context, schema.Queryer) error) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ReadLimit)
	defer cancel()
	if heavy {
		select {
		case d.heavy <- struct{}{}:
			defer func() { <-d.heavy }()
		case <-ctx.Done():
			return 0, service.Errorf(service.Busy, "too many questions that read much are at work; ask again")
		}
	}
	err = d.pool.read(ctx, func(q schema.Queryer) error {
		c, err := schema.ReadCheckpoint(ctx, q)
		if err != nil {
			return err
		}
		seq = c.Seq
		return answer(ctx, q)
	})
	if err != nil && ctx.Err() != nil {
		// SQLite has words of its own for a question that was broken off.
		err = ctx.Err()
	}
	if schema.IsUnreadable(err) && !errors.Is(err, schema.ErrNoDatabase) {
		d.complain(err)
	}
	return seq, err
}

// complainEvery is how often tables that cannot be read are told of.
const complainEvery = 10 * time.Second

func (d *desk) complain(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.told.IsZero() || now.Sub(d.told) > complainEvery {
		d.told = now
		d.log.Warn("the tables cannot be read", "err", err)
	}
}
