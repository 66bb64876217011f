package model

// observation is who records a channel, and since when it is not observed.
type observation struct {
	leader    string
	term      int64 // the greatest so far
	leased    bool
	sinceMS   int64
	ended     bool
	successor string

	observing    bool
	lastMS       int64
	suspendedSeq int64
	suspendedMS  int64
	connectedSeq int64
}

// watch is what an event says about the observation of its channel.
type watch struct {
	*observation
	// leading: it comes from the producer whose presence, counts and media count.
	leading bool
	// suspended: the observation ended with it; lastMS was the last moment.
	suspended bool
	// resumed: a roster, after the observation had ended.
	resumed bool
	// gapFromMS: the last moment observed before that.
	gapFromMS int64
	// lost: the leader had not said that it would go.
	lost bool
}

// leaseMS is how long a lease outlives its last renewal: fifteen seconds.
const leaseMS = 15_000

// observe works out who leads, and whether the channel is observed.
func (m *Model) observe(e *event) watch {
	ob := m.watched[e.channelName]
	if ob == nil {
		ob = &observation{}
		m.watched[e.channelName] = ob
	}
	w := watch{observation: ob}
	switch e.kind {
	case "bot.started":
		// The next run on the same spool shows that the leader is gone.
		if p := e.text("previous"); p != "" && p == ob.leader {
			w.suspended, w.lost = ob.suspend(e), !ob.ended
			ob.ended, ob.successor = true, e.producer
		}
	case "bot.recording":
		was := ob.leader
		w.suspended = ob.claim(e)
		// Whoever led said nothing of an end.
		w.lost = w.suspended && was != ""
	}
	// Where nobody has claimed the lead yet, everybody has it.
	w.leading = ob.leader == "" || ob.leader == e.producer
	if !w.leading {
		return w
	}
	switch e.kind {
	case "bot.connected":
		w.suspended = ob.suspend(e)
		ob.connectedSeq = e.seq
	case "bot.disconnected":
		// The line may have lived on after the last event; a moment that is still
		// to come is none.
		if at := e.integer("observed_ms"); ob.observing && at > 0 && at <= e.at {
			ob.lastMS = max(ob.lastMS, at)
		}
		w.suspended = ob.suspend(e)
	case "bot.stopped":
		w.suspended = ob.suspend(e)
		ob.ended = true
	case "user.roster":
		w.resumed = !ob.observing || ob.suspendedSeq != 0
		w.gapFromMS = ob.suspendedMS
		ob.observing, ob.suspendedSeq, ob.suspendedMS = true, 0, 0
	}
	// Who comes and goes shows that somebody looks, also before the roster, which
	// alone says who else is there, and for publishers that send none.
	if e.kind == "user.joined" || e.kind == "user.left" {
		ob.observing = true
	}
	if ob.observing && observes(e.kind) {
		ob.lastMS = e.latest(ob.lastMS)
	}
	return w
}

// latest is the last moment observed. The latest word of a recorder counts, not
// the greatest, because its clock may have been put right; one that comes late
// does not take it back.
func (e *event) latest(before int64) int64 {
	if e.late {
		return max(before, e.at)
	}
	return e.at
}

// suspend ends the observation, unless it has ended before.
func (ob *observation) suspend(e *event) bool {
	if !ob.observing {
		return false
	}
	ob.observing = false
	ob.suspendedSeq, ob.suspendedMS = e.seq, ob.lastMS
	return true
}

// claim decides whether a producer that says so leads. The order of the stream
// does not decide, because spools drain late.
func (ob *observation) claim(e *event) (suspended bool) {
	term := e.integer("term")
	if e.producer == ob.leader {
		// It says so again; a word without a term gives no lease back.
		ob.leased = ob.leased || term > 0
		ob.term = max(ob.term, term)
		return false
	}
	var leads bool
	last := max(ob.sinceMS, ob.lastMS)
	switch {
	case ob.leader == "":
		leads = true
	case term > ob.term, term > 0 && term == ob.term && !ob.leased:
		leads = true // it holds the lease
	case e.producer == ob.successor:
		leads = true
	case ob.ended && term == 0:
		leads = e.at > last // a claim from before the end is an old one
	default:
		leads = e.at-last > leaseMS // a leader that silent holds no lease
	}
	if !leads {
		return false
	}
	suspended = ob.suspend(e)
	// Also a lease of a lower term is one: terms begin anew with their bucket.
	ob.leader, ob.leased = e.producer, term > 0
	ob.term = max(ob.term, term)
	ob.sinceMS, ob.ended, ob.successor = e.at, false, ""
	return suspended
}

// observes reports whether an event of the kind shows that the channel was seen
// at its time. What a bot says of itself, or after the fact, does not.
func observes(kind string) bool {
	switch kind {
	case "bot.started", "bot.recording", "bot.connected", "bot.disconnected", "bot.stopped", "bot.part", "bot.set_aside",
		"status.update", "messages.outbound.mark_sent", "messages.outbound.mark_failed":
		return false
	}
	return true
}
