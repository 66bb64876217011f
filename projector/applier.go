package projector

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// ErrNotContiguous is returned for a batch that does not follow the checkpoint.
// The caller fetches again from the checkpoint; nothing was written.
var ErrNotContiguous = errors.New("batch does not follow the checkpoint")

// ApplierConfig says what an Applier's rows depend on beside the stream.
type ApplierConfig struct {
	// DefaultChannel stands in for publishers that name no channel.
	DefaultChannel string
	// Channel limits the rows to one channel, compared without case. Default: all.
	// Such a database is for looking at: nothing goes on with it. What is of no
	// channel is kept: the checkpoint, the holes of the stream, what operators
	// decided, and dead letters of which no channel can be told.
	Channel string
	// Identity is the stream the messages come from.
	Identity streams.Identity
	// Loading is for a database made by schema.CreateForLoading. Complete ends it.
	Loading bool
	// Allow is asked about every dead letter to be; false makes Apply fail with a
	// *NewFailureError. Nil allows all.
	Allow func(seq uint64, f Failure) bool
	// Crash is called at named points of a batch; tests end the process there.
	Crash func(point string)
}

// Applier applies batches of messages to one database. It is the one way rows
// come about, live and in a rebuild. Not safe for concurrent use.
type Applier struct {
	db   *schema.DB
	cfg  ApplierConfig
	defs []definition

	checkpoint   schema.Checkpoint
	positions    *positions
	observations observations
	parts        parts
	chatKeys     chatKeys
	projections  []projection
	stale        bool // memory no longer matches the rows: load before the next batch

	logLimit, trimAt int64 // from the greater of the two on the log is trimmed
	searchEvery      int

	statements  *statements
	held        held
	deadLetters bulk
	holes       bulk
	passedFrom  uint64 // where the hole begins that ends at the checkpoint; 0 for none
	batch       []*fact
	pool        []fact
}

// Applied counts what a batch did.
type Applied struct {
	Events      int // applied for the first time
	Redelivered int // at or below the checkpoint
	Duplicates  int // the same event appended again
	DeadLetters int

	firstDead     uint64
	firstDeadTime time.Time
}

// NewApplier reads the state the next batch needs. A database of another stream
// or another program is an error; see schema.Checkpoint for what is compared.
func NewApplier(ctx context.Context, db *schema.DB, cfg ApplierConfig) (*Applier, error) {
	return newApplier(ctx, db, cfg, definitions)
}

func newApplier(ctx context.Context, db *schema.DB, cfg ApplierConfig, defs []definition) (*Applier, error) {
	a := &Applier{db: db, cfg: cfg, defs: defs, stale: true, logLimit: logLimit, searchEvery: searchEvery, statements: newStatements(db)}
	a.held.totals.most, a.held.sessions.most = maxHeldTotals, maxHeldSessions
	if cfg.Crash == nil {
		a.cfg.Crash = func(string) {}
	}
	print, err := Fingerprint(cfg.DefaultChannel)
	if err != nil {
		return nil, err
	}
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	if c == (schema.Checkpoint{}) {
		c = schema.Checkpoint{
			StreamID: cfg.Identity.ID, StreamCreatedMS: cfg.Identity.Created.UnixMilli(),
			Fingerprint: print, DefaultChannel: cfg.DefaultChannel,
		}
	}
	switch {
	case c.Fingerprint != print:
		return nil, fmt.Errorf("projector: %s: %w", db.Path(), ErrOtherProgram)
	case c.StreamID != cfg.Identity.ID:
		return nil, fmt.Errorf("projector: %s: %w", db.Path(), ErrOtherStream)
	}
	if err := checkChannel(ctx, db, cfg.Channel); err != nil {
		return nil, err
	}
	a.checkpoint = c
	return a, a.load(ctx)
}

// Checkpoint is the last message applied.
func (a *Applier) Checkpoint() schema.Checkpoint { return a.checkpoint }

// load brings memory in line with the rows, as they are after the last commit.
func (a *Applier) load(ctx context.Context) error {
	c, err := schema.ReadCheckpoint(ctx, a.db)
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if c != (schema.Checkpoint{}) {
		a.checkpoint = c
	}
	a.positions = newPositions()
	a.chatKeys.reset()
	a.deadLetters = bulk{
		head: "INSERT INTO dead_letters (seq, subject, msg_id, stream_time_ms, reason_class, reason, payload) VALUES", cols: 7,
	}
	a.holes = bulk{
		head: "INSERT INTO stream_holes (first_seq, last_seq) VALUES", tail: "ON CONFLICT (first_seq) DO UPDATE SET last_seq = excluded.last_seq", cols: 2,
	}
	if err := a.loadHole(ctx); err != nil {
		return err
	}
	if err := a.observations.load(ctx, a.db); err != nil {
		return fmt.Errorf("projector: load: %w", err)
	}
	if err := a.parts.load(ctx, a.db); err != nil {
		return fmt.Errorf("projector: load: %w", err)
	}
	a.projections = a.projections[:0]
	for _, d := range a.defs {
		p := d.make()
		if err := p.load(ctx, a.db); err != nil {
			return fmt.Errorf("projector: load projection %s: %w", d.name, err)
		}
		a.projections = append(a.projections, p)
	}
	a.stale = false
	return nil
}

// refresh reads memory from the rows again where it no longer matches them. What is
// held back is no row yet, so it is settled before.
func (a *Applier) refresh(ctx context.Context) error {
	if !a.stale {
		return nil
	}
	if err := a.Settle(ctx); err != nil {
		return err
	}
	return a.load(ctx)
}

// Apply applies the items in one transaction that also moves the checkpoint. If
// it fails nothing has happened, and it can be called again. An event that
// cannot be applied is no failure: it becomes a dead letter.
func (a *Applier) Apply(ctx context.Context, items []Item) (Applied, error) {
	rejected := map[uint64]Failure{}
	for {
		if err := a.refresh(ctx); err != nil {
			return Applied{}, err
		}
		res, err := a.attempt(ctx, items, rejected)
		if err == nil {
			return res, nil
		}
		// A projection may have rejected the event half way: start the batch again
		// from the rows, with this event set aside.
		var fe *foldError
		if !errors.As(err, &fe) {
			return Applied{}, err
		}
		if _, again := rejected[fe.seq]; again {
			return Applied{}, fmt.Errorf("projector: seq=%d is rejected twice: %w", fe.seq, err)
		}
		rejected[fe.seq] = fe.failure
	}
}

func (a *Applier) attempt(ctx context.Context, items []Item, rejected map[uint64]Failure) (res Applied, err error) {
	a.cfg.Crash(crashBeforeBegin)
	tx, err := a.statements.begin(ctx)
	if err != nil {
		return res, fmt.Errorf("projector: begin: %w", err)
	}
	finished := false
	defer func() {
		if !finished {
			a.stale = true
			a.held.abandon()
			err = errors.Join(err, rollback(tx))
		}
	}()
	if err := a.agree(ctx, tx); err != nil {
		return res, err
	}
	next := a.checkpoint
	if err := a.gather(ctx, tx, items, rejected, &next, &res); err != nil {
		return res, err
	}
	if next.Seq == a.checkpoint.Seq {
		finished = true
		return res, rollback(tx)
	}
	if err := a.fold(ctx, tx, &res); err != nil {
		return res, err
	}
	if err := a.flush(ctx, a.writer(tx), next); err != nil {
		return res, err
	}
	a.cfg.Crash(crashBeforeCommit)
	if err := tx.Commit(); err != nil {
		return res, fmt.Errorf("projector: commit checkpoint %d: %w", next.Seq, err)
	}
	finished = true
	if a.cfg.Loading {
		a.held.committed()
	}
	a.cfg.Crash(crashAfterCommit)
	a.checkpoint, a.passedFrom = next, 0
	a.trimLog(ctx)
	return res, nil
}

func (a *Applier) writer(tx *transaction) *writer {
	w := &writer{tx: tx, loading: a.cfg.Loading, searchEvery: a.searchEvery}
	if w.loading {
		w.held = &a.held
	}
	return w
}

// logLimit is how large the database's log may grow before its end is enforced:
// several times what it has while nobody reads.
const logLimit = 64 << 20

// trimLog keeps the log from growing for as long as there is always somebody who
// reads. Where somebody reads for long it is tried again when there is more.
func (a *Applier) trimLog(ctx context.Context) {
	if a.db.LogSize() < max(a.trimAt, a.logLimit) {
		return
	}
	// A disk that fails here fails at the next batch too, and is told of then.
	_ = a.db.TrimLog(ctx)
	a.trimAt = a.db.LogSize() + a.logLimit/2
}

// agree makes sure that the rows are those that memory stands for.
func (a *Applier) agree(ctx context.Context, q schema.Queryer) error {
	c, err := schema.ReadCheckpoint(ctx, q)
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if c.Seq != a.checkpoint.Seq || c.MsgID != a.checkpoint.MsgID {
		return fmt.Errorf("projector: the checkpoint is seq=%d, the last one written was seq=%d: %w", c.Seq, a.checkpoint.Seq, ErrReplaced)
	}
	return nil
}

// gather turns the items into facts: what was applied before is left out, what
// was numbered twice too, and parts become wholes.
func (a *Applier) gather(ctx context.Context, q schema.Queryer, items []Item, rejected map[uint64]Failure, next *schema.Checkpoint, res *Applied) error {
	if err := a.positions.prepare(ctx, q, items); err != nil {
		return fmt.Errorf("projector: prepare: %w", err)
	}
	a.batch = a.batch[:0]
	if cap(a.pool) < len(items) {
		a.pool = make([]fact, 0, len(items))
	}
	a.pool = a.pool[:0]
	for i := range items {
		it := &items[i]
		seq := it.Msg.Seq
		if seq <= next.Seq {
			res.Redelivered++
			continue
		}
		if seq != next.Seq+1+it.Erased {
			return fmt.Errorf("projector: seq=%d after checkpoint %d: %w", seq, next.Seq, ErrNotContiguous)
		}
		if it.Erased > 0 {
			a.hole(next.Seq+1, seq-1)
		}
		next.Seq, next.TimeMS, next.MsgID = seq, it.Msg.Time.UnixMilli(), it.Msg.MsgID
		a.fill(it)
		others := a.others(it)
		if !a.positions.accept(it) {
			if !others {
				res.Duplicates++
			}
			continue
		}
		part, isPart := it.part()
		if f, bad := rejected[seq]; bad {
			if isPart {
				a.parts.finish(part.Of) // a projection rejected the whole
			}
			if err := a.dead(it, f, res); err != nil {
				return err
			}
			continue
		}
		if it.Failure != nil {
			if others {
				continue
			}
			if err := a.dead(it, *it.Failure, res); err != nil {
				return err
			}
			continue
		}
		e := it.Event
		if isPart {
			whole, failure := a.parts.take(it, part)
			switch {
			case failure != nil && others:
				continue
			case failure != nil:
				if err := a.dead(it, *failure, res); err != nil {
					return err
				}
				continue
			case whole == nil && others:
				continue
			case whole == nil:
				res.Events++
				continue
			}
			whole.Default(next.TimeMS, a.cfg.DefaultChannel)
			// The whole decides, and no part of it.
			e, others = whole, a.othersEvent(whole)
		}
		if others {
			continue
		}
		f := fact{Event: e, seq: seq, streamMS: next.TimeMS, at: e.Observed(), late: a.positions.passed(it)}
		f.producer, f.producerSeq, f.named = events.ParseID(e.ID)
		f.named = f.named || it.timed
		a.pool = append(a.pool, f)
		a.batch = append(a.batch, &a.pool[len(a.pool)-1])
	}
	return nil
}

// fill supplies what an older publisher left out.
func (a *Applier) fill(it *Item) {
	if it.Event != nil {
		it.Event.Default(it.Msg.Time.UnixMilli(), a.cfg.DefaultChannel)
	}
}

func (a *Applier) fold(ctx context.Context, q schema.Queryer, res *Applied) error {
	if err := a.chatKeys.prepare(ctx, q, a.batch); err != nil {
		return fmt.Errorf("projector: prepare: %w", err)
	}
	for i, p := range a.projections {
		if err := p.prepare(ctx, q, a.batch); err != nil {
			return fmt.Errorf("projector: prepare projection %s: %w", a.defs[i].name, err)
		}
	}
	for _, f := range a.batch {
		a.observations.observe(f)
		a.chatKeys.settle(f)
		for i, p := range a.projections {
			if err := safeFold(a.defs[i].name, p, f); err != nil {
				return err
			}
		}
		res.Events++
	}
	return nil
}

func (a *Applier) flush(ctx context.Context, w *writer, next schema.Checkpoint) error {
	for i, p := range a.projections {
		if err := p.flush(ctx, w); err != nil {
			return fmt.Errorf("projector: write projection %s: %w", a.defs[i].name, err)
		}
		a.cfg.Crash(crashAfterRows + a.defs[i].name)
	}
	for _, f := range []func(context.Context, *writer) error{
		a.deadLetters.flush, a.holes.flush, a.parts.flush, a.observations.flush, a.positions.flush,
	} {
		if err := f(ctx, w); err != nil {
			return fmt.Errorf("projector: write: %w", err)
		}
	}
	a.chatKeys.flushed()
	if err := schema.WriteCheckpoint(ctx, w.tx, next); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}

// dead keeps an event that cannot be applied.
func (a *Applier) dead(it *Item, f Failure, res *Applied) error {
	if a.cfg.Allow != nil && !a.cfg.Allow(it.Msg.Seq, f) {
		return &NewFailureError{Seq: it.Msg.Seq, Subject: it.Msg.Subject, Failure: f}
	}
	if res.DeadLetters == 0 {
		res.firstDead, res.firstDeadTime = it.Msg.Seq, it.Msg.Time
	}
	res.DeadLetters++
	a.deadLetters.add(int64(it.Msg.Seq), it.Msg.Subject, it.Msg.MsgID, it.Msg.Time.UnixMilli(), f.Class, f.Reason, append([]byte{}, it.Msg.Data...))
	return nil
}

// rollback gives up a transaction. One whose context ended is given up already.
func rollback(tx interface{ Rollback() error }) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("projector: roll back: %w", err)
	}
	return nil
}
