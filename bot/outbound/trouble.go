package outbound

import (
	"errors"
	"sync"

	"rosey/streams"
)

// trouble is what keeps a sender from sending until a person does something.
type trouble struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (t *trouble) now() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// set returns what it was before.
func (t *trouble) set(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.err
	t.err = err
	return before
}

// complain says why the queue cannot be followed. A value that cannot be read may be any
// message, one that is on the wire too, and what lies behind it is not known: nothing is
// sent then, and that is said once, although it is tried again.
func (s *Sender) complain(err error) {
	var lost *streams.UnreadableError
	if !errors.As(err, &lost) {
		s.log.Warn("the queue cannot be followed, trying again", "err", err)
		return
	}
	if !sameTrouble(s.trouble.set(err), err) {
		s.log.Error("nothing is sent: the queue cannot be read", "seq", lost.Seq, "err", err, "next", lost.BucketRemedy())
	}
}

// readable says that all of the queue could be read again.
func (s *Sender) readable() {
	if s.trouble.set(nil) != nil {
		s.log.Info("the queue can be read again: what waits is sent")
	}
}

// sameTrouble reports whether an error was told already, as another: for how long it was
// waited does not matter.
func sameTrouble(told, err error) bool {
	if told == nil {
		return false
	}
	var before, now *streams.UnreadableError
	if errors.As(told, &before) && errors.As(err, &now) {
		return before.Seq == now.Seq && before.Key == now.Key
	}
	return told.Error() == err.Error()
}
