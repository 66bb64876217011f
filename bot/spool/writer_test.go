package spool

import (
	"context"
	"strings"
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

// A transaction that fails at its very end leaves nothing behind that could be sent:
// its sequences are used by what is put next.
func TestWriter_WhatIsNotCommittedIsNotSent(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	err := s.change(t.Context(), func(ctx context.Context, tx *session, _ *state) error {
		for _, statement := range []string{
			"CREATE TABLE parent (id INTEGER PRIMARY KEY)",
			"CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stream := newMemory()
	stop := startDrain(t, s, stream)
	defer stop()
	put(t, s, said("before"))
	for failed := false; !failed; {
		settle(t, s) // nothing else is to be committed
		asked, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- s.changeSoon(t.Context(), func(state) bool { close(asked); return true },
				func(ctx context.Context, tx *session, _ *state) error {
					_, err := tx.ExecContext(ctx, "INSERT INTO child VALUES (1)") // refused by the commit
					return err
				})
		}()
		select {
		case <-asked:
		case err := <-done: // it shared the transaction that deletes what was sent before
			if err == nil {
				t.Fatal("a commit that breaks the file's rules succeeded")
			}
			continue
		}
		e := said("not committed")
		failed = s.Put(t.Context(), e) != nil // or they shared no transaction
		if err := <-done; err == nil {
			t.Fatal("a commit that breaks the file's rules succeeded")
		}
	}
	put(t, s, said("after"))
	settle(t, s)
	ids := stream.ids()
	checkIDs(t, ids, idsOf(producer, len(ids)))
	if last := stream.messages[len(ids)-1]; !strings.Contains(string(last.Data), `"after"`) {
		t.Errorf("the last event sent is %s", last.Data)
	}
	if got := s.Depth(); got != (Depth{}) {
		t.Errorf("depth is %+v, want nothing", got)
	}
}
