package doctor

import (
	"fmt"
	"strings"

	"rosey/bot/spool"
)

// lookForWaiting says whether anybody waits for the server that does not run.
// Who records or projects has the lock of its file, server or not.
func (e *examination) lookForWaiting() {
	holder, held, err := e.cfg.Dir.Database().Holder()
	e.projecting = held
	if !e.cfg.Stopped {
		return
	}
	var waiting []string
	note := func(what string, pid int, held bool, err error) error {
		if held {
			waiting = append(waiting, fmt.Sprintf("the %s (%s)", what, process(pid)))
		}
		return err
	}
	if err = note("projector", holder.PID, held, err); err == nil {
		for _, s := range e.report.Spools {
			pid, held, failed := spool.Holder(s.Path)
			if err = note("bot", pid, held, failed); err != nil {
				break
			}
		}
	}
	switch {
	case len(waiting) > 0:
		e.wrong(ServerAwaited, "rosey server --data "+quoted(string(e.cfg.Dir))+"   (what waits in the spool is sent then)",
			"no server runs, and what records or projects waits for one: %s", strings.Join(waiting, " and "))
	case err != nil:
		e.unknown(ServerAwaited, "run this command as the owner of the data folder", "whether bot or projector run cannot be told: %v", err)
	default:
		e.ok(ServerAwaited, "neither bot nor projector runs")
	}
}

func process(pid int) string {
	if pid == 0 {
		return "its process is not known"
	}
	return fmt.Sprintf("process %d", pid)
}
