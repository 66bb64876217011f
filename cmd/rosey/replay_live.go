package main

import (
	"context"
	"errors"
	"fmt"

	"rosey/replay"
	"rosey/replay/control"
	"rosey/schema"
	"rosey/streams"
)

// heldBy reports which process keeps the store's tables, if any does.
func heldBy(store schema.Store) (pid int, held bool, err error) {
	h, held, err := store.Holder()
	return h.PID, held, err
}

// askHolder lets the process that keeps the tables do the work, and shows how far
// it is. again is the command that was given.
func askHolder(ctx context.Context, conn *streams.Conn, store schema.Store, r replay.Request, show *progress, again string) (replay.Work, error) {
	pid, _, err := heldBy(store)
	if err != nil {
		return replay.Work{}, err
	}
	client := control.Client{Conn: conn, Store: store}
	w, err := client.Do(ctx, r, func(w replay.Work) { show.tell(w.Progress) })
	return w, explainHolder(err, store, pid, again)
}

// explainHolder says what to do about a holder that did not do what it was asked
// for.
func explainHolder(err error, store schema.Store, pid int, again string) error {
	holder := "a process"
	if pid != 0 {
		holder = fmt.Sprintf("process %d", pid)
	}
	var failed *control.FailedError
	var busy *control.BusyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &busy):
		return advise(err, "wait until it is done (`rosey replay` shows a rebuild that is under way), then %s", again)
	case errors.As(err, &failed) && failed.Work.Remedy != "":
		return advise(err, "%s", failed.Work.Remedy)
	case errors.Is(err, control.ErrNoWorker):
		return advise(fmt.Errorf("%s is in use by %s: %w", store.Link, holder, err),
			"wait for it if it is a command at work; start its server if that is gone; stop it if it is an older version of this program. Then %s", again)
	case errors.Is(err, control.ErrGone):
		return advise(fmt.Errorf("%w (%s); the tables are as they were, unless its log says otherwise", err, holder), "%s", again)
	case errors.Is(err, control.ErrUnknown):
		return advise(err, "look at the log of %s; rosey replay --verify says whether the tables are right", holder)
	}
	return err
}
