package bot

import (
	"context"
	"sync"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

const (
	// roomEvery is how often a full spool is asked whether it has room again.
	roomEvery = 100 * time.Millisecond
	// tellFullEvery is how often the log repeats that nothing is recorded.
	tellFullEvery = time.Minute
)

// heard is an item and the visit to the channel in which it was heard.
type heard struct {
	visit uint64
	item  cytube.Item
}

// fullness is whether the spool is full, and what follows from it.
//
// What does not fit any more is not recorded, and the stream says so: the
// observation ends with the last event that was committed. So the bot leaves the
// channel at once, and what of that visit still comes is counted and let go.
type fullness struct {
	mu      sync.Mutex
	since   time.Time     // zero while there is room
	changed chan struct{} // closed when since changes; nil where nobody waits
	lost    uint64        // frames that were read and not recorded, in all

	visit  uint64             // the present visit, or the last one
	begun  time.Time          // when it began
	leave  context.CancelFunc // ends it; nil between visits
	ended  uint64             // no item of this visit or an earlier one is recorded
	lastMS int64              // when the last event that was committed was received
}

// arrive begins a visit, which leave may end.
func (f *fullness) arrive(now time.Time, leave context.CancelFunc) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.visit++
	f.begun, f.leave = now, leave
	return f.visit
}

func (f *fullness) left() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave = nil
}

// is reports whether the spool is full, and since when.
func (f *fullness) is() (since time.Time, full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.since, !f.since.IsZero()
}

// watch is is, with a channel that is closed when the answer changes.
func (f *fullness) watch() (since time.Time, full bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.since, !f.since.IsZero(), f.changed
}

// set notes since when the spool is full. The caller holds f.mu.
func (f *fullness) set(since time.Time) {
	f.since = since
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// drops reports whether an item came in a visit that a full spool has ended, and
// counts it.
func (f *fullness) drops(h heard) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.visit > f.ended {
		return false
	}
	switch h.item.(type) {
	case cytube.Frame, cytube.Unreadable:
		f.lost++
	}
	return true
}

// kept notes the last event that was committed.
func (f *fullness) kept(e *events.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastMS = max(f.lastMS, e.ReceivedMS)
}

// begin notes that events did not fit. It reports whether that ends a visit: the
// first time only, and not where the bot is not in the channel.
func (f *fullness) begin(now time.Time, evs []*events.Event) (first, visiting bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range evs {
		if e.PlatformData != nil {
			f.lost++
		}
	}
	first = f.since.IsZero()
	if first {
		f.set(now)
	}
	visiting = f.leave != nil && f.ended < f.visit
	f.ended = f.visit
	if f.leave != nil {
		f.leave()
	}
	return first, visiting
}

// full ends the observation because the spool takes no more: it says so in the
// space reserved for that, and leaves the channel.
func (r *Recorder) full(ctx context.Context, evs []*events.Event, cause error) error {
	now := r.cfg.Now()
	first, visiting := r.fullness.begin(now, evs)
	if first {
		r.log.Error("the spool is full: the bot leaves the channel and records nothing until there is room",
			"events", r.keeper.Depth().Events, "bytes", r.keeper.Depth().Bytes, "err", cause)
	}
	if !visiting {
		return nil
	}
	r.fullness.mu.Lock()
	observed := time.UnixMilli(r.fullness.lastMS)
	r.fullness.mu.Unlock()
	return r.putReserved(ctx, r.translate(func(t *Translator) []*events.Event { return t.SpoolFull(now, observed) }))
}

// putReserved commits what a full spool still has room for. Should even that be
// used up, the log is the only place left to say it.
func (r *Recorder) putReserved(ctx context.Context, evs []*events.Event) error {
	return r.keep(ctx, evs, func(err error) error {
		r.log.Error("the full spool could not be told of in the spool", "kind", string(evs[0].Kind), "err", err)
		return nil
	}, r.keeper.PutReserved)
}

// watchRoom ends each time without room when the spool takes events again, until
// the context ends. It does so for a bot that stands by as well: whether there is
// room decides whether it asks to record.
func (r *Recorder) watchRoom(ctx context.Context) {
	for ctx.Err() == nil {
		since, full, changed := r.fullness.watch()
		if full {
			r.untilRoom(ctx, since)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// untilRoom waits until the spool takes events, and not too soon after the last
// visit began: a channel is not to see the bot come and go all the time.
func (r *Recorder) untilRoom(ctx context.Context, since time.Time) {
	told := time.Now()
	for !r.keeper.Room() || time.Since(r.fullness.began()) < r.cfg.RejoinAfter {
		if !pause(ctx, roomEvery) {
			return
		}
		if time.Since(told) >= tellFullEvery {
			told = time.Now()
			depth := r.keeper.Depth()
			r.log.Error("the spool is full: nothing is recorded", "since", since.UTC().Format(time.RFC3339),
				"events", depth.Events, "bytes", depth.Bytes, "frames_not_recorded", r.fullness.over(false))
		}
	}
	r.log.Info("the spool has room again: the bot may go back to the channel", "since", since.UTC().Format(time.RFC3339),
		"frames_not_recorded", r.fullness.over(true))
}

// awaitRoom waits until watchRoom has found room. It reports false when the
// context ends first.
func (r *Recorder) awaitRoom(ctx context.Context) bool {
	for {
		_, full, changed := r.fullness.watch()
		if !full {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

func (f *fullness) began() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// over returns how many frames were lost so far, and ends the episode if it is.
func (f *fullness) over(ended bool) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ended {
		f.set(time.Time{})
	}
	return f.lost
}

// announce puts what begins or ends a run: where the spool is full, into the
// space reserved for telling so.
func (r *Recorder) announce(ctx context.Context, evs []*events.Event) error {
	return r.keep(ctx, evs, func(err error) error {
		r.fullness.begin(r.cfg.Now(), nil)
		r.log.Error("the spool is full: nothing is recorded until there is room", "bytes", r.keeper.Depth().Bytes, "err", err)
		return r.putReserved(ctx, evs)
	}, r.keeper.Put)
}
