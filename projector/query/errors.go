package query

import (
	"errors"
	"fmt"
)

// ErrNotFound is returned for a user, channel or table that the database does
// not know. The error is a *NotFoundError.
var ErrNotFound = errors.New("not found")

// ErrInvalid is returned for a question that makes no sense, such as a search
// for nothing.
var ErrInvalid = errors.New("invalid question")

// NotFoundError says what is not there.
type NotFoundError struct {
	// What is "user", "channel" or "table".
	What string
	Name string
	// Channel is where it was looked for, empty for everywhere.
	Channel string
	// Known lists what there is instead, where that is a short list.
	Known []string
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
