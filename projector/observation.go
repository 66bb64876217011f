package projector

import (
	"context"
	"database/sql"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// observation is who records a channel and whether it is being observed.
type observation struct {
	leader    string
	term      int64 // the greatest so far
	leased    bool  // the leader holds the lease of that term
	sinceMS   int64
	ended     bool
	successor string

	observing    bool
	lastMS       int64 // last moment observed
	suspendedSeq uint64
	suspendedMS  int64
	connectedSeq uint64
	dirty        bool
}

// observations keeps one for each channel.
type observations struct {
	channels map[string]*observation
}

const observationColumns = "leader, term, leased, since_ms, ended, successor, observing, last_observed_ms, suspended_seq, suspended_ms, connected_seq"

func (o *observations) load(ctx context.Context, q schema.Queryer) error {
	o.channels = map[string]*observation{}
	return each(ctx, q, func(r *sql.Rows) error {
		var channel string
		var ob observation
		if err := r.Scan(&channel, &ob.leader, &ob.term, &ob.leased, &ob.sinceMS, &ob.ended, &ob.successor, &ob.observing, &ob.lastMS,
			&ob.suspendedSeq, &ob.suspendedMS, &ob.connectedSeq); err != nil {
			return err
		}
		o.channels[channel] = &ob
		return nil
	}, "SELECT channel, "+observationColumns+" FROM channel_observation")
}

func (o *observations) flush(ctx context.Context, w *writer) error {
	b := &bulk{
		head: "INSERT INTO channel_observation (channel, " + observationColumns + ") VALUES", cols: 12,
		tail: upsert("channel", observationColumns),
	}
	for _, channel := range sortedKeys(o.channels) {
		ob := o.channels[channel]
		if !ob.dirty {
			continue
		}
		ob.dirty = false
		b.add(channel, ob.leader, ob.term, boolean(ob.leased), ob.sinceMS, boolean(ob.ended), ob.successor, boolean(ob.observing), ob.lastMS,
			int64(ob.suspendedSeq), ob.suspendedMS, int64(ob.connectedSeq))
	}
	return b.flush(ctx, w)
}

// observe works out, before the projections see the event, who leads and
// whether the observation of the channel ended or began again with it.
func (o *observations) observe(f *fact) {
	if f.Kind.Operator() {
		return // it is about the stream, and no channel's
	}
	ob := o.channels[f.Channel]
	if ob == nil {
		ob = &observation{}
		o.channels[f.Channel] = ob
	}
	switch p := f.Payload.(type) {
	case *events.BotRecording:
		ob.claim(f, p)
	case *events.BotStarted:
		// The leader's successor on the same spool: the leader is gone, whether or
		// not it said so.
		if p.Previous != "" && p.Previous == ob.leader {
			ob.suspend(f)
			f.watch.lost = !ob.ended
			ob.ended, ob.successor, ob.dirty = true, f.producer, true
		}
	}
	f.leading = ob.leader == "" || ob.leader == f.producer
	if !f.leading {
		return
	}
	switch p := f.Payload.(type) {
	case *events.BotConnected:
		ob.suspend(f)
		ob.connectedSeq, ob.dirty = f.seq, true
	case *events.BotDisconnected:
		if p.ObservedMS > ob.lastMS && p.ObservedMS <= f.at && ob.observing {
			ob.lastMS, ob.dirty = p.ObservedMS, true
		}
		ob.suspend(f)
	case *events.BotStopped:
		ob.suspend(f)
		ob.ended, ob.dirty = true, true
	case *events.UserRoster:
		ob.resume(f)
	case *events.UserJoined, *events.UserLeft:
		// Publishers that send no rosters are observing as long as they talk.
		if !ob.observing {
			ob.observing, ob.dirty = true, true
		}
	}
	f.watch.connectedSeq = ob.connectedSeq
	if at := f.latest(ob.lastMS); ob.observing && observes(f.Kind) && at != ob.lastMS {
		ob.lastMS, ob.dirty = at, true
	}
	if !f.watch.suspended && !f.watch.resumed {
		f.watch.lastMS = ob.lastMS
	}
}

// leaseMS is how long a lease outlives its last renewal: a leader that was
// silent for longer holds none.
var leaseMS = streams.LeaseTTL.Milliseconds()

// claim gives the lead to a producer that says it leads, if it does. Spools drain
// late, so a claim can be older than the leader's own: the order of the stream
// does not decide.
func (ob *observation) claim(f *fact, p *events.BotRecording) {
	leader := f.producer
	if p.Producer != "" {
		leader = p.Producer
	}
	if leader == ob.leader {
		if p.Term > ob.term || p.Term > 0 && !ob.leased {
			ob.term, ob.leased, ob.dirty = max(p.Term, ob.term), true, true
		}
		return
	}
	last := max(ob.lastMS, ob.sinceMS)
	silent := f.at > last+leaseMS
	var yields bool
	switch {
	case ob.leader == "", leader == ob.successor:
		yields = true
	case p.Term > 0:
		// The lease decides. Its holder says so again from time to time, so that one
		// who was followed by mistake is not followed for long.
		yields = p.Term > ob.term || p.Term == ob.term && !ob.leased || silent
	case ob.ended:
		yields = f.at > last
	default:
		yields = silent
	}
	if !yields {
		return
	}
	// Whoever led said nothing of an end; the next one is not in the channel yet.
	f.watch.lost = ob.leader != "" && ob.observing
	ob.suspend(f)
	ob.leader, ob.term, ob.leased = leader, max(ob.term, p.Term), p.Term > 0
	ob.sinceMS, ob.ended, ob.successor, ob.dirty = f.at, false, "", true
}

// suspend ends the observation at the last moment observed. A channel that is
// not observed already stays as it is: the gap began earlier.
func (ob *observation) suspend(f *fact) {
	if !ob.observing {
		return
	}
	ob.observing, ob.dirty = false, true
	ob.suspendedSeq, ob.suspendedMS = f.seq, ob.lastMS
	f.watch.suspended, f.watch.lastMS = true, ob.lastMS
}

// resume begins the observation with a roster.
func (ob *observation) resume(f *fact) {
	if ob.observing && ob.suspendedSeq == 0 {
		return
	}
	if ob.suspendedSeq != 0 {
		f.watch.gapMS = max(0, f.at-ob.suspendedMS)
		f.watch.lastMS = ob.suspendedMS
	}
	f.watch.resumed = true
	ob.observing, ob.dirty = true, true
	ob.suspendedSeq, ob.suspendedMS = 0, 0
}

// observes reports whether an event of the kind shows that the channel was seen
// at its time. What a bot says of itself, on a timer or after the fact, does not.
func observes(k events.Kind) bool {
	if k.Operator() {
		return false
	}
	switch k {
	case events.KindStatusUpdate, events.KindMarkSent, events.KindMarkFailed,
		events.KindBotStarted, events.KindBotRecording, events.KindBotDisconnected, events.KindBotStopped,
		events.KindBotPart, events.KindBotSetAside:
		return false
	}
	return true
}
