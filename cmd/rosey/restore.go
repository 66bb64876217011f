package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"rosey/internal/backup"
	"rosey/internal/loss"
	"rosey/streams"
)

type restoreCmd struct {
	dataFlag
	natsFlags
	logFlags
	optionFlags
	Dir     string `arg:"" name:"dir" help:"Folder that rosey backup made." type:"path"`
	Check   bool   `help:"Verify the backup and look at the target, and write nothing."`
	Requeue bool   `help:"Leave messages waiting that waited then. Only where the original has not run since: what it said is said again."`
	JSON    bool   `help:"Print progress and result as JSON lines."`
}

func (c *restoreCmd) examples() string {
	return `  rosey restore /backups/rosey-2026-04-01 --data /var/lib/rosey
  rosey restore /backups/rosey-2026-04-01 --check --data /tmp/drill
  rosey restore /backups/rosey-2026-04-01 --nats nats://10.0.0.5:4222 --nats-creds admin.creds --replicas 3`
}

// checked is what --check prints for machines.
type checked struct {
	Sound bool  `json:"sound"`
	Bytes int64 `json:"bytes"`
	Files int   `json:"files"`
	// Lost is what the stream had lost when the backup was made.
	Lost *loss.Lost `json:"lost,omitempty"`
	// Notes are what the backup says of itself.
	Notes []string `json:"notes,omitempty"`
}

// Run makes an installation out of a backup.
func (c *restoreCmd) Run(ctx context.Context, con *console) error {
	set, err := backup.Open(c.Dir)
	if err != nil {
		return explainBackup(err, c.Dir)
	}
	dir, err := c.dir()
	if err != nil {
		return err
	}
	to := backup.Target{
		Data: dir, Replicas: c.Replicas, MaxBytes: int64(c.MaxBytes), Requeue: c.Requeue, Progress: showBackup(con, c.JSON),
	}
	if c.external() {
		cfg, err := c.config(c.logger(con.err, slog.LevelError))
		if err != nil {
			return err
		}
		if to.Conn, err = streams.Connect(ctx, cfg); err != nil {
			return err
		}
		defer to.Conn.Close()
	}
	if c.Check {
		return c.check(ctx, con, set, to)
	}
	res, err := set.Restore(ctx, to)
	if errors.Is(err, backup.ErrNoLocks) {
		return advise(err, "name a data folder on a local disk")
	}
	if err != nil {
		return explainBackup(roomOn(err, c.Data), c.Dir) // the backup itself is only read
	}
	if c.JSON {
		return printJSON(con.out, res)
	}
	c.tell(con, res)
	return nil
}

func (c *restoreCmd) check(ctx context.Context, con *console, set *backup.Set, to backup.Target) error {
	if err := set.Check(ctx, to); err != nil {
		return explainBackup(err, c.Dir)
	}
	if err := set.Verify(ctx, to.Progress); err != nil {
		return explainBackup(err, c.Dir)
	}
	var err error
	if c.JSON {
		err = printJSON(con.out, checked{Sound: true, Bytes: set.Bytes(), Files: len(set.Files), Lost: set.Lost, Notes: set.Notes})
	} else {
		fmt.Fprintf(con.out, "sound: %d files are what was written, and the target can take them\n", len(set.Files))
		for _, note := range set.Notes {
			fmt.Fprintf(con.out, "note: %s\n", printable(note))
		}
	}
	if err == nil && set.Lost != nil {
		return advise(fmt.Errorf("restore: the backup is what was there, but not a good one: %s", set.Lost), "an older backup, or an archive that holds them; where there is none, restore it: its tables have them")
	}
	return err
}

// tell says what was restored, and what comes next.
func (c *restoreCmd) tell(con *console, res backup.Restored) {
	if c.external() {
		fmt.Fprintf(con.out, "restored   to %s and %s\n", strings.Join(c.Nats, ","), filepath.Clean(c.Data))
	} else {
		fmt.Fprintf(con.out, "restored   %s\n", filepath.Clean(c.Data))
	}
	fmt.Fprintf(con.out, "events     %d, seq=%d to seq=%d, all read back\n", res.Messages, res.FirstSeq, res.LastSeq)
	if res.Checkpoint != nil {
		fmt.Fprintf(con.out, "database   up to seq=%d; it catches up at the start\n", *res.Checkpoint)
	} else {
		fmt.Fprintln(con.out, "database   none; it is made from the stream at the start")
	}
	if res.Spools > 0 {
		fmt.Fprintf(con.out, "spools     %d, with %d events to be sent\n", res.Spools, res.Waiting)
	}
	fmt.Fprintf(con.out, "queue      %d messages\n", res.QueueMessages)
	if held := res.Held - res.Settled; held > 0 {
		fmt.Fprintf(con.out, "held       %d messages that waited, and that the original may have said since\n", held)
		fmt.Fprintf(con.out, "try:       rosey outbound list --state unknown%s; then for each that is to be said: rosey outbound retry ID%s\n", c.words(), c.words())
	}
	if tellLost(con, res.Lost); res.Lost != nil {
		fmt.Fprintln(con.out, "try:       an older backup, or an archive that holds them, into another data folder; here rosey doctor says more")
	}
	for _, ch := range res.Changes {
		fmt.Fprintf(con.out, "changed    %s\n", printable(ch.String()))
	}
	for _, note := range res.Notes {
		fmt.Fprintf(con.out, "note       %s\n", printable(note))
	}
}

// words are the flags as another command needs them.
func (c *restoreCmd) words() string {
	return outboxFlags{dataFlag: c.dataFlag, natsFlags: c.natsFlags}.words()
}
