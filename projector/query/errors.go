package query

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound is returned for a user, channel or table that the database does
// not know. The error is a *NotFoundError.
var ErrNotFound = errors.New("not found")

// ErrInvalid is returned for a question that makes no sense, such as a search
// for nothing.
var ErrInvalid = errors.New("invalid question")

// ErrUnavailable means that nobody can be asked now: no service answers, or there
// are no tables.
var ErrUnavailable = errors.New("the tables cannot be asked now")

// ErrNotYet means that what was waited for is not in the tables yet.
var ErrNotYet = errors.New("not in the tables yet")

// ChannelRequiredError is returned for a question about one channel that names
// none, where there are several.
type ChannelRequiredError struct {
	// Known lists them, the one observed last first.
	Known []string `json:"channels"`
}

func (e *ChannelRequiredError) Error() string {
	return "which channel? there are: " + strings.Join(e.Known, ", ")
}

// NotFoundError says what is not there.
type NotFoundError struct {
	// What is "user", "channel" or "table".
	What string `json:"what"`
	Name string `json:"name,omitempty"`
	// Channel is where it was looked for, empty for everywhere.
	Channel string `json:"channel,omitempty"`
	// Known lists what there is instead, where that is a short list; services are
	// asked for nothing but channels.
	Known []string `json:"channels,omitempty"`
}

func (e *NotFoundError) Error() string {
	if e.Name == "" {
		return "no " + e.What + " is in the database yet"
	}
	if e.Channel != "" {
		return fmt.Sprintf("no %s %q in channel %q", e.What, e.Name, e.Channel)
	}
	return fmt.Sprintf("no %s %q in the database", e.What, e.Name)
}

// Is makes errors.Is(err, ErrNotFound) hold.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// invalidError is a question that makes no sense, and why.
type invalidError struct{ what, why string }

func invalid(what, format string, args ...any) error {
	return &invalidError{what, fmt.Sprintf(format, args...)}
}

func (e *invalidError) Error() string {
	return "query: " + e.what + ": " + ErrInvalid.Error() + ": " + e.why
}

// Is makes errors.Is(err, ErrInvalid) hold.
func (e *invalidError) Is(target error) bool { return target == ErrInvalid }
