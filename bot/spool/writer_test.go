package spool

import (
	"context"
	"testing"
)

// What nobody waits for costs no transaction of its own where others come.
func TestWriter_PatientChangeSharesTheNextTransaction(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	shared := func() bool {
		var patient, next *state
		asked, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- s.changeSoon(t.Context(), func(state) bool { close(asked); return true },
				func(_ context.Context, _ *session, st *state) error { patient = st; return nil })
		}()
		<-asked
		if err := s.change(t.Context(), func(_ context.Context, _ *session, st *state) error { next = st; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return patient == next // the state of one transaction
	}
	for range 100 { // a machine that is busy may let the patience end first
		if shared() {
			return
		}
	}
	t.Error("a patient change never shared a transaction")
}

func TestWriter_PatienceEnds(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	for _, patient := range []bool{true, false} {
		err := s.changeSoon(t.Context(), func(state) bool { return patient },
			func(context.Context, *session, *state) error { return nil })
		if err != nil {
			t.Errorf("patient=%t: %v", patient, err)
		}
	}
}
