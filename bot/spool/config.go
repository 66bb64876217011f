package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"rosey/events"
)

// Defaults of a Config.
const (
	DefaultMaxBytes      = 4 << 30
	DefaultMaxEventBytes = 7 << 20
	DefaultBackoffMin    = 100 * time.Millisecond
	DefaultBackoffMax    = 10 * time.Second
)

// minEventBytes leaves room for the envelope of a part and some of its data.
const minEventBytes = 1 << 10

// MinMaxBytes is the least limit, well above the reserve. A channel needs far
// more: what it sends at a join has to fit.
const MinMaxBytes = 2 * reserveBytes

// Config says where a spool is and what it may hold.
type Config struct {
	// Path is the database file; its folder is created where it is missing.
	Path string
	// Channel is written into events that name none.
	Channel string
	// MaxBytes bounds what the queue holds; default DefaultMaxBytes.
	MaxBytes int64
	// MaxEventBytes bounds one encoded event; a larger one becomes parts.
	// Default DefaultMaxEventBytes, below the embedded server's limit.
	MaxEventBytes int
	// Subject is where an event is published; default events.Subject.
	Subject func(kind events.Kind, channel string) string
	// BackoffMin and BackoffMax bound the wait after a failed attempt to send;
	// defaults DefaultBackoffMin and DefaultBackoffMax.
	BackoffMin, BackoffMax time.Duration
	// Logger receives what a person should know; nil discards it.
	Logger *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
	// DiskSpace tells how many bytes are free and how many there are on the disk of
	// a folder; default: the system's answer.
	DiskSpace func(dir string) (free, total int64, err error)
	// Random is the source of producers' names; default crypto/rand.
	Random io.Reader
	// Crash, where it is set, is called at the named points between two steps
	// that a crash could separate. Tests cut the run there.
	Crash func(point string)
}

// The points at which Config.Crash is called.
const (
	CrashPutBeforeCommit    = "spool.put.before_commit"
	CrashPutAfterCommit     = "spool.put.after_commit"
	CrashDrainBeforePublish = "spool.drain.before_publish"
	CrashDrainAfterPublish  = "spool.drain.after_publish"
	CrashDrainBeforeDelete  = "spool.drain.before_delete"
	CrashDrainAfterDelete   = "spool.drain.after_delete"
)

// Validate reports a setting that no spool can work with.
func (c *Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("spool: no path is configured")
	case c.MaxBytes != 0 && c.MaxBytes < MinMaxBytes:
		return fmt.Errorf("spool: a limit of %d bytes is below the least, %d", c.MaxBytes, MinMaxBytes)
	case c.MaxEventBytes != 0 && c.MaxEventBytes < minEventBytes:
		return fmt.Errorf("spool: a limit of %d bytes for an event is below the least, %d", c.MaxEventBytes, minEventBytes)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.MaxEventBytes == 0 {
		c.MaxEventBytes = DefaultMaxEventBytes
	}
	if c.Subject == nil {
		c.Subject = func(kind events.Kind, _ string) string { return events.Subject(kind) }
	}
	if c.BackoffMin <= 0 {
		c.BackoffMin = DefaultBackoffMin
	}
	if c.BackoffMax < c.BackoffMin {
		c.BackoffMax = max(DefaultBackoffMax, c.BackoffMin)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "spool", "channel", c.Channel)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.DiskSpace == nil {
		c.DiskSpace = diskSpace
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Crash == nil {
		c.Crash = func(string) {}
	}
	return c
}
