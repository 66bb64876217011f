package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/internal/standstill"
	"rosey/streams"

	"golang.org/x/sync/errgroup"
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
	// LeaseLimit bounds how long a question for it may hold up recording. Default 5 s.
	LeaseLimit time.Duration
	// Heartbeats returns where the bot says that it is alive. Nil: it does not.
	Heartbeats func(ctx context.Context) (Heartbeats, error)
	// BeatEvery is how often it does. Default: streams.HeartbeatEvery.
	BeatEvery time.Duration
	// OutboundWaiting counts the messages that wait to be sent, for the heartbeat.
	OutboundWaiting func() int64
	// Hear gets every item, in order, once the spool has it: what follows from one
	// can be recorded after it. It must not block. Nil: nobody listens.
	Hear func(cytube.Item)
	// BotVersion is told in bot.started.
	BotVersion string
	// CommitLimit bounds how long a stop waits for the disk to take what was read.
	// Default 2 s.
	CommitLimit time.Duration
	// SettleLimit bounds how long a stop waits for the spool to drain. What is left
	// is sent by the next run. Default 1.5 s.
	SettleLimit time.Duration
	// HandBackLimit bounds how long a stop waits for the lease to be given back, and
	// for the heartbeat to be ended. Without it both end by themselves. Default 1.5 s.
	HandBackLimit time.Duration
	// RejoinAfter is the least time from the beginning of one visit to that of the
	// next, where a full spool ended the first. Default 30 s.
	RejoinAfter time.Duration
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
	keeper keeper // the spool, as far as commits go
	run    spool.Run
	prev   spool.Previous

	items chan heard
	taken chan struct{} // closed when nothing takes items any more
	// fullness has a lock of its own: it is asked while others are held.
	fullness fullness

	order      sync.Mutex    // held from translating to committing
	recording  bool          // between bot.started and bot.stopped; guarded by order
	gathered   []cytube.Item // of the commit under way; guarded by order
	mu         sync.Mutex    // guards translator, and spool against Status
	translator *Translator
	reached    atomic.Bool              // the stream was there once
	standing   atomic.Pointer[standing] // what was told last
	leads      atomic.Bool
	changed    chan struct{} // holds one when the next heartbeat is due at once
	frames     atomic.Uint64
	events     atomic.Uint64
	recovered  bool // the spool was opened again; only Run uses it
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
	// Full is set while the spool has no room: the bot is out of the channel since
	// FullSince and leaves it to another. When there is room, it asks to record.
	Full      bool
	FullSince time.Time
	// NotRecorded counts the frames of this run that were read and did not fit.
	NotRecorded uint64
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
	if cfg.CommitLimit <= 0 {
		cfg.CommitLimit = commitLimit
	}
	if cfg.SettleLimit <= 0 {
		cfg.SettleLimit = settleLimit
	}
	if cfg.LeaseEvery <= 0 {
		cfg.LeaseEvery = renewEvery
	}
	if cfg.LeaseLimit <= 0 {
		cfg.LeaseLimit = askLimit
	}
	if cfg.HandBackLimit <= 0 {
		cfg.HandBackLimit = handBackLimit
	}
	if cfg.BeatEvery <= 0 {
		cfg.BeatEvery = streams.HeartbeatEvery
	}
	if cfg.RejoinAfter <= 0 {
		cfg.RejoinAfter = rejoinAfter
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
	r := &Recorder{cfg: cfg, log: log, client: client, changed: make(chan struct{}, 1)}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Client is the line to the channel, for those who have something to say.
func (r *Recorder) Client() *cytube.Client { return r.client }

// Status returns the present state.
func (r *Recorder) Status() RecorderStatus {
	r.mu.Lock()
	view, sp := r.translator.View(), r.spool
	r.mu.Unlock()
	_, failing := sp.Failing()
	since, full := r.fullness.is()
	return RecorderStatus{
		View: view, Line: r.client.State(), Depth: sp.Depth(),
		Frames: r.frames.Load(), Events: r.events.Load(), Failing: failing,
		Full: full, FullSince: since, NotRecorded: r.fullness.over(false),
	}
}

// Close gives the spool back. Run must have returned.
func (r *Recorder) Close() error { return r.spool.Close() }

// Run records until the context ends, which is no error: the line is closed,
// what was read is committed, and the spool may drain for a while. A spool that
// is found damaged is recovered, as at a start, and recording goes on in a new
// run; the error is ErrDamaged of package spool where that does not help.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		began := time.Now()
		err := r.runUntilDamaged(ctx)
		if !errors.Is(err, spool.ErrDamaged) || ctx.Err() != nil {
			return err
		}
		if r.recovered && time.Since(began) < recoveryHolds {
			return err
		}
		r.log.Error("the spool was found damaged: the bot leaves the channel, and begins again with what can be read of it", "err", err)
		if reopenErr := r.reopen(ctx); reopenErr != nil {
			return errors.Join(err, reopenErr)
		}
	}
}

// runUntilDamaged records and drains until the context ends, or until the spool
// is of no use any more.
func (r *Recorder) runUntilDamaged(ctx context.Context) error {
	drainCtx, stopDrain := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDrain()
	ctx, stopRecord := context.WithCancel(ctx)
	defer stopRecord()
	var drained sync.WaitGroup
	var damaged error
	drained.Go(func() {
		if damaged = r.drain(drainCtx); damaged != nil {
			stopRecord()
			stopDrain()
		}
	})
	var beside sync.WaitGroup
	settling, settled := standstill.Outlasting(ctx, r.cfg.CommitLimit+stoppedLimit+r.cfg.SettleLimit)
	defer settled()
	err := r.record(ctx, &beside)
	r.settle(drainCtx, settling, ctx.Err() != nil)
	stopDrain()
	beside.Wait()
	drained.Wait()
	return errors.Join(err, damaged)
}

// rejoinAfter keeps a bot whose spool fills and empties again and again from
// coming and going all the time.
const rejoinAfter = 30 * time.Second

// record keeps the line up and commits what comes over it, to the last event of
// the run. What it leaves to do beside the caller needs a server, which may be
// silent, and not the disk.
func (r *Recorder) record(ctx context.Context, beside *sync.WaitGroup) error {
	// What was read before the stop is still committed after it, within a limit.
	keep, cut := standstill.Outlasting(ctx, r.cfg.CommitLimit)
	defer cut()
	// What the commits leave of their time is for the last event.
	last, over := standstill.Outlasting(ctx, r.cfg.CommitLimit+stoppedLimit)
	defer over()
	started := r.translate(func(t *Translator) []*events.Event {
		return t.Started(r.cfg.Now(), PreviousRun{Producer: r.prev.Producer, LastSeq: r.prev.LastSeq, Known: r.prev.Known})
	})
	if err := r.announce(keep, started); err != nil {
		return fmt.Errorf("bot: %w", err)
	}
	r.setRecording(true)
	lineCtx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	latest, ended := newNews(), make(chan struct{})
	defer close(ended)
	beside.Go(func() {
		l := r.lead()
		l.keep(lineCtx, latest.put)
		<-ended // what this run recorded came before whoever is next
		l.release(lineCtx)
	})
	beside.Go(func() { r.watchRoom(lineCtx) })
	beside.Go(func() { r.beat(lineCtx) })
	g := new(errgroup.Group)
	g.Go(func() error {
		defer close(r.items)
		return r.line(lineCtx, keep, latest)
	})
	g.Go(func() error {
		defer hangUp()
		defer close(r.taken)
		return r.commit(keep)
	})
	err := g.Wait()
	r.setRecording(false)
	stopped := r.translate(func(t *Translator) []*events.Event { return t.Stopped(r.cfg.Now()) })
	if ctx.Err() == nil { // nobody stopped it: it ends because of err
		last, over = standstill.WithTimeout(last, r.cfg.CommitLimit+stoppedLimit)
		defer over()
	}
	if failed := r.announce(last, stopped); failed != nil {
		err = errors.Join(err, fmt.Errorf("bot: %w", failed))
	}
	return err
}

func pause(ctx context.Context, d time.Duration) bool { return pauseUntil(ctx, d, nil) }

// pauseUntil is a pause that something may end early.
func pauseUntil(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-early:
		return true
	case <-ctx.Done():
		return false
	}
}
