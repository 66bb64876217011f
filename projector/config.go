package projector

import (
	"errors"
	"log/slog"
	"time"

	"rosey/schema"
	"rosey/streams"
)

// Config says what a Projector projects, and where to.
type Config struct {
	// Stream is where events come from.
	Stream *streams.Stream
	// Store is where the database lives.
	Store schema.Store
	// Instance names this projector's own consumer. Default: main.
	Instance string
	// DefaultChannel stands in for publishers that name no channel. It is part of
	// the fingerprint.
	DefaultChannel string
	// BatchSize bounds the events of one transaction. Default 5,000.
	BatchSize int
	// InFlight bounds the messages on their way. Default 5,000.
	InFlight int
	// AcceptGap lets New go on where the stream no longer holds what follows the
	// checkpoint, and AdoptStream where the stream is a restored or promoted copy of
	// the database's own. Either decision becomes an event first. A gap that shows
	// only later is refused all the same.
	AcceptGap, AdoptStream bool
	// Locked says that the caller has the store's lock, and gives it back after
	// Close. Default: New takes it.
	Locked bool
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
	// Crash is called at named points; tests end the process there.
	Crash func(point string)

	idle time.Duration // see idleWait
	look time.Duration // see lookEvery
}

// Validate reports what New would refuse.
func (c Config) Validate() error {
	if c.Stream == nil {
		return errors.New("projector: no stream is given")
	}
	if c.Store.Link == "" {
		return errors.New("projector: no database is given")
	}
	if c.BatchSize < 0 || c.InFlight < 0 {
		return errors.New("projector: batch size and messages in flight cannot be negative")
	}
	return nil
}

func (c *Config) defaults() {
	if c.Instance == "" {
		c.Instance = "main"
	}
	if c.BatchSize == 0 {
		c.BatchSize = 5000
	}
	if c.InFlight == 0 {
		c.InFlight = 5000
	}
	if c.idle == 0 {
		c.idle = idleWait
	}
	if c.look == 0 {
		c.look = lookEvery
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "projector")
}
