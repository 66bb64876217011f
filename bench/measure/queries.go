package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
)

const (
	// callers is how many ask at the same moment.
	callers = 200
	// callerConns is how many connections they share.
	callerConns = 8
	// projectedRate is how many events a second are projected meanwhile, appended in
	// batches.
	projectedRate  = 5000
	projectedBatch = 100
)

// questions are what is asked in turn, each by the same number of callers.
var questions = []struct {
	name, subject string
	body          func(*rand.Rand) map[string]any
}{
	{"user_stats", "query.user_stats", func(r *rand.Rand) map[string]any { return map[string]any{"username": crowdNames[r.IntN(crowd)]} }},
	{"channel_stats", "query.channel_stats", func(*rand.Rand) map[string]any { return map[string]any{"channel": Channel} }},
	{"top_chatters", "query.top_chatters", func(*rand.Rand) map[string]any { return map[string]any{"limit": 10} }},
	{"top_chatters-24h", "query.top_chatters", func(*rand.Rand) map[string]any { return map[string]any{"period": "24h", "limit": 10} }},
	{"user_count_history", "query.user_count_history", func(*rand.Rand) map[string]any { return map[string]any{"period": "24h", "limit": 100} }},
	{"media_history", "query.media_history", func(*rand.Rand) map[string]any { return map[string]any{"limit": 20} }},
	{"search_chat", "query.search_chat", func(r *rand.Rand) map[string]any {
		return map[string]any{"text": words[r.IntN(len(words))] + " " + words[r.IntN(len(words))]}
	}},
	{"recent_chat", "stats.recent_chat.get", func(*rand.Rand) map[string]any { return map[string]any{"limit": 50} }},
	{"status", "query.status", func(*rand.Rand) map[string]any { return map[string]any{} }},
}

// crowdNames are those who are there as every history begins.
var crowdNames = func() (names []string) {
	g := NewGenerator()
	for _, user := range g.there {
		names = append(names, g.names[user])
	}
	return names
}()

// Queries measures how long questions take, from a caller's request to its answer,
// while events are projected into the tables that are asked: one caller who asks
// one after the other; callers who ask all at the same moment; and as many callers
// who each ask once a second, at a moment of their own. The bound is the service
// alone: an endpoint that answers without looking anywhere.
func (h *History) Queries(ctx context.Context, rounds int) (_ Result, err error) {
	q, err := h.newHall(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, q.close()) }()
	var res Result
	trip, err := q.roundTrip(ctx, 20*rounds)
	if err != nil {
		return Result{}, err
	}
	res.Join(latencies("service-", trip))
	feed := q.feed(ctx)
	alone, err := q.oneByOne(ctx, 10*rounds)
	if err != nil {
		return Result{}, errors.Join(err, feed.stop())
	}
	for i, a := range questions {
		res.add(Metric{a.name + "-alone-p50-ms", middle(alone[i])})
	}
	together, err := q.together(ctx, rounds)
	if err != nil {
		return Result{}, errors.Join(err, feed.stop())
	}
	for i, a := range questions {
		res.add(Metric{a.name + "-p50-ms", middle(together[i])}, Metric{a.name + "-p99-ms", tail(together[i])})
	}
	res.Join(latencies("alone-", slices.Concat(alone...)))
	res.Join(latencies("together-", slices.Concat(together...)))
	spread, err := q.spread(ctx, rounds)
	if err != nil {
		return Result{}, errors.Join(err, feed.stop())
	}
	res.Join(latencies("spread-", slices.Concat(spread...)))
	if err := feed.stop(); err != nil {
		return Result{}, err
	}
	res.add(Metric{"projected-events/s", feed.rate()})
	return res, nil
}

func middle(took []time.Duration) float64 {
	slices.Sort(took)
	return milliseconds(took[len(took)/2])
}

func tail(took []time.Duration) float64 {
	slices.Sort(took)
	return milliseconds(took[len(took)*99/100])
}

// hall is a projector with its service, and those who ask.
type hall struct {
	h         *History
	projector *projector.Projector
	service   *query.Service
	echo      *service.Service
	conns     []*streams.Conn // the first is the services'

	stop context.CancelFunc
	done chan error
}

const echoSubject = "bench.echo"

func (h *History) newHall(ctx context.Context) (_ *hall, err error) {
	q := &hall{h: h, stop: func() {}, done: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("measure: %w", err), q.close())
		}
	}()
	h.files++
	store := schema.Store{Link: filepath.Join(h.rig.dir, fmt.Sprint("hall", h.files), "rosey.db")}
	q.projector, err = projector.New(ctx, projector.Config{
		Stream: h.rig.stream, Store: store, Instance: fmt.Sprint("hall", h.files), DefaultChannel: Channel,
	})
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	q.stop = stop
	go func() { q.done <- q.projector.Run(run) }()
	for range callerConns + 1 {
		c, err := h.rig.connect(ctx)
		if err != nil {
			return nil, err
		}
		q.conns = append(q.conns, c)
	}
	state, err := h.rig.stream.State(ctx)
	if err != nil {
		return nil, err
	}
	if err := q.projector.WaitFor(ctx, state.LastSeq); err != nil {
		return nil, err
	}
	if q.service, err = query.NewService(query.Config{Conn: q.conns[0], Tables: q.projector, Bots: h.rig.stream.Bots}); err != nil {
		return nil, err
	}
	q.echo, err = service.New(service.Config{Conn: q.conns[0], Name: "bench", Endpoints: []service.Endpoint{
		service.NewEndpoint(service.Declaration{Name: "echo", Subject: echoSubject}, func(context.Context, struct{}) (int, error) { return 1, nil }),
	}})
	return q, err
}

func (q *hall) close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if q.echo != nil {
		err = q.echo.Stop(ctx)
	}
	if q.service != nil {
		err = errors.Join(err, q.service.Stop(ctx))
	}
	for _, c := range q.conns {
		c.Close()
	}
	q.stop()
	if q.projector != nil {
		err = errors.Join(err, <-q.done, q.projector.Close())
	}
	return err
}

// feed appends events evenly, from where the history ends.
type feed struct {
	cancel context.CancelFunc
	done   chan error
	begin  time.Time
	took   time.Duration
	sent   atomic.Int64
}

func (q *hall) feed(ctx context.Context) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{cancel: cancel, done: make(chan error, 1), begin: time.Now()}
	go func() { f.done <- f.run(ctx, q) }()
	return f
}

func (f *feed) run(ctx context.Context, q *hall) error {
	for due := f.begin; ; due = due.Add(time.Second * projectedBatch / projectedRate) {
		list, err := q.h.more(projectedBatch)
		if err != nil {
			return err
		}
		if _, err := q.h.rig.stream.AppendBatch(ctx, list); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("measure: feed: %w", err)
		}
		f.sent.Add(projectedBatch)
		select {
		case <-time.After(time.Until(due)): // one that is late does not delay the rest
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *feed) stop() error {
	f.took = time.Since(f.begin)
	f.cancel()
	return <-f.done
}

func (f *feed) rate() float64 { return rate(int(f.sent.Load()), f.took) }

// ask asks one question and returns how long the answer took.
func (q *hall) ask(ctx context.Context, caller, question int, r *rand.Rand) (time.Duration, error) {
	a := questions[question]
	body := a.body(r)
	subject := events.SubjectPrefix + a.subject
	conn := q.conns[1+caller%callerConns]
	begin := time.Now()
	var err error
	if strings.HasPrefix(a.subject, "stats.") {
		_, err = service.CallBare[any](ctx, conn, subject, body)
	} else {
		_, err = service.Call[any](ctx, conn, subject, body)
	}
	if err != nil {
		return 0, fmt.Errorf("measure: %s: %w", a.name, err)
	}
	return time.Since(begin), nil
}

func (q *hall) roundTrip(ctx context.Context, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if _, err := service.Call[int](ctx, q.conns[1], echoSubject, struct{}{}); err != nil {
			return nil, fmt.Errorf("measure: %w", err)
		}
		took[i] = time.Since(begin)
	}
	return took, nil
}

// oneByOne asks every question n times, with nobody beside.
func (q *hall) oneByOne(ctx context.Context, n int) ([][]time.Duration, error) {
	r := rand.New(rand.NewPCG(1, 1))
	took := make([][]time.Duration, len(questions))
	for range n {
		for i := range questions {
			d, err := q.ask(ctx, 0, i, r)
			if err != nil {
				return nil, err
			}
			took[i] = append(took[i], d)
		}
	}
	return took, nil
}

// betweenRounds lets what a round left over pass.
const betweenRounds = 300 * time.Millisecond

// together lets all callers ask at the same moment, again and again.
func (q *hall) together(ctx context.Context, rounds int) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(questions))
	for round := range rounds {
		list, err := q.each(ctx, uint64(round), nil)
		if err != nil {
			return nil, err
		}
		for caller, d := range list {
			took[caller%len(questions)] = append(took[caller%len(questions)], d)
		}
		select {
		case <-time.After(betweenRounds):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return took, nil
}

// spread lets each caller ask once in every second.
func (q *hall) spread(ctx context.Context, seconds int) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(questions))
	for second := range seconds {
		list, err := q.each(ctx, uint64(second), func(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(time.Second))) })
		if err != nil {
			return nil, err
		}
		for caller, d := range list {
			took[caller%len(questions)] = append(took[caller%len(questions)], d)
		}
	}
	return took, nil
}

// each lets every caller ask one question, after a delay.
func (q *hall) each(ctx context.Context, seed uint64, delay func(*rand.Rand) time.Duration) ([]time.Duration, error) {
	took, errs := make([]time.Duration, callers), make([]error, callers)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for caller := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			<-begin
			if delay != nil {
				time.Sleep(delay(r))
			}
			took[caller], errs[caller] = q.ask(ctx, caller, caller%len(questions), r)
		})
	}
	close(begin)
	wg.Wait()
	return took, errors.Join(errs...)
}
