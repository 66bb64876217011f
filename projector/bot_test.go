package projector

import (
	"strconv"
	"testing"
	"time"
)

// Each row: producer, connected, joined, last observed and disconnected in
// seconds from the epoch, and why it ended.
func TestBot_Coverage(t *testing.T) {
	t.Parallel()
	const s = time.Second
	const query = `SELECT producer, (connected_ms - 1700000000000) / 1000, (joined_ms - 1700000000000) / 1000, (last_observed_ms - 1700000000000) / 1000,
		(disconnected_ms - 1700000000000) / 1000, reason FROM bot_sessions ORDER BY seq`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"connected", []step{arrived(), after(5 * s), counts(1, 1)}, []string{"A 0 0 5 - -"}},
		{"never joined", []step{started("", 0), connected(), after(3 * s), disconnected("password")}, []string{"A 0 - 0 3 password"}},
		{"disconnected", []step{arrived(), after(5 * s), counts(1, 1), after(2 * s), disconnected("lost")}, []string{"A 0 0 5 7 lost"}},
		{"dead before it was noticed", []step{arrived(), after(50 * s), disconnectedSince(30 * s)}, []string{"A 0 0 20 50 silence"}},
		{"a last moment in the future is none", []step{arrived(), after(5 * s), counts(1, 1), disconnectedSince(-50 * s)}, []string{"A 0 0 5 5 silence"}},
		{"twice", []step{arrived(), after(5 * s), disconnected("lost"), after(5 * s), reconnected()}, []string{"A 0 0 0 5 lost", "A 10 10 10 - -"}},
		{"stopped", []step{arrived(), after(5 * s), stopped()}, []string{"A 0 0 0 5 signal"}},
		{"crashed", []step{arrived(), after(5 * s), counts(1, 1), after(50 * s), becoming("A2"), started("A", 5)}, []string{"A 0 0 5 - lost"}},
		{"connected again without a word", []step{arrived(), after(5 * s), reconnected()}, []string{"A 0 0 0 - lost", "A 5 5 5 - -"}},
		{"two recorders", []step{arrived(), by("B", connected()), after(5 * s), disconnected("lost")}, []string{"A 0 0 0 5 lost", "B 0 - 0 - -"}},
		{"an end without a beginning", []step{disconnected("lost"), botJoined(), stopped()}, nil},
		{"a clock put right", []step{arrived(), after(1e6 * s), counts(1, 1), after(-1e6 * s), counts(1, 1)}, []string{"A 0 0 0 - -"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "coverage", query, tt.want...)
		})
	}
}

// What is counted and has no natural key is kept from counting twice by its
// number alone.
func TestPositions_ASecondCopyIsNotApplied(t *testing.T) {
	t.Parallel()
	db := projected(t, arrived("bob"), joined("ann"), again(1), left("ann"), again(1), again(3))
	wantRows(t, db, "users", "SELECT username, joins FROM user_stats ORDER BY username", "ann 1", "bob 0")
	wantRows(t, db, "actions", "SELECT username, action FROM user_actions ORDER BY seq", "ann join", "ann leave")
}

func TestPositions_Situations(t *testing.T) {
	t.Parallel()
	const query = `SELECT producer, first_seq, last_seq, events, duplicates, gaps FROM producer_positions ORDER BY producer`
	say := counts(1, 1)
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"without holes", []step{say, say, say}, []string{"A 1 3 3 0 []"}},
		{"a gap", []step{say, skip(2), say}, []string{"A 1 4 2 0 [[2,3]]"}},
		{"a gap at the beginning", []step{skip(2), say}, []string{"A 3 3 1 0 [[1,2]]"}},
		{"two gaps", []step{say, skip(1), say, skip(3), say}, []string{"A 1 7 3 0 [[2,2],[4,6]]"}},
		{"a late arrival at a gap's beginning", []step{say, skip(3), say, numbered(2, say)}, []string{"A 1 5 3 0 [[3,4]]"}},
		{"at its end", []step{say, skip(3), say, numbered(4, say)}, []string{"A 1 5 3 0 [[2,3]]"}},
		{"in its middle", []step{say, skip(3), say, numbered(3, say)}, []string{"A 1 5 3 0 [[2,2],[4,4]]"}},
		{"all of it", []step{say, skip(1), say, numbered(2, say)}, []string{"A 1 3 3 0 []"}},
		{"a second copy", []step{say, say, again(1), again(3)}, []string{"A 1 2 2 2 []"}},
		{"a second copy of a late arrival", []step{say, skip(1), say, numbered(2, say), numbered(2, say)}, []string{"A 1 3 3 1 []"}},
		{"an erased event is a gap", []step{say, erased(say), say}, []string{"A 1 3 2 0 [[2,2]]"}},
		{"two producers", []step{say, by("B", say), say}, []string{"A 1 2 2 0 []", "B 1 1 1 0 []"}},
		{"nobody numbers", []step{by("", say)}, nil},
		{"an event that cannot be read has its place", []step{say, skip(1), func(s *script) {
			s.store("rosey.db.message.log", "A-2", []byte("{"))
		}, say}, []string{"A 1 3 3 0 []"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "positions", query, tt.want...)
		})
	}
}

func TestPositions_KnowTheRunBefore(t *testing.T) {
	t.Parallel()
	db := projected(t, arrived(), after(time.Second), becoming("A2"), started("A", 9), counts(1, 1))
	wantRows(t, db, "positions", `SELECT producer, channel, first_ms - 1700000000000, last_ms - 1700000000000, previous, previous_seq
		FROM producer_positions ORDER BY producer`, "A tv 0 0 '' 0", "A2 tv 1000 1000 A 9")
}

// More producers than memory keeps between batches.
func TestPositions_OfMoreProducersThanMemoryKeeps(t *testing.T) {
	t.Parallel()
	var steps []step
	for round := range 2 {
		for i := range maxKnown + 10 {
			steps = append(steps, by("p"+strconv.Itoa(i), counts(int64(round), 1)))
		}
	}
	db := projectedIn(t, 700, steps...)
	wantRows(t, db, "positions", "SELECT count(*), min(events), max(events), sum(duplicates) FROM producer_positions", "1034 2 2 0")
}
