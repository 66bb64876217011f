package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stored is where a message lies.
type stored struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
}

// Following returns the sequence of the first message after the given one, 0 where
// there is none, as the stream's leader has it.
func (s *Stream) Following(ctx context.Context, seq uint64) (uint64, error) {
	next, err := s.c.storedFrom(ctx, StreamName, seq+1, nil)
	if err != nil {
		return 0, fmt.Errorf("streams: %w", err)
	}
	return next.Seq, nil
}

// storedFrom returns the first message of a stream, from a sequence on, that is about
// one of the subjects; all are meant where there are none. Its sequence is 0 where
// there is no such message.
//
// The leader is asked. What a consumer says of the end is what the server has on which
// it runs, and a replica that has just come back, or has just been made, may have
// less.
func (c *Conn) storedFrom(ctx context.Context, stream string, seq uint64, subjects []string) (first stored, err error) {
	if len(subjects) == 0 {
		subjects = []string{">"}
	}
	for _, subject := range subjects {
		m, err := c.askNext(ctx, stream, seq, subject)
		if err != nil {
			return stored{}, fmt.Errorf("ask the leader of stream %s for what follows seq=%d: %w", stream, seq, err)
		}
		if m.Seq > 0 && (first.Seq == 0 || m.Seq < first.Seq) {
			first = m
		}
	}
	return first, nil
}

// askNext asks for one subject. The client library has no method that does so and is
// answered by the leader alone.
func (c *Conn) askNext(ctx context.Context, stream string, seq uint64, subject string) (stored, error) {
	data, err := json.Marshal(map[string]any{"seq": seq, "next_by_subj": subject})
	if err != nil {
		return stored{}, err
	}
	to := "$JS.API.STREAM.MSG.GET." + stream
	ctx, req := c.begin(ctx, to, c.timeout)
	defer req.end()
	m, err := c.nc.RequestWithContext(ctx, to, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return stored{}, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	if err != nil {
		return stored{}, req.explain(err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message stored              `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return stored{}, fmt.Errorf("read the answer: %w", err)
	}
	switch {
	case answer.Error == nil:
		return answer.Message, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return stored{}, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return stored{}, ErrNoStream
	}
	return stored{}, describeAPI(answer.Error)
}
