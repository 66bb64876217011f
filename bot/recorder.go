package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
)

// RecorderConfig says what a Recorder records and where it keeps it.
type RecorderConfig struct {
	// CyTube is the channel and as whom to sit in it.
	CyTube cytube.Config
	// Spool is where every event is committed before anything else.
	Spool spool.Config
	// Stream returns where the spool drains to. It is asked again and again until
	// it succeeds: the recorder works while there is no stream.
	Stream func(ctx context.Context) (spool.Appender, error)
	// Leases gives out the right to record the channel; a bot that does not get it
	// stands by. Nil: record, whoever else does.
	Leases func(ctx context.Context) (Leases, error)
	// LeaseEvery is how often the right is renewed or asked for. Default 5 s.
	LeaseEvery time.Duration
	// BotVersion is told in bot.started.
	BotVersion string
	// SettleLimit bounds how long a stop waits for the spool to drain. What is left
	// is sent by the next run. Default 5 s.
	SettleLimit time.Duration
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Recorder sits in one channel and commits everything it sees to its spool, from
// where it goes to the stream. It is the spool's owner from NewRecorder to Close.
type Recorder struct {
	cfg    RecorderConfig
	log    *slog.Logger
	client *cytube.Client
	spool  *spool.Spool
	run    spool.Run
	prev   spool.Previous

	items chan cytube.Item
	taken chan struct{} // closed when nothing takes items any more

	mu         sync.Mutex // guards translator
	translator *Translator
	frames     atomic.Uint64
	events     atomic.Uint64
}

// RecorderStatus is what a status line shows of a Recorder.
type RecorderStatus struct {
	View   View
	Line   cytube.State
	Depth  spool.Depth
	Frames uint64
	Events uint64
	// Failing is why the spool does not drain, nil while it does.
	Failing error
}

// NewRecorder opens the spool and begins a run. The error is one of package
// spool's refusals, or about the configuration.
func NewRecorder(ctx context.Context, cfg RecorderConfig) (*Recorder, error) {
	if cfg.Stream == nil {
		return nil, errors.New("bot: no stream is given")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.SettleLimit <= 0 {
		cfg.SettleLimit = 5 * time.Second
	}
	if cfg.LeaseEvery <= 0 {
		cfg.LeaseEvery = renewEvery
	}
	channel := cfg.CyTube.Channel
	log := cfg.Logger.With("component", "bot", "channel", channel)
	if cfg.CyTube.Logger == nil {
		cfg.CyTube.Logger = cfg.Logger
	}
	if cfg.Spool.Logger == nil {
		cfg.Spool.Logger = cfg.Logger
	}
	cfg.Spool.Channel = channel
	client, err := cytube.New(cfg.CyTube)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	sp, err := spool.Open(ctx, cfg.Spool)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	run, prev, err := sp.Begin(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bot: %w", err), sp.Close())
	}
	return &Recorder{
		cfg: cfg, log: log, client: client, spool: sp, run: run, prev: prev,
		items: make(chan cytube.Item, gatherLimit), taken: make(chan struct{}),
		translator: NewTranslator(TranslatorConfig{Channel: channel, Producer: run.Producer, BotVersion: cfg.BotVersion}),
	}, nil
}

// Client is the line to the channel, for those who have something to say.
func (r *Recorder) Client() *cytube.Client { return r.client }

// Status returns the present state.
func (r *Recorder) Status() RecorderStatus {
	r.mu.Lock()
	view := r.translator.View()
	r.mu.Unlock()
	_, failing := r.spool.Failing()
	return RecorderStatus{
		View: view, Line: r.client.State(), Depth: r.spool.Depth(),
		Frames: r.frames.Load(), Events: r.events.Load(), Failing: failing,
	}
}

// Close gives the spool back. Run must have returned.
func (r *Recorder) Close() error { return r.spool.Close() }

// Run records until the context ends, which is no error: the line is closed,
// what was read is committed, and the spool may drain for a while.
func (r *Recorder) Run(ctx context.Context) error {
	drainCtx, stopDrain := context.WithCancel(context.WithoutCancel(ctx))
	var drained sync.WaitGroup
	drained.Go(func() { r.drain(drainCtx) })
	err := r.record(ctx)
	r.settle(drainCtx)
	stopDrain()
	drained.Wait()
	return err
}

// record keeps the line up and commits what comes over it.
func (r *Recorder) record(ctx context.Context) error {
	// What was read before the stop is still committed after it, within a limit.
	keep, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(r.cfg.SettleLimit, cut) })()
	started := r.translate(func(t *Translator) []*events.Event {
		return t.Started(r.cfg.Now(), PreviousRun{Producer: r.prev.Producer, LastSeq: r.prev.LastSeq, Known: r.prev.Known})
	})
	if err := r.put(keep, started); err != nil {
		return err
	}
	lineCtx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	g := new(errgroup.Group)
	leading := make(chan bool)
	g.Go(func() error {
		defer close(leading)
		r.lead().keep(lineCtx, func(now bool) {
			select {
			case leading <- now:
			case <-lineCtx.Done():
			}
		})
		return nil
	})
	g.Go(func() error {
		defer close(r.items)
		return r.line(lineCtx, keep, leading)
	})
	g.Go(func() error {
		defer hangUp()
		defer close(r.taken)
		return r.commit(keep)
	})
	err := g.Wait()
	stopped := r.translate(func(t *Translator) []*events.Event { return t.Stopped(r.cfg.Now()) })
	return errors.Join(err, r.put(keep, stopped))
}

// line holds the line to the channel while this run leads, and says in the
// stream that it does.
func (r *Recorder) line(ctx, keep context.Context, leading <-chan bool) error {
	for now := range leading {
		if !now {
			continue
		}
		told := r.translate(func(t *Translator) []*events.Event { return t.Recording(r.cfg.Now()) })
		if err := r.put(keep, told); err != nil {
			return err
		}
		if err := r.lineUntil(ctx, leading); err != nil {
			return err
		}
	}
	return nil
}

// lineUntil holds the line until this run no longer leads or the context ends.
func (r *Recorder) lineUntil(ctx context.Context, leading <-chan bool) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	done := make(chan error, 1)
	go func() { done <- r.client.Run(ctx, r.take) }()
	for {
		select {
		case now := <-leading: // false when it is closed, too
			if !now {
				leading = nil
				hangUp()
			}
		case err := <-done:
			if err != nil && !errors.Is(err, errNotTaken) {
				return fmt.Errorf("bot: %w", err)
			}
			return nil
		}
	}
}

func (r *Recorder) lead() *lead {
	return &lead{
		leases: r.cfg.Leases, key: streams.RecorderLease(r.cfg.CyTube.Channel), holder: r.run.Producer, predecessor: r.prev.Producer,
		every: r.cfg.LeaseEvery, log: r.log,
	}
}

// gatherLimit bounds how many items share one commit.
const gatherLimit = 256

var errNotTaken = errors.New("nothing takes items any more")

// take hands an item on. When the spool is slow this blocks, and the socket is
// read more slowly.
func (r *Recorder) take(ctx context.Context, it cytube.Item) error {
	select {
	case r.items <- it:
		return nil
	case <-r.taken:
		return errNotTaken
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit translates what comes and commits it, everything that waits at once:
// the disk is asked once for a burst, and at once for a single line.
func (r *Recorder) commit(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case it, ok := <-r.items:
			if !ok {
				return nil
			}
			if err := r.put(ctx, r.gather(it)); err != nil {
				return err
			}
		case <-tick.C:
			// What has come is translated before what is due by time: a slow disk must
			// not make an item look as if nothing had followed it.
			due := r.gather(nil)
			due = append(due, r.translate(func(t *Translator) []*events.Event { return t.Tick(r.cfg.Now()) })...)
			if err := r.put(ctx, due); err != nil {
				return err
			}
		}
	}
}

func (r *Recorder) gather(first cytube.Item) []*events.Event {
	return r.translate(func(t *Translator) []*events.Event {
		var evs []*events.Event
		if first != nil {
			evs = r.item(t, first)
		}
		for range gatherLimit - 1 {
			select {
			case it, ok := <-r.items:
				if !ok {
					return evs
				}
				evs = append(evs, r.item(t, it)...)
			default:
				return evs
			}
		}
		return evs
	})
}

func (r *Recorder) item(t *Translator, it cytube.Item) []*events.Event {
	if _, ok := it.(cytube.Frame); ok {
		r.frames.Add(1)
	}
	return t.Translate(it)
}

func (r *Recorder) translate(f func(*Translator) []*events.Event) []*events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.translator)
}

// put commits events to the spool. A disk that fails is tried again for as long
// as the recorder runs; meanwhile nothing more is taken from the socket, so that
// nothing has to be dropped. A full spool ends the observation in good order.
func (r *Recorder) put(ctx context.Context, evs []*events.Event) error {
	if len(evs) == 0 {
		return nil
	}
	for attempt := 1; ; attempt++ {
		err := r.spool.Put(ctx, evs...)
		switch {
		case err == nil:
			r.events.Add(uint64(len(evs)))
			return nil
		case errors.Is(err, spool.ErrFull):
			if err := r.full(ctx, evs); err != nil {
				return err
			}
			continue
		case errors.Is(err, spool.ErrClosed), errors.Is(err, spool.ErrNotBegun):
			return fmt.Errorf("bot: %w", err)
		}
		r.log.Error("the spool takes nothing, trying again", "attempt", attempt, "err", err)
		if !pause(ctx, min(10*time.Second, 100*time.Millisecond<<min(attempt, 7))) {
			return fmt.Errorf("bot: %w", err)
		}
	}
}

// full records that the observation ends because the spool is full, and waits
// for room. Nothing is read from the socket meanwhile; the server ends the line,
// and the client begins again when there is room.
func (r *Recorder) full(ctx context.Context, evs []*events.Event) error {
	now := r.cfg.Now()
	r.log.Error("the spool is full; recording stops until there is room", "count", len(evs), "bytes", r.spool.Depth().Bytes)
	gone := &events.Event{
		Platform: events.PlatformCyTube, Channel: r.cfg.CyTube.Channel, TimeMS: now.UnixMilli(), ReceivedMS: now.UnixMilli(),
		Kind:    events.KindBotDisconnected,
		Payload: &events.BotDisconnected{Reason: "spool_full", ObservedMS: now.UnixMilli()},
	}
	if err := r.spool.PutReserved(ctx, gone); err != nil {
		r.log.Error("the full spool could not be told of", "err", err)
	}
	held := r.spool.Depth().Bytes
	for r.spool.Depth().Bytes > held/2 {
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("bot: %w", spool.ErrFull)
		}
	}
	r.log.Info("the spool has room again")
	return nil
}

// drain finds the stream and sends what is in the spool, for ever.
func (r *Recorder) drain(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		stream, err := r.cfg.Stream(ctx)
		if err == nil {
			err = r.spool.Drain(ctx, stream)
		}
		if ctx.Err() != nil || errors.Is(err, spool.ErrClosed) {
			return
		}
		if attempt%10 == 0 {
			r.log.Warn("no stream to send to yet; events wait in the spool", "attempt", attempt+1, "err", err)
		}
		if !pause(ctx, min(3*time.Second, 100*time.Millisecond<<min(attempt, 5))) {
			return
		}
	}
}

// settle gives the spool time to drain at a stop. While the stream does not take
// anything there is nothing to wait for.
func (r *Recorder) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.SettleLimit)
	defer cancel()
	if err := r.spool.Settle(ctx); err != nil {
		r.log.Warn("events are left in the spool; the next run sends them", "count", r.spool.Depth().Events)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
