package replay

import (
	"path/filepath"
	"testing"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// An operator's rebuild may end just when the next attempt of the supervisor's own
// begins: the tables are what they should be, and projected in.
func TestSupervisor_AnAttemptAfterSomebodyElseRemadeTheTables(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, err := NewSupervisor(t.Context(), SupervisorConfig{Projector: projector.Config{
		Stream: env.Stream, Store: schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}, DefaultChannel: "test",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	projects := s.present()
	if projects == nil {
		t.Fatal("tables that need no remaking are not projected in")
	}
	if _, again := s.remakeOnce(t.Context(), 1); again {
		t.Error("it is to be tried again")
	}
	if s.present() != projects {
		t.Error("another projection was begun beside the one there is")
	}
}
