package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// appendTimeout is how long an append waits for its acknowledgement. A server
// that syncs to a busy disk may take seconds, and giving up early only means
// looking for a message that is about to be stored.
const appendTimeout = 10 * time.Second

// appendLimit is that, or what any other request may take where that is more.
func (c *Conn) appendLimit() time.Duration { return max(appendTimeout, c.timeout) }

// AppendMessage is one message to store.
type AppendMessage struct {
	Subject string
	// MsgID is the event's id. The server drops a near duplicate by it.
	MsgID string
	Data  []byte
	// Header holds further headers, such as traceparent. Nil is usual.
	Header nats.Header
}

// Ack says where a message is stored.
type Ack struct {
	Seq uint64
	// Duplicate means that the message had been stored before, at Seq.
	Duplicate bool
}

func (m AppendMessage) msg() *nats.Msg {
	h := make(nats.Header, len(m.Header)+2)
	for k, v := range m.Header {
		h[k] = v
	}
	if m.MsgID != "" {
		h.Set(jetstream.MsgIDHeader, m.MsgID)
	}
	// Another stream that took over the subject must not swallow the event. An
	// expected last sequence is never sent along: together with a message id, a
	// harmless retry is refused by one replica and accepted by three.
	h.Set(jetstream.ExpectedStreamHeader, StreamName)
	return &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
}

// name is the message in an error. Not every message has an id.
func (m AppendMessage) name() string {
	if m.MsgID == "" {
		return "subject=" + m.Subject
	}
	return "id=" + m.MsgID + " subject=" + m.Subject
}

// Append stores one message and waits for the acknowledgement. The error is
// ErrUncertain, ErrUnavailable (with ErrFull or ErrPermission where that is
// known) or ErrRefused.
func (s *Stream) Append(ctx context.Context, m AppendMessage) (Ack, error) {
	ack, err := s.append(ctx, m)
	if err != nil {
		return Ack{}, fmt.Errorf("streams: append %s: %w", m.name(), err)
	}
	return ack, nil
}

func (s *Stream) append(ctx context.Context, m AppendMessage) (Ack, error) {
	if err := ctx.Err(); err != nil {
		return Ack{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ctx, req := s.c.begin(ctx, m.Subject, s.c.appendLimit())
	defer req.end()
	// The client's own retry is off: the caller decides what is sent again.
	pub, err := s.c.js.PublishMsg(ctx, m.msg(), jetstream.WithRetryAttempts(0))
	if err != nil {
		return Ack{}, classifyAppend(req.explain(err))
	}
	return Ack{Seq: pub.Sequence, Duplicate: pub.Duplicate}, nil
}

// Numbers of the server's errors that nats.go has no name for.
const (
	codeClusterNotAvailable  jetstream.ErrorCode = 10008
	codeInsufficient         jetstream.ErrorCode = 10023
	codeMemoryExceeded       jetstream.ErrorCode = 10028
	codeStorageExceeded      jetstream.ErrorCode = 10047
	codeStoreFailed          jetstream.ErrorCode = 10077
	codeHeaderTooLarge       jetstream.ErrorCode = 10097
	codeDuplicateInProcess   jetstream.ErrorCode = 10158
	codeAtomicDisabled       jetstream.ErrorCode = 10174
	codeAtomicUnsupported    jetstream.ErrorCode = 10177
	codeAtomicTooLarge       jetstream.ErrorCode = 10199
	codeAtomicDuplicate      jetstream.ErrorCode = 10201
	codeAccountResourcesUsed jetstream.ErrorCode = 10002
)

// classifyAppend joins an append's error with what may be done about it. What
// is not known to be without effect is uncertain.
func classifyAppend(err error) error {
	switch {
	case errors.Is(err, ErrPermission),
		errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionDraining),
		errors.Is(err, nats.ErrConnectionReconnecting), errors.Is(err, nats.ErrInvalidConnection),
		errors.Is(err, nats.ErrHeadersNotSupported):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject),
		errors.Is(err, nats.ErrInvalidMsg), errors.Is(err, nats.ErrBadHeaderMsg),
		errors.Is(err, jetstream.ErrInvalidSubject):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		// No answer, a lost connection, a cancelled wait, an answer that is not one.
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, codeHeaderTooLarge:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case codeAtomicDuplicate:
		return fmt.Errorf("%w: %w", ErrDuplicateInBatch, err)
	case codeAtomicTooLarge:
		return fmt.Errorf("%w: %w", ErrBatchTooLarge, err)
	case codeInsufficient, codeMemoryExceeded, codeStorageExceeded, codeAccountResourcesUsed:
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, ErrFull, err)
	case codeStoreFailed:
		// A limit is checked before writing; any other failure may have left the
		// message behind.
		if strings.Contains(api.Description, "maximum bytes") || strings.Contains(api.Description, "maximum messages") {
			return fmt.Errorf("%w: %w: %w", ErrUnavailable, ErrFull, err)
		}
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	case codeDuplicateInProcess:
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	case codeClusterNotAvailable:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// A refusal this program does not know. To set an event aside for it would be
	// rash: the cause may be a setting that somebody corrects.
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
