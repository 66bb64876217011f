package query

import (
	"errors"

	"rosey/schema"
	"rosey/streams/service"
)

// refusal says an error in the words of services. What it does not know stays as
// it is: a fault, which is logged.
func refusal(err error) error {
	var (
		missing   *NotFoundError
		which     *ChannelRequiredError
		senseless *invalidError
	)
	switch {
	case err == nil, service.CodeOf(err) != "":
		return err
	case errors.As(err, &missing):
		return &service.Error{Code: service.NotFound, Message: missing.Error(), Details: missing}
	case errors.As(err, &which):
		return &service.Error{Code: service.ChannelRequired, Message: which.Error(), Details: which}
	case errors.As(err, &senseless):
		return service.Errorf(service.Invalid, "%s: %s", senseless.what, senseless.why)
	case schema.IsUnreadable(err):
		return service.Errorf(service.Unavailable, "there are no tables to read now; ask again")
	case schema.IsBusy(err):
		return service.Errorf(service.Busy, "the tables are locked; ask again")
	}
	return err
}

// accepted is the inverse of refusal: the error that the functions of this package
// return for a refusal.
func accepted(err error) error {
	var e *service.Error
	if !errors.As(err, &e) {
		if errors.Is(err, service.ErrNoService) {
			return &remoteError{err, ErrUnavailable}
		}
		return err
	}
	switch e.Code {
	case service.NotFound:
		missing := &NotFoundError{}
		if e.ReadDetails(missing) == nil && missing.What != "" {
			return missing
		}
		return &remoteError{err, ErrNotFound}
	case service.ChannelRequired:
		which := &ChannelRequiredError{}
		if e.ReadDetails(which) == nil && len(which.Known) > 0 {
			return which
		}
	case service.Invalid, service.TooLarge:
		return &remoteError{err, ErrInvalid}
	case service.Unavailable, service.Busy:
		return &remoteError{err, ErrUnavailable}
	case service.Timeout:
		return &remoteError{err, ErrNotYet}
	}
	return err
}

// remoteError is what a service said, and what it amounts to.
type remoteError struct {
	said error
	is   error
}

func (e *remoteError) Error() string   { return e.said.Error() }
func (e *remoteError) Unwrap() []error { return []error{e.is, e.said} }
