package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rosey/bot/spool"
)

// spoolRun is what a spool says of one run on it.
type spoolRun struct {
	last    uint64 // the last sequence it committed
	waiting uint64 // how many of its events are not sent yet
	newest  bool   // no later run is on that spool
	open    bool   // the spool is a copy, and the run went on with the original
}

// waitLimit is how long events may wait while a server is there to take them.
const waitLimit = time.Minute

// lookAtSpools reads the spools, without taking them.
func (e *examination) lookAtSpools(ctx context.Context) {
	paths, err := e.spoolPaths()
	if err != nil {
		e.unknown(SpoolReadable, "run this command as the owner of the data folder", "%v", err)
		return
	}
	if len(paths) == 0 {
		return
	}
	var problems, aside, readable []string
	var damaged damages
	var waiting int64
	var oldest time.Time
	for _, path := range paths {
		in, err := spool.Inspect(ctx, path)
		info := SpoolInfo{Path: path, Waiting: in.Depth.Events, Bytes: in.Depth.Bytes, SetAside: len(in.SetAside), Damaged: len(in.Damaged)}
		damaged.add(in)
		if err != nil {
			info.Problem = err.Error()
			problems = append(problems, err.Error())
			e.report.Spools = append(e.report.Spools, info)
			continue
		}
		readable = append(readable, path)
		if at := in.Depth.OldestMS; at != 0 {
			info.OldestMS = &at
			if t := time.UnixMilli(at); oldest.IsZero() || t.Before(oldest) {
				oldest = t
			}
		}
		waiting += in.Depth.Events
		for _, a := range in.SetAside {
			aside = append(aside, a.EventID)
		}
		e.noteRuns(path, in)
		e.report.Spools = append(e.report.Spools, info)
	}
	e.judgeSpools(len(paths), problems, aside, damaged)
	e.judgeWaiting(waiting, oldest, func() bool { return e.draining(ctx, readable, waiting, oldest) })
}

// noteRuns notes what the spool says of each run on it.
func (e *examination) noteRuns(path string, in spool.Inspection) {
	newest := true
	for i := len(in.Producers) - 1; i >= 0; i-- {
		p := in.Producers[i]
		if p.LastSeq == 0 {
			continue // it has put nothing, so there is nothing to account for
		}
		e.spooled[p.Producer] = spoolRun{last: p.LastSeq, waiting: p.Waiting, newest: newest, open: p.Producer == in.Open}
		newest = false
	}
	if in.Full.Now {
		e.full.now = append(e.full.now, path)
	}
	e.full.note(in.Full.Times, in.Full.LastMS)
}

// damages are the damaged spools beside those in use.
type damages struct {
	read, unread []string
	events       int64 // that were taken over from those that were read
}

func (d *damages) add(in spool.Inspection) {
	for _, path := range in.Damaged {
		i := slices.IndexFunc(in.Recovered, func(r spool.Recovered) bool { return filepath.Base(r.Path) == filepath.Base(path) })
		if i < 0 {
			d.unread = append(d.unread, path)
			continue
		}
		d.read = append(d.read, path)
		d.events += in.Recovered[i].Events
	}
}

func (e *examination) judgeSpools(n int, problems, aside []string, damaged damages) {
	if len(problems) > 0 {
		e.unknown(SpoolReadable, "look at the file; the bot sets a damaged one aside at its next start, and goes on in a new one", "%s", strings.Join(problems, "; "))
	} else {
		e.ok(SpoolReadable, "%s can be read", plural(n, "spool"))
	}
	if len(aside) > 0 {
		e.wrong(SpoolSetAside, "look at the table set_aside of the spool, and at the server's limits: max_payload, and the size of a message",
			"%s refused by the stream for good and kept in the spool: %s", plural(len(aside), "event was", "events were"), some(aside))
	} else {
		e.ok(SpoolSetAside, "the stream has refused nothing for good")
	}
	switch {
	case len(damaged.unread) > 0:
		e.unknown(SpoolDamaged, "start the bot: it takes over what can be read; its log says why it could not",
			"%s set aside and not read yet, and may hold events that were never sent: %s",
			plural(len(damaged.unread), "damaged spool was", "damaged spools were"), some(damaged.unread))
	case len(damaged.read) > 0:
		e.unknown(SpoolDamaged, "look whether a producer is incomplete; then move the damaged files out of the folder, with their logs",
			"%s set aside, and %s taken over; what could not be read is missing where it was never sent: %s",
			plural(len(damaged.read), "damaged spool was", "damaged spools were"), plural(int(damaged.events), "event was", "events were"), some(damaged.read))
	default:
		e.ok(SpoolDamaged, "no damaged spool was set aside")
	}
}

// How often the spools are looked at again, and for how long.
const (
	lookAgainEvery = 500 * time.Millisecond
	drainTime      = 5 * time.Second
)

// draining looks at the spools again: after an outage they take their time, and
// what waits gets less, or younger. Where one of them cannot be read nobody has seen
// that: what waits in it is not gone.
func (e *examination) draining(ctx context.Context, paths []string, waiting int64, oldest time.Time) bool {
	every := time.NewTicker(lookAgainEvery)
	defer every.Stop()
	for range cmp.Or(e.cfg.DrainTime, drainTime) / lookAgainEvery {
		select {
		case <-every.C:
		case <-ctx.Done():
			return false
		}
		if now, first, err := depths(ctx, paths); err == nil && (now < waiting || first.After(oldest)) {
			return true
		}
	}
	return false
}

// depths returns how many events wait in spools, and since when the oldest does.
func depths(ctx context.Context, paths []string) (waiting int64, oldest time.Time, err error) {
	for _, path := range paths {
		in, err := spool.Inspect(ctx, path)
		if err != nil {
			return 0, time.Time{}, err
		}
		waiting += in.Depth.Events
		if at := time.UnixMilli(in.Depth.OldestMS); in.Depth.OldestMS != 0 && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return waiting, oldest, nil
}

func (e *examination) judgeWaiting(waiting int64, oldest time.Time, draining func() bool) {
	age := e.now.Sub(oldest)
	switch {
	case waiting == 0:
		e.ok(SpoolWaiting, "nothing waits to be sent")
	case e.cfg.Conn == nil:
		e.ok(SpoolWaiting, "%s to be sent; there is no server to send them to", plural(int(waiting), "event waits", "events wait"))
	case e.cfg.Stopped:
		e.ok(SpoolWaiting, "%s to be sent; the next start sends them", plural(int(waiting), "event waits", "events wait"))
	case age > waitLimit && draining():
		e.ok(SpoolWaiting, "%s to be sent, the oldest for %s; they are being sent", plural(int(waiting), "event waits", "events wait"), age.Round(time.Second))
	case age > waitLimit:
		e.wrong(SpoolWaiting, "start the bot again; if it runs, its log says why it cannot send",
			"%s to be sent, the oldest for %s, although the server is there", plural(int(waiting), "event waits", "events wait"), age.Round(time.Second))
	default:
		e.ok(SpoolWaiting, "%s to be sent", plural(int(waiting), "event waits", "events wait"))
	}
}

// spoolPaths lists the data folder's spools and those that were named.
func (e *examination) spoolPaths() ([]string, error) {
	dir := filepath.Dir(e.cfg.Dir.Spool("channel"))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("doctor: list spools: %w", err)
	}
	var paths []string
	seen := map[string]bool{}
	add := func(path string) {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".db") && !entry.IsDir() {
			add(filepath.Join(dir, entry.Name()))
		}
	}
	for _, path := range e.cfg.Spools {
		add(path)
	}
	return paths, nil
}

// plural says how many of something there are; without a form of its own the
// plural ends in s.
func plural(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// some lists the first of many.
func some(list []string) string {
	const limit = 5
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:limit], ", "), len(list)-limit)
}
