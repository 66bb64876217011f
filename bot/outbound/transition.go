package outbound

import "time"

// moves lists to which states a message may go from each. What another's proof or
// a person decides is apart: see allowed.
var moves = map[State][]State{
	// Over before it was sent: it is too long, or somebody else tried it, or it had been
	// sent before the bucket was put back to an older state.
	Queued: {Claimed, Cancelled, Sent, Failed, Abandoned, Unknown},
	// Its holder gives it back, goes on, or says what became of it.
	Claimed: {Queued, Sending, Sent, Failed, Abandoned, Unknown},
	// Queued only where it is known not to have been shown.
	Sending: {Queued, Sent, Failed, Abandoned, Unknown},
	// A proof that comes late, and the word of another.
	Unknown: {Sent, Failed},
	// That it was shown counts more than whatever was thought before.
	Failed:    {Sent},
	Abandoned: {Sent},
	Cancelled: {Sent},
	// Sent stays sent.
	Sent: nil,
}

// retryable are the states from which a person may send a message again.
var retryable = map[State]bool{Failed: true, Abandoned: true, Unknown: true}

// allowed reports whether a message may go to a state at that time.
func allowed(m Message, to State, now time.Time) bool {
	if m.State == Claimed && (to == Claimed || to == Cancelled) {
		// Only after the lease: until then its holder may be sending it.
		return m.Due(now)
	}
	for _, s := range moves[m.State] {
		if s == to {
			return true
		}
	}
	return false
}

// callerPrefix begins the holder of what a program fetched to send it itself.
const callerPrefix = "caller:"

// retryWaits are the pauses after the first, second and third attempt that failed
// for a reason which may pass.
var retryWaits = []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute}

// NextAttempt is when a message is tried again after so many attempts, the last of
// them at that time. It reports false when it was tried often enough.
func NextAttempt(attempts int, last time.Time) (time.Time, bool) {
	if attempts > len(retryWaits) {
		return time.Time{}, false
	}
	return last.Add(retryWaits[max(attempts, 1)-1]), true
}
