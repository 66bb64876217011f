package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rosey/streams"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Answer is a reply as a caller gets it.
type Answer[T any] struct {
	Data T
	// Seq is the stream sequence up to which the data holds; 0 where the endpoint
	// tells none.
	Seq uint64
}

// Call asks a service. The error is an *Error where the service sent one,
// ErrNoService where none is there, and ErrNoAnswer where the context's time is
// over.
func Call[T any](ctx context.Context, c *streams.Conn, subject string, request any) (Answer[T], error) {
	var a Answer[T]
	data, err := ask(ctx, c, subject, request)
	if err != nil {
		return a, err
	}
	var reply struct {
		Success bool            `json:"success"`
		Seq     uint64          `json:"seq"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &reply); err != nil || !reply.Success {
		return a, fmt.Errorf("service: %s: the answer has no known shape", subject)
	}
	a.Seq = reply.Seq
	if err := json.Unmarshal(reply.Data, &a.Data); err != nil {
		return a, fmt.Errorf("service: %s: read the answer: %w", subject, err)
	}
	return a, nil
}

// CallBare asks an endpoint that answers without an envelope.
func CallBare[T any](ctx context.Context, c *streams.Conn, subject string, request any) (T, error) {
	var v T
	data, err := ask(ctx, c, subject, request)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("service: %s: read the answer: %w", subject, err)
	}
	return v, nil
}

func ask(ctx context.Context, c *streams.Conn, subject string, request any) ([]byte, error) {
	body, err := encode(request)
	if err != nil {
		return nil, fmt.Errorf("service: %s: %w", subject, err)
	}
	m, err := c.NATS().RequestWithContext(ctx, subject, body)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("service: %s: %w", subject, ErrNoService)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return nil, fmt.Errorf("service: %s: %w", subject, ErrNoAnswer)
	case err != nil:
		return nil, fmt.Errorf("service: %s: %w", subject, err)
	}
	if m.Header.Get(micro.ErrorCodeHeader) == "" {
		return m.Data, nil
	}
	var reply struct {
		Error *Error `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &reply); err != nil || reply.Error == nil {
		// Another program's service: its headers are all that is known.
		return nil, &Error{Code: Code(m.Header.Get(micro.ErrorCodeHeader)), Message: m.Header.Get(micro.ErrorHeader)}
	}
	return nil, reply.Error
}
