package outbound

import (
	"errors"
	"fmt"
	"strings"
)

// What a request to the queue can come to.
var (
	// ErrInvalid means that no message can be like that. The error is an
	// *InvalidError.
	ErrInvalid = errors.New("invalid message")
	// ErrNotFound means that the queue holds no such message.
	ErrNotFound = errors.New("message not found")
	// ErrAmbiguous means that several channels hold a message of that id. The error is
	// an *AmbiguousError.
	ErrAmbiguous = errors.New("several channels have a message of that id")
	// ErrState means that a message cannot go from its state to the wanted one. The
	// error is a *StateError.
	ErrState = errors.New("the message is in another state")
	// ErrChanged means that somebody else moved the message first.
	ErrChanged = errors.New("the message was changed meanwhile")
	// ErrKeyConflict means that a key was used before, for another message.
	ErrKeyConflict = errors.New("the key belongs to another message")
)

// InvalidError says what is wrong with a message. It never shows the text.
type InvalidError struct{ Field, Problem string }

func (e *InvalidError) Error() string { return "invalid message: " + e.Field + " " + e.Problem }

// Is makes errors.Is(err, ErrInvalid) hold.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// StateError names the state of a message, and the one it cannot go to from there.
type StateError struct {
	ID       int64
	Is, Want State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("message %d is %s and cannot become %s", e.ID, e.Is, e.Want)
}

// Unwrap makes errors.Is(err, ErrState) hold.
func (e *StateError) Unwrap() error { return ErrState }

// AmbiguousError names the channels that hold a message of one id.
type AmbiguousError struct{ Channels []string }

func (e *AmbiguousError) Error() string {
	return "several channels have a message of that id: name one of " + strings.Join(e.Channels, ", ")
}

// Is makes errors.Is(err, ErrAmbiguous) hold.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }
