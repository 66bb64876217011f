package service

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Code says what kind of answer an error is.
type Code string

// The codes there are.
const (
	// Invalid is a request that makes no sense: no JSON object, a value of another
	// type or out of its range, an unknown field.
	Invalid Code = "invalid_request"
	// TooLarge is a request of more than MaxRequest bytes, or an answer of more
	// than the server carries.
	TooLarge Code = "too_large"
	// NotFound is a user, channel or message that nobody knows.
	NotFound Code = "not_found"
	// ChannelRequired is a question about one channel where there are several.
	ChannelRequired Code = "channel_required"
	// Conflict is a key that was used for something else.
	Conflict Code = "conflict"
	// InvalidState is a message that is too far on for what is asked.
	InvalidState Code = "invalid_state"
	// Unavailable means that what answers is not there now, and may be later.
	Unavailable Code = "unavailable"
	// Timeout means that what was waited for has not happened yet.
	Timeout Code = "timeout"
	// Busy means that too many requests are at work; ask again.
	Busy Code = "busy"
	// Internal is a fault of the service. What it was stands in its log.
	Internal Code = "internal"
)

// Codes lists all codes.
func Codes() []Code {
	return []Code{Invalid, TooLarge, NotFound, ChannelRequired, Conflict, InvalidState, Unavailable, Timeout, Busy, Internal}
}

// Error is an error as callers see it. A handler returns one; Call returns the
// one that the service sent.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Details are particulars for programs, where there are any.
	Details any `json:"details,omitempty"`
}

// Errorf makes an error for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string { return e.Message }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// CodeOf is the code of an error that a service sent, empty for any other error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// ErrNoService means that nobody answers on the subject.
var ErrNoService = errors.New("no service answers")

// ErrNoAnswer means that no answer came in time; what was asked for may have
// happened all the same.
var ErrNoAnswer = errors.New("the service did not answer in time")

// ReadDetails reads the particulars into a value.
func (e *Error) ReadDetails(into any) error {
	text, err := json.Marshal(e.Details)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
