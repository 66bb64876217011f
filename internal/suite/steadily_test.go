package suite_test

import (
	"errors"
	"testing"
	"time"

	"rosey/internal/suite"
)

// What a machine that stands still has spoilt is tried again.
func TestSteadily_TriesAgainAfterAStandstill(t *testing.T) {
	t.Parallel()
	tries := 0
	suite.Steadily(t, 0, func() error { // any machine stands still for so long
		if tries++; tries < 3 {
			return errors.New("spoilt")
		}
		return nil
	})
	if tries != 3 {
		t.Errorf("tried %d times, want 3", tries)
	}
}

// A failure on a machine that went on is one.
func TestSteadily_AFailureIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	tries := 0
	failed := &failing{TB: t}
	func() {
		defer func() { _ = recover() }()
		suite.Steadily(failed, time.Hour, func() error {
			tries++
			return errors.New("it does not hold")
		})
	}()
	if tries != 1 || !failed.fatal {
		t.Errorf("tried %d times; a failure of the test: %t", tries, failed.fatal)
	}
}

// failing notes that a test would have failed.
type failing struct {
	testing.TB
	fatal bool
}

func (f *failing) Helper() {}

func (f *failing) Fatal(...any) {
	f.fatal = true
	panic("the test ends here")
}
