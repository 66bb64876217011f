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
// it is. again is the command that was given, without the flags of where, which say
// what installation it is about.
func askHolder(ctx context.Context, conn *streams.Conn, store schema.Store, r replay.Request, show *progress, again, where string) (replay.Work, error) {
	pid, _, err := heldBy(store)
	if err != nil {
		return replay.Work{}, err
	}
	client := control.Client{Conn: conn, Store: store}
	w, err := client.Do(ctx, r, func(w replay.Work) { show.tell(w.Progress) })
	return w, explainHolder(err, store, pid, again+where, where)
}

// rebuildCommand is the command that asks for a rebuild, and shows one of the same
// kind that is under way.
func rebuildCommand(r replay.Request) string {
	text := "rosey replay"
	if r.Kind == replay.KindUndo {
		text += " --undo"
	}
	if r.AcceptGap {
		text += " --accept-gap"
	}
	if r.AcceptErased {
		text += " " + replay.FlagAcceptErased
	}
	if r.AcceptFailures {
		text += " --on-error dead-letter"
	}
	if r.Archive != "" {
		text += " --from-archive " + shell(r.Archive)
	}
	if r.Keep > 0 {
		text += fmt.Sprintf(" --keep %d", r.Keep)
	}
	if r.Fresh {
		text += " --fresh"
	}
	return text
}

// explainHolder says what to do about a holder that did not do what it was asked
// for.
func explainHolder(err error, store schema.Store, pid int, again, where string) error {
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
		if r := busy.Work.Request; r.Kind == replay.KindRebuild {
			return advise(err, "wait until it is done (%s shows how far it is), then %s", rebuildCommand(r)+where, again)
		}
		return advise(err, "wait until it is done, then %s", again)
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
