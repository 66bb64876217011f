package outbound

import (
	"testing"
	"testing/synctest"
	"time"
)

// The clock in here moves only while everybody waits: no machine is too slow.
func TestBoard_WaitsForWhatWasWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, boardWaits)
}

func boardWaits(t *testing.T) {
	b := newBoard()
	if b.upTo(t.Context(), 0) {
		t.Error("it answers before it has caught up")
	}
	one := Message{ID: 1, Channel: "c", State: Queued, Revision: 5, Position: 5}
	b.note(Change{Message: one})
	b.note(Change{CaughtUp: true})
	if since := time.Now(); !b.upTo(t.Context(), 5) || time.Since(since) > 0 {
		t.Error("what was seen is waited for")
	}
	go b.note(Change{Message: Message{ID: 2, Channel: "c", State: Queued, Revision: 7, Position: 7}})
	if !b.upTo(t.Context(), 7) || len(b.unfinished()) != 2 {
		t.Errorf("unfinished: %v", b.unfinished())
	}
	// A revision that was erased never comes. That is waited for once.
	if !b.upTo(t.Context(), 9) {
		t.Error("without an answer after a revision that was erased")
	}
	if since := time.Now(); !b.upTo(t.Context(), 9) || time.Since(since) >= boardPatience {
		t.Error("waited again for what was erased")
	}
	one.State, one.Revision = Cancelled, 10
	b.note(Change{Message: one})
	if list := b.unfinished(); len(list) != 1 || list[0].ID != 2 {
		t.Errorf("unfinished: %v", list)
	}
	b.note(Change{Removed: true, Message: Message{ID: 2, Channel: "c", Revision: 11}})
	if list := b.unfinished(); len(list) != 0 {
		t.Errorf("unfinished: %v", list)
	}
	b.note(Change{Restarted: true})
	if b.upTo(t.Context(), 1) {
		t.Error("it answers although everything comes anew")
	}
}

func TestBoard_TellsThoseWhoWait(t *testing.T) {
	t.Parallel()
	b := newBoard()
	changed, leave := b.attend(keyOf("c", 1))
	other, leaveOther := b.attend(keyOf("c", 2))
	defer leaveOther()
	again, leaveAgain := b.attend(keyOf("c", 1))
	defer leaveAgain()
	b.note(Change{Message: Message{ID: 1, Channel: "c", State: Sent, Revision: 1}})
	b.note(Change{Message: Message{ID: 1, Channel: "c", State: Sent, Revision: 2}})
	<-changed
	<-again
	select {
	case <-other:
		t.Error("a change of another was told")
	default:
	}
	leave()
	b.note(Change{Restarted: true}) // then everybody has to look
	<-other
	<-again
	select {
	case <-changed:
		t.Error("told who had left")
	default:
	}
}
