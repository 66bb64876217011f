package outbound

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

// Line is the line to the channel. *cytube.Client is one.
type Line interface {
	// SendIn writes an event to the wire in a visit to the channel, and nothing in
	// any other: then the error is cytube.ErrNotJoined.
	SendIn(ctx context.Context, visit uint64, event string, args ...any) error
}

// Journal is where outcomes are recorded before anything else.
type Journal interface {
	Record(ctx context.Context, kind events.Kind, payload events.Payload) error
}

// SenderConfig says for which channel a Sender speaks and by what means.
type SenderConfig struct {
	Channel string
	// Producer is the present run of the bot: it holds what it sends.
	Producer string
	// Queue opens the queue. It is asked again and again until it succeeds.
	Queue func(ctx context.Context) (*Queue, error)
	Line  Line
	// Journal is the bot's recorder.
	Journal Journal
	// Acknowledged is the last stream sequence that acknowledged an event of the bot.
	// Nil: not known.
	Acknowledged func() uint64
	// SettleEarlier waits until the stream has all that earlier runs of the bot
	// recorded. Nil: it has.
	SettleEarlier func(ctx context.Context) error
	// IsEarlier reports whether a producer is an earlier run of this bot, which is
	// gone. Nil: none is.
	IsEarlier func(ctx context.Context, producer string) (bool, error)
	// Leads reports whether this run is the one that records the channel: no other
	// sends. It is heard of by a visit when that begins. Nil: it is.
	Leads func() bool
	// Limits are the site's. Default: CyTube's own.
	Limits Limits
	// EchoTimeout is how long a line may take to come back. Default 10 s.
	EchoTimeout time.Duration
	// SettleWait is how long after a join a line that the history does not show may
	// still be heard. Default 500 ms.
	SettleWait time.Duration
	// Patience is how long another bot has to say what became of a message that it
	// was sending, before it is taken for gone. Default 2 min.
	Patience time.Duration
	// OrderWait is how long the next message waits for an earlier one that another bot
	// has in hand. Default: LeaseTime.
	OrderWait time.Duration
	// StopGrace is how long a stop waits for the line on its way. Default 2 s.
	StopGrace time.Duration
	// Stats counts what is done. Nil: nothing is counted.
	Stats *Stats
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Crash, where it is set, is called at the named points between two steps that a
	// crash could separate.
	Crash func(point string)
}

func (c SenderConfig) withDefaults() SenderConfig {
	if c.Acknowledged == nil {
		c.Acknowledged = func() uint64 { return 0 }
	}
	if c.SettleEarlier == nil {
		c.SettleEarlier = func(context.Context) error { return nil }
	}
	if c.IsEarlier == nil {
		c.IsEarlier = func(context.Context, string) (bool, error) { return false, nil }
	}
	if c.Leads == nil {
		c.Leads = func() bool { return true }
	}
	if c.OrderWait <= 0 {
		c.OrderWait = LeaseTime
	}
	c.Limits = c.Limits.withDefaults()
	if c.EchoTimeout <= 0 {
		c.EchoTimeout = 10 * time.Second
	}
	if c.SettleWait <= 0 {
		c.SettleWait = 500 * time.Millisecond
	}
	if c.Patience <= 0 {
		c.Patience = 2 * time.Minute
	}
	if c.StopGrace <= 0 {
		c.StopGrace = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Crash == nil {
		c.Crash = func(string) {}
	}
	return c
}

// Sender sends what is queued for one channel, a line at a time, and confirms each
// by its echo.
type Sender struct {
	cfg SenderConfig
	log *slog.Logger

	mu      sync.Mutex
	room    room          // guarded by mu
	news    chan struct{} // holds one when something was heard
	waiting atomic.Int64
	trouble trouble

	// What follows belongs to Run.

	stop    <-chan struct{} // closed when nothing more is to be begun
	q       *Queue
	changes chan Change
	broken  chan error
	caught  bool              // all messages that were there are known
	open    map[int64]Message // those in no final state
	over    map[int64]uint64  // messages this run ended, by the revision that says so, until it is seen
	pace    pace
	paced   uint64    // the visit that pace is about
	quiet   time.Time // nothing is sent before
	// nameless is the last visit in which messages waited because the bot has no name.
	nameless uint64
	// lookAfter is when the stream may be looked at again; zero where that was never
	// refused.
	lookAfter time.Time

	// departed has the visit in which a message was last written to the wire by this
	// run. One that this run holds and that is not here never left.
	departed map[int64]uint64
	seen     map[int64]time.Time // when messages were first seen as they are
	strange  map[int64]sighting  // messages that others are sending
	earlier  map[string]bool     // holders that were looked up
	settled  chan struct{}       // closed once earlier runs' outcomes are in the stream
	asked    map[int64]uint64    // revisions of messages whose mark was looked for, in vain
	// compared are messages of which the stream did not say that they were over when
	// they were seen first; anew is when all began to be seen.
	compared map[int64]bool
	anew     time.Time
	began    time.Time
}

// NewSender returns a sender that has heard nothing yet.
func NewSender(cfg SenderConfig) (*Sender, error) {
	switch {
	case !ValidChannel(cfg.Channel):
		return nil, errors.New("outbound: sender: the channel has no valid name")
	case cfg.Producer == "":
		return nil, errors.New("outbound: sender: no producer is given")
	case cfg.Queue == nil, cfg.Line == nil, cfg.Journal == nil:
		return nil, errors.New("outbound: sender: queue, line and journal are needed")
	}
	cfg = cfg.withDefaults()
	return &Sender{
		cfg: cfg, log: cfg.Logger.With("component", "outbound", "channel", cfg.Channel),
		news: make(chan struct{}, 1),
		open: map[int64]Message{}, over: map[int64]uint64{}, departed: map[int64]uint64{}, seen: map[int64]time.Time{}, strange: map[int64]sighting{},
		earlier: map[string]bool{}, settled: make(chan struct{}), asked: map[int64]uint64{}, compared: map[int64]bool{},
	}, nil
}

// Hear takes what comes over the line, in order. It never blocks.
func (s *Sender) Hear(it cytube.Item) {
	s.mu.Lock()
	s.room.hear(it, s.cfg.Now())
	s.mu.Unlock()
	s.nudge()
}

func (s *Sender) nudge() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Waiting counts the messages of the channel that are not over yet.
func (s *Sender) Waiting() int64 { return s.waiting.Load() }

// Trouble is why nothing is sent, for as long as that needs a person: the queue cannot be
// read. It is nil otherwise.
func (s *Sender) Trouble() error { return s.trouble.now() }

// Run sends until the context ends, which is no error. Then nothing more is begun,
// and the line on its way gets a moment to come back; what became of one that does
// not is worked out by the next run. The recorder has to outlive it.
func (s *Sender) Run(ctx context.Context) error {
	keep, cut := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.began = ctx.Done(), time.Now()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cut()
	wg.Go(func() { s.awaitEarlier(ctx) })
	wg.Go(func() {
		select {
		case <-ctx.Done():
			pause(keep, s.cfg.StopGrace)
		case <-keep.Done():
		}
		cut()
	})
	for !s.stopped() {
		err := s.serve(ctx, keep)
		if s.stopped() {
			break
		}
		s.complain(err)
		pause(ctx, time.Second)
	}
	return nil
}

// stopped reports whether nothing more is to be begun.
func (s *Sender) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// awaitEarlier closes settled once the stream has what earlier runs recorded.
func (s *Sender) awaitEarlier(ctx context.Context) {
	if persist(ctx, func() error { return s.cfg.SettleEarlier(ctx) }) == nil {
		close(s.settled)
		s.nudge()
	}
}

// serve opens the queue and sends what is in it, until it cannot be followed any
// more or the context ends. What is under way then may go on until keep ends too.
func (s *Sender) serve(ctx, keep context.Context) error {
	told := false
	err := persist(ctx, func() (err error) {
		s.q, err = s.cfg.Queue(ctx)
		if err != nil && ctx.Err() == nil && !told {
			told = true
			s.log.Warn("the queue cannot be opened yet; nothing is sent", "err", err)
		}
		return err
	})
	if err != nil {
		return err
	}
	w, err := s.q.Watch(ctx, s.cfg.Channel)
	if err != nil {
		return err
	}
	defer w.Close()
	wctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	s.changes, s.broken = make(chan Change, 64), make(chan error, 1)
	s.caught, s.anew = false, s.cfg.Now()
	clear(s.open)
	clear(s.seen)
	clear(s.over)
	clear(s.compared)
	wg.Go(func() { s.follow(wctx, w) })
	return s.loop(keep)
}

// follow hands on what is seen on the queue.
func (s *Sender) follow(ctx context.Context, w *Watcher) {
	for {
		c, err := w.Next(ctx)
		if err != nil {
			s.broken <- err
			return
		}
		select {
		case s.changes <- c:
		case <-ctx.Done():
			return
		}
	}
}

// loop is the sender at work: it looks what there is to do and does one thing, or
// waits until something changes.
func (s *Sender) loop(ctx context.Context) error {
	for !s.stopped() {
		if err := s.takeChanges(); err != nil {
			return err
		}
		wait := never
		if s.caught {
			wait = s.step(ctx)
		}
		if wait > 0 {
			if err := s.rest(wait); err != nil {
				return err
			}
		}
	}
	return nil
}

// step does one thing, and returns how long to wait before the next at most.
func (s *Sender) step(ctx context.Context) time.Duration {
	if wait := s.compare(ctx); wait > 0 {
		return wait
	}
	s.acceptProofs(ctx)
	wait, first := s.settle(ctx)
	if wait == 0 || first {
		return wait
	}
	return min(wait, s.sendNext(ctx))
}

// note keeps a message as it was seen on the queue.
func (s *Sender) note(c Change) {
	id := c.Message.ID
	switch revision, over := s.over[id]; {
	case c.Restarted:
		s.caught, s.anew = false, s.cfg.Now()
		clear(s.open)
		clear(s.seen)
		clear(s.over)
		clear(s.compared)
	case c.CaughtUp:
		s.caught = true
		s.readable()
	case over && c.Message.Revision < revision: // from before its end
	case c.Removed:
		if known, ok := s.open[id]; ok && known.Revision < c.Message.Revision {
			s.drop(id)
		}
	default:
		delete(s.over, id)
		s.hold(c.Message)
	}
	s.waiting.Store(int64(len(s.open)))
}

// hold keeps the newest state of a message that is not over.
func (s *Sender) hold(m Message) {
	if known, ok := s.open[m.ID]; ok && known.Revision >= m.Revision {
		return
	}
	if m.State.Final() {
		s.drop(m.ID)
		return
	}
	s.open[m.ID], s.seen[m.ID] = m, s.cfg.Now()
}

func (s *Sender) drop(id int64) {
	delete(s.open, id)
	delete(s.departed, id)
	delete(s.seen, id)
	delete(s.strange, id)
	delete(s.asked, id)
	delete(s.compared, id)
}

// takeChanges takes what was seen meanwhile.
func (s *Sender) takeChanges() error {
	for {
		select {
		case c := <-s.changes:
			s.note(c)
		case err := <-s.broken:
			return err
		default:
			return nil
		}
	}
}

// rest waits until something happens, or for the given time.
func (s *Sender) rest(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case c := <-s.changes:
		s.note(c)
	case err := <-s.broken:
		return err
	case <-s.news:
	case <-timer.C:
	case <-s.stop:
	}
	return nil
}

// pause waits, less long where the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
