package streams

import (
	"fmt"
	"strings"
)

// Bounds of what is taken for erased on purpose where somebody still has it. Who
// erases takes single messages. A store that is damaged loses a block, which is a range
// of sequences and megabytes, and lists it as erased: what still has it may be the only
// other copy.
const (
	// ManyErased is how many messages there are, at most.
	ManyErased = 1000
	// ManyAdjacent is how many of them are one after the other, at most.
	ManyAdjacent = 16
	// manyAdjacentBytes is what these hold, at most, where that is known; a single one is
	// as large as it may be.
	manyAdjacentBytes = 1 << 20
)

// Erasure is a run of sequences that the stream lists as erased, and what somebody
// else, an archive or the tables, still has of it.
type Erasure struct {
	First, Last uint64
	Messages    uint64
	Bytes       uint64 // 0 where that is not known
}

// long reports whether it is rather what a damaged store has lost.
func (e Erasure) long() bool {
	return e.Messages > ManyAdjacent || e.Messages > 1 && e.Bytes > manyAdjacentBytes
}

// Erasures are several, in order.
type Erasures []Erasure

// Messages is how many messages they come to.
func (e Erasures) Messages() (n uint64) {
	for _, r := range e {
		n += r.Messages
	}
	return n
}

// Long are those that are rather what a damaged store has lost.
func (e Erasures) Long() (long Erasures) {
	for _, r := range e {
		if r.long() {
			long = append(long, r)
		}
	}
	return long
}

// Many reports whether they look like a loss, and not like what somebody erased.
func (e Erasures) Many() bool { return e.Messages() > ManyErased || len(e.Long()) > 0 }

// namedRuns is how many runs are named.
const namedRuns = 10

// String names the first of the runs.
func (e Erasures) String() string {
	var parts []string
	for _, r := range e[:min(len(e), namedRuns)] {
		if r.First == r.Last {
			parts = append(parts, fmt.Sprintf("seq=%d", r.First))
			continue
		}
		parts = append(parts, fmt.Sprintf("seq=%d to seq=%d", r.First, r.Last))
	}
	text := strings.Join(parts, ", ")
	if n := len(e) - namedRuns; n > 0 {
		text += fmt.Sprintf(" and %d more runs", n)
	}
	return text
}

// Describe says how many messages they come to, and where: of many, those that lie one
// after the other.
func (e Erasures) Describe() string {
	n := e.Messages()
	if long := e.Long(); len(long) > 0 {
		return fmt.Sprintf("%d, of which one after the other %s", n, long)
	}
	return fmt.Sprintf("%d, %s", n, e)
}
