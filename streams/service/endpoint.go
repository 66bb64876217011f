package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"rosey/internal/standstill"
)

// Endpoint is one subject on which requests are answered. New makes it, of a
// Declaration and a function.
type Endpoint struct {
	Declaration
	// Request and Reply describe what comes in, and the data that goes out.
	Request, Reply *Schema

	serve func(ctx context.Context, body []byte) (any, error)
}

// Declaration is what an endpoint is, without what it does.
type Declaration struct {
	// Name is its name in the service, such as user_stats.
	Name string
	// Subject is where requests come.
	Subject string
	// Doc is a sentence about it.
	Doc string
	// Examples are requests as JSON.
	Examples []string
	// Bare is for endpoints whose shape is older than this package; see the package's
	// documentation.
	Bare bool
	// Timeout is the deadline of a request. Default 10 s.
	Timeout time.Duration
	// Limit bounds the requests that are at work at a time. Default 256.
	Limit int
}

// At is an answer together with the stream sequence up to which it holds: that
// stands in the envelope, beside the data.
type At[T any] struct {
	Seq  uint64
	Data T
}

func (a At[T]) at() (uint64, any)      { return a.Seq, a.Data }
func (a At[T]) dataType() reflect.Type { return reflect.TypeFor[T]() }

type placed interface{ at() (seq uint64, data any) }

// NewEndpoint declares an endpoint. The function is called for many requests at a
// time; an *Error it returns is the caller's, any other is logged and called
// internal. A declaration that cannot be right panics.
func NewEndpoint[Request, Reply any](d Declaration, serve func(context.Context, Request) (Reply, error)) Endpoint {
	e := Endpoint{Declaration: d}
	if e.Timeout == 0 {
		e.Timeout = 10 * time.Second
	}
	if e.Limit == 0 {
		e.Limit = 256
	}
	e.Request = mustDescribe(d, reflect.TypeFor[Request](), true)
	reply := reflect.TypeFor[Reply]()
	if p, ok := reflect.Zero(reply).Interface().(interface{ dataType() reflect.Type }); ok {
		reply = p.dataType()
	}
	e.Reply = mustDescribe(d, reply, false)
	e.serve = func(ctx context.Context, body []byte) (any, error) {
		var r Request
		if err := decode(body, e.Request, e.Bare, reflect.ValueOf(&r).Elem()); err != nil {
			return nil, err
		}
		return serve(ctx, r)
	}
	return e
}

func mustDescribe(d Declaration, t reflect.Type, request bool) *Schema {
	s, err := describe(t, request)
	if err == nil && request && t.Kind() != reflect.Struct {
		err = fmt.Errorf("service: the request is no struct")
	}
	if err != nil {
		panic(fmt.Sprintf("endpoint %s: %v", d.Name, err))
	}
	return s
}

// metadata is what $SRV.INFO tells of the endpoint.
func (e *Endpoint) metadata() (map[string]string, error) {
	request, err := json.Marshal(e.Request)
	if err != nil {
		return nil, err
	}
	reply, err := json.Marshal(e.Reply)
	if err != nil {
		return nil, err
	}
	shape := "envelope"
	if e.Bare {
		shape = "bare"
	}
	return map[string]string{
		"description": e.Doc, "request_schema": string(request), "response_schema": string(reply), "shape": shape,
	}, nil
}

// Answer is what a request leads to: the body of the reply, and the error that its
// headers name, nil for none.
func (e *Endpoint) Answer(ctx context.Context, body []byte) ([]byte, *Error, error) {
	ctx, cancel := standstill.WithTimeout(ctx, e.Timeout)
	defer cancel()
	v, err := e.serve(ctx, body)
	if err == nil {
		var text []byte
		if text, err = e.encode(v); err == nil {
			return text, nil, nil
		}
	}
	told := tell(ctx, err)
	text, encodeErr := encodeError(told)
	if encodeErr != nil {
		err = errors.Join(err, encodeErr)
		told = Errorf(Internal, "internal error")
		text, _ = encodeError(told) // nothing but texts
	}
	if told.Code != Internal {
		err = nil
	}
	return text, told, err
}

// tell turns what a handler returned into what its caller sees.
func tell(ctx context.Context, err error) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Timeout, "the answer took too long")
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return Errorf(Unavailable, "the service is being stopped; ask again")
	default:
		return Errorf(Internal, "internal error")
	}
}
