package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rosey/internal/backup"
	"rosey/internal/loss"
	"rosey/streams"
)

type backupCmd struct {
	dataFlag
	natsFlags
	logFlags
	Dir   string   `arg:"" name:"dir" help:"Folder for the backup: new, or empty." type:"path"`
	Spool []string `help:"Spool of a bot elsewhere, beside those of the data folder." type:"path" placeholder:"FILE"`
	JSON  bool     `help:"Print progress and result as JSON lines."`
}

func (c *backupCmd) examples() string {
	return `  rosey backup /backups/rosey-2026-04-01
  rosey backup --data /var/lib/rosey "/backups/rosey-$(date +%F)"
  rosey backup --nats nats://10.0.0.5:4222 --nats-creds admin.creds --data /var/lib/rosey /backups/rosey`
}

// Run copies the installation, running or not.
func (c *backupCmd) Run(ctx context.Context, con *console) (err error) {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	log := c.logger(con.err, slog.LevelError)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	m, err := backup.Take(ctx, backup.Config{
		Dir: c.Dir, Stream: a.Stream, Data: dir, Spools: c.Spool, Program: version(), Progress: showBackup(con, c.JSON),
	})
	if err != nil {
		return explainBackup(err, c.Dir)
	}
	if c.JSON {
		err = printJSON(con.out, m)
	} else {
		tellBackup(con, c.Dir, m)
	}
	if err == nil && m.Lost != nil {
		// Whoever removes older backups goes by the exit code.
		return advise(fmt.Errorf("backup: made, but do not take it for a good one: %s", m.Lost), "%s", m.Lost.Next)
	}
	return err
}

// tellBackup says what a backup holds.
func tellBackup(con *console, dir string, m *backup.Manifest) {
	fmt.Fprintf(con.out, "backup     %s, %s\n", filepath.Clean(dir), humanize.IBytes(uint64(m.Bytes())))
	fmt.Fprintf(con.out, "events     %d, seq=%d to seq=%d\n", m.Stream.Messages, max(m.Stream.FirstSeq, 1), m.Stream.LastSeq)
	if m.Queue != nil {
		fmt.Fprintf(con.out, "queue      %d messages\n", m.Queue.Messages)
	}
	if m.Database != nil {
		fmt.Fprintf(con.out, "database   up to seq=%d\n", m.Database.Checkpoint)
	}
	for _, s := range m.Spools {
		fmt.Fprintf(con.out, "spool      %s, %d events not sent yet\n", printable(filepath.Base(s.Path)), s.Waiting)
	}
	tellLost(con, m.Lost)
	for _, note := range m.Notes {
		fmt.Fprintf(con.out, "note       %s\n", printable(note))
	}
	fmt.Fprintf(con.out, "took       %.2f s\n", float64(m.EndedMS-m.BeganMS)/1000)
}

// tellLost says what a backup, or an archive, does not have that the tables have.
func tellLost(con *console, l *loss.Lost) {
	if l != nil {
		fmt.Fprintf(con.out, "lost       %s, from seq=%d to seq=%d: not erased on purpose, as it looks, and the tables alone have them\n", messages(l.Messages), l.FirstSeq, l.LastSeq)
	}
}

// explainBackup adds the next step to what keeps a backup from being made or used.
func explainBackup(err error, dir string) error {
	var given *adviceError
	switch {
	case errors.As(err, &given):
		return err
	case errors.Is(err, context.Canceled):
		return advise(errors.New("interrupted; nothing of it is left"), "the same command again")
	case errors.Is(err, backup.ErrComplete):
		return advise(err, "rosey doctor   (with the same --data and --nats)")
	case errors.Is(err, backup.ErrTaken):
		return advise(err, "rosey restore %s --check", shell(dir))
	case errors.Is(err, backup.ErrTaking):
		return advise(err, "wait until the other one ends, or name another folder")
	case errors.Is(err, backup.ErrNoLocks):
		return advise(err, "name a folder on a local disk, and copy the finished backup to where it is to be")
	case errors.Is(err, streams.ErrBeingRestored), errors.Is(err, backup.ErrRestoring):
		return advise(err, "wait until the other one ends")
	case errors.Is(err, backup.ErrMarked):
		return advise(err, "the same command again, as soon as the server can be reached: it finishes it")
	case errors.Is(err, backup.ErrLeft):
		return advise(err, "restore that backup again: it goes on from the beginning; or remove the stream %s and the bucket %s from the server first", streams.StreamName, streams.OutboundBucket)
	case errors.Is(err, backup.ErrStreamGone):
		return advise(err, "move that folder away, and restore into another one")
	case errors.Is(err, backup.ErrNotEmpty):
		return advise(err, "name a folder that is new or empty")
	case errors.Is(err, backup.ErrNoRoom):
		return advise(err, "make room on that disk, or name a folder on another one")
	case errors.Is(err, backup.ErrCutOff):
		return advise(err, "use an older backup; this one can be removed: rm -r %s", shell(dir))
	case errors.Is(err, backup.ErrNoBackup):
		return advise(err, "name the folder that rosey backup made, the one with %s in it", backup.ManifestName)
	case errors.Is(err, backup.ErrFormat):
		return advise(err, "restore it with the version of rosey that made it")
	case errors.Is(err, backup.ErrDamaged):
		return advise(err, "use another backup, or fetch this one again from where it was copied to")
	case errors.Is(err, backup.ErrExists):
		return advise(err, "name another server, or remove the stream %s and the bucket %s from this one first", streams.StreamName, streams.OutboundBucket)
	case errors.Is(err, streams.ErrServerTooOld):
		return advise(err, "a NATS server of the backup's version or a later one")
	case errors.Is(err, streams.ErrPermission):
		return advise(err, "use credentials of an administrator: a backup asks the server for snapshots")
	case errors.Is(err, streams.ErrTooSmall):
		return advise(err, "a larger --max-bytes, or none")
	case errors.Is(err, streams.ErrDisconnected):
		return err // what is left of a command whose server went away is said of all alike
	case errors.Is(err, streams.ErrLeftOut), errors.Is(err, streams.ErrUnreadable), errors.Is(err, backup.ErrLostEnd):
		return advise(err, "rosey doctor   (it says what cannot be read, or is missing); keep the last good backup, and copy the data folder as it is while nothing runs on it")
	case errors.Is(err, backup.ErrDiffers):
		// A leader that dies before the others have what it was given takes it along.
		return advise(err, "the same command again: a server of a cluster may have gone away in the middle, and nothing is left of it. Where it says so again, use another backup")
	case errors.Is(err, streams.ErrSnapshot):
		return advise(err, "rosey doctor   (it says whether a server is away, or what of the stream cannot be read; the first passes, and the same command may be given again)")
	}
	return roomOn(err, dir)
}

// showBackup shows how far a backup or a restore is: a bar on a terminal, JSON
// lines where they are asked for.
func showBackup(con *console, lines bool) func(backup.Progress) {
	if lines {
		enc := json.NewEncoder(con.err)
		var last backup.Progress
		var at time.Time
		return func(p backup.Progress) {
			if p.Phase == last.Phase && time.Since(at) < time.Second {
				return
			}
			last, at = p, time.Now()
			_ = enc.Encode(p)
		}
	}
	file, ok := con.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	var bar *progressbar.ProgressBar
	phase := ""
	return func(p backup.Progress) {
		if p.Phase != phase {
			if bar != nil {
				_ = bar.Finish()
			}
			phase = p.Phase
			bar = nil
		}
		if p.Phase == backup.PhaseDone {
			return
		}
		if bar == nil {
			total := p.Total
			if total == 0 {
				total = -1
			}
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(file), progressbar.OptionSetDescription(strings.ToLower(p.Phase)),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		n := p.Bytes
		if p.Total > 0 {
			n = min(n, p.Total) // the total is what is stored, and its copy may be larger
		}
		_ = bar.Set64(n)
	}
}
